"""The split: every example in one part, every class alike, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convspec.data import Split
from convspec.errors import UserError
from runners.data.split import divide

SHARES = st.sampled_from([0.05, 0.1, 0.15, 0.2, 1 / 3])


def labels_of(sizes: list[int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


def names(sizes: list[int]) -> list[str]:
    return [f"c{label}" for label in range(len(sizes))]


@given(
    sizes=st.lists(st.integers(20, 60), min_size=1, max_size=12),
    validation=st.sampled_from([0.0, 0.05, 0.1, 1 / 3]),
    test=SHARES,
    seed=st.integers(0, 2**63 - 1),
)
def test_each_example_is_in_one_part_and_each_class_has_its_share_to_within_one(
    sizes: list[int], validation: float, test: float, seed: int
) -> None:
    labels = labels_of(sizes)
    parts = divide(labels, Split(validation=validation, test=test), seed=seed, names=names(sizes))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for part, share in zip(parts, (1 - validation - test, validation, test), strict=True):
        assert (np.diff(part) > 0).all()
        counts = np.bincount(labels[part], minlength=len(sizes))
        assert (np.abs(counts - np.array(sizes) * share) < 1).all()


@pytest.mark.parametrize(
    ("sizes", "validation", "test", "expected"),
    [
        ([7] * 10, 0.1, 0.2, (49, 7, 14)),
        ([10] * 3, 0.1, 0.2, (21, 3, 6)),
        ([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], 0.1, 0.2, (1258, 180, 359)),
        ([100, 1000], 0.0, 0.25, (825, 0, 275)),
        ([3, 3, 3, 3], 0.25, 0.25, (6, 3, 3)),
    ],
    ids=["sevens", "tens", "digits", "no validation", "threes"],
)
def test_what_one_class_loses_to_rounding_another_makes_up_for(
    sizes: list[int], validation: float, test: float, expected: tuple[int, ...]
) -> None:
    parts = divide(labels_of(sizes), Split(validation=validation, test=test), seed=1, names=names(sizes))
    assert tuple(map(len, parts)) == expected


def test_the_seed_decides_alone() -> None:
    labels = labels_of([30, 30])
    first, again, other = (divide(labels, Split(), seed=seed, names=["a", "b"])[2].tolist() for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_a_test_set_of_its_own_leaves_the_rest_to_training() -> None:
    split = Split(validation=0.1, test=0.2)
    training, validation, test = divide(labels_of([50, 50]), split, seed=1, names=["a", "b"], has_own_test=True)
    assert (len(training), len(validation), len(test)) == (90, 10, 0)


def test_a_class_without_examples_is_no_hindrance() -> None:
    training, validation, test = divide(np.zeros(20, np.int64), Split(), seed=1, names=["a", "b"])
    assert (len(training), len(validation), len(test)) == (14, 2, 4)


@pytest.mark.parametrize(
    ("sizes", "validation", "test", "message"),
    [
        (
            [50, 2],
            0.1,
            0.2,
            "data.split: class c1 must have enough examples for training, validation, test. Got 2. "
            "Add examples, change the shares, or do without validation: `split: {validation: 0}`.",
        ),
        ([50, 1], 0.0, 0.2, "data.split: class c1 must have enough examples for training, test. Got 1."),
        ([3], 0.45, 0.5, "data.split: class c0 must have enough examples for training, validation, test. Got 3."),
        ([20], 0.01, 0.2, "data.split: the part for validation must not be empty. Got 0.01 of 20 examples."),
        ([20], 0.1, 0.01, "data.split: the part for test must not be empty. Got 0.01 of 20 examples."),
        (
            [50],
            0.1,
            0.0,
            "data.split.test: the final figures need examples. Got 0. Give it a share above 0; "
            "or leave out `training`, and every example is a test.",
        ),
    ],
    ids=["two of a class", "one of a class", "none to train on", "no validation", "no test", "test of 0"],
)
def test_what_cannot_be_divided_is_said(sizes: list[int], validation: float, test: float, message: str) -> None:
    with pytest.raises(UserError) as caught:
        divide(labels_of(sizes), Split(validation=validation, test=test), seed=1, names=names(sizes))
    assert str(caught.value).startswith(message)
