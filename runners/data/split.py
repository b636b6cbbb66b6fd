"""The division of examples into those to train on, to validate on and to test on, each class alike; all alike where the
truth is numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convspec.data import Split
from convspec.errors import UserError
from runners.data.dataset import Labels, Rows, Truth
from runners.randomness import stream

PARTS = ("training", "validation", "test")

_WAY_OUT = "Add examples, change the shares, or do without validation: `split: {validation: 0}`."


def divide(
    truth: Truth, split: Split, *, seed: int, names: Sequence[str], has_own_test: bool = False
) -> tuple[Rows, Rows, Rows]:
    """The rows of (training, validation, test), ascending: each in one part, each class's share of each part right to one.

    `names` are those of the classes; there are none where the truth is numbers, and the shares are then plain ones.
    Depends on the labels, the shares and the seed alone. Where a source has a test set of its own, none is taken from these.
    Raises UserError where a class or a part would be left without what it needs.
    """
    test = 0.0 if has_own_test else split.test
    if test == 0 and not has_own_test:
        hint = "Give it a share above 0; or leave out `training`, and every example is a test."
        raise UserError("data.split.test: the final figures need examples. Got 0.", hint=hint)
    shares = np.array([1 - split.validation - test, split.validation, test])
    labels: Labels = truth if names else np.zeros(len(truth), np.int64)
    sizes = np.bincount(labels, minlength=len(names))
    counts = _counts(sizes, shares)
    _require_enough(sizes, counts, shares=shares, names=names)
    shuffled = stream(seed, "split").permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    part = np.repeat(np.tile(np.arange(3), len(sizes)), counts.ravel())
    return np.sort(by_class[part == 0]), np.sort(by_class[part == 1]), np.sort(by_class[part == 2])


def _counts(sizes: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """(classes, parts): each the exact share rounded down or up; a part that one class leaves short comes first in the next."""
    counts = np.zeros((len(sizes), len(shares)), np.int64)
    owed = np.zeros(len(shares))
    for label, size in enumerate(sizes):
        exact = np.round(size * shares, 9)  # 10 * 0.7 must be 7
        counts[label] = np.floor(exact)
        wanting = np.where(exact > counts[label], exact - counts[label] + owed, -np.inf)
        left = size - counts[label].sum()
        counts[label, np.argsort(-wanting, kind="stable")[:left]] += 1
        owed += exact - counts[label]
    return counts


def _require_enough(
    sizes: NDArray[np.int64], counts: NDArray[np.int64], *, shares: NDArray[np.float64], names: Sequence[str]
) -> None:
    """Raises UserError where a class has fewer examples than parts, or none to train on, or where a part is empty."""
    asked = [name for name, share in zip(PARTS, shares, strict=True) if share > 0]
    groups = [f"class {name}" for name in names] or ["the data"]
    for group, size, training in zip(groups, sizes, counts[:, 0], strict=True):
        if 0 < size < len(asked) or training == 0 < size:
            rule = f"{group} must have enough examples for {', '.join(asked)}"
            raise UserError(f"data.split: {rule}. Got {size}.", hint=_WAY_OUT)
    for name, share, count in zip(PARTS, shares, counts.sum(axis=0), strict=True):
        if share > 0 and count == 0:
            got = f"{share:g} of {sizes.sum()} examples"
            raise UserError(f"data.split: the part for {name} must not be empty. Got {got}.", hint=_WAY_OUT)
