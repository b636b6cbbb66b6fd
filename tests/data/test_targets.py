"""Targets that are numbers: read from NumPy's files in any of their types, told apart from labels, and generated."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.data import Arrays, Description, XsAndOs
from convspec.errors import UserError
from runners.data import Dataset, load

PICTURES = np.random.default_rng(3).integers(0, 256, (40, 3, 4), np.uint8)
PAIRS = np.random.default_rng(4).uniform(-50, 50, (40, 2)).round(2)


def arrays(folder: Path, *, everything_is_test: bool = True, seed: int = 1, **fields: Any) -> Dataset:
    return load(Arrays.of(fields), folder=folder, seed=seed, everything_is_test=everything_is_test)


def save_two(folder: Path, targets: NDArray[Any]) -> dict[str, str]:
    np.save(folder / "x.npy", PICTURES)
    np.save(folder / "y.npy", targets)
    return {"images": "x.npy", "targets": "y.npy"}


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "i1", "u1", ">i2", "<i4", "<i8", "<u8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_every_type_become_32_bit(tmp_path: Path, dtype: str, order: Any) -> None:
    stored = np.asarray(np.abs(PAIRS), dtype, order)
    dataset = arrays(tmp_path, **save_two(tmp_path, stored))
    assert dataset.description.targets == ("target_1", "target_2")
    assert dataset.description.classes == ()
    assert dataset.description.votes == ("target_1", "target_2")
    assert (dataset.test.truth.dtype, dataset.test.truth.shape) == (np.float32, (40, 2))
    assert np.array_equal(dataset.test.truth, stored.astype(np.float32))


@pytest.mark.parametrize("shape", [(40,), (40, 1)], ids=["n", "n 1"])
def test_one_number_a_picture_is_called_target(tmp_path: Path, shape: tuple[int, ...]) -> None:
    dataset = arrays(tmp_path, **save_two(tmp_path, PAIRS[:, 0].reshape(shape)))
    assert dataset.description.targets == ("target",)
    assert np.array_equal(dataset.test.truth[:, 0], PAIRS[:, 0].astype(np.float32))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["plain", "compressed"])
def test_a_npz_with_targets_and_no_labels_has_numbers(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "both.npz", images=PICTURES, targets=PAIRS)
    dataset = arrays(tmp_path, images="both.npz", target_names=["row", "column"])
    assert dataset.description == Description((1, 3, 4), targets=("row", "column"))
    assert np.array_equal(dataset.test.truth, PAIRS.astype(np.float32))
    assert dataset.checksum == hashlib.sha256((tmp_path / "both.npz").read_bytes()).hexdigest()


class TestBothInOneFile:
    """A .npz with labels and targets."""

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "both.npz", images=PICTURES, targets=PAIRS, labels=np.arange(40) % 4)

    def test_it_is_asked_which(self, tmp_path: Path) -> None:
        with pytest.raises(UserError) as caught:
            arrays(tmp_path, images="both.npz")
        assert str(caught.value) == (
            f"{tmp_path}/both.npz: the truth is either `labels` or `targets`. Got both. "
            "Say which: `labels: both.npz` for classes, `targets: both.npz` for numbers."
        )

    @pytest.mark.parametrize("fields", [{"labels": "both.npz"}, {"classes": 4}], ids=["labels", "classes"])
    def test_classes_are_chosen(self, tmp_path: Path, fields: dict[str, Any]) -> None:
        dataset = arrays(tmp_path, images="both.npz", **fields)
        assert dataset.description.classes == ("0", "1", "2", "3")
        assert dataset.test.truth.dtype == np.int64

    @pytest.mark.parametrize(
        "fields", [{"targets": "both.npz"}, {"target_names": ["a", "b"]}], ids=["targets", "names"]
    )
    def test_numbers_are_chosen(self, tmp_path: Path, fields: dict[str, Any]) -> None:
        assert arrays(tmp_path, images="both.npz", **fields).test.truth.shape == (40, 2)


def test_what_is_named_is_described_without_the_files() -> None:
    source = Arrays.of({"images": "absent.npz", "shape": [8, 8], "target_names": ["angle"]})
    assert source.describe(Path("nowhere")) == Description((1, 8, 8), targets=("angle",), may_be_words=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300], ids=["nan", "infinity", "below", "beyond 32 bits"])
def test_a_target_that_is_no_finite_number_is_named_by_its_row(tmp_path: Path, value: float) -> None:
    targets = PAIRS.copy()
    targets[17, 1] = value
    with pytest.raises(UserError) as caught:
        arrays(tmp_path, **save_two(tmp_path, targets))
    assert str(caught.value) == (
        f"{tmp_path}/y.npy: values must be finite 32-bit numbers. Got others in row 17 (the first is 0). "
        "Mend or leave out that row."
    )


@pytest.mark.parametrize(
    ("targets", "fields", "message"),
    [
        (PAIRS[:39], {}, "there must be a target for each of the 40 pictures in x.npy. Got 39. Do these two files"),
        (PAIRS[0], {}, "there must be a target for each of the 40 pictures in x.npy. Got 2."),
        (PAIRS > 0, {}, "targets are whole or floating-point numbers. Got |b1. Save them again as np.float32; or give"),
        (PICTURES, {}, "targets are (n,), one number a picture, or (n, k), and none of these is 0. Got (40, 3, 4)."),
        (PAIRS[:, :0], {}, "and none of these is 0. Got (40, 0). Is this the file with the targets?"),
        (np.array(["a"] * 40), {}, "values are plain numbers. Got '<U1'."),
        (np.zeros((1, 10_001)), {}, "a picture has 10,000 targets at most. Got 10,001."),
        (
            PAIRS, {"target_names": ["row"]},
            "with 1 target_names, each picture must have as many numbers. Got 2. Name each of them, or leave",
        ),
    ],
    ids=["one too few", "one row", "truths", "pictures", "no column", "texts", "too wide", "not all named"],
)  # fmt: skip
def test_files_that_are_not_as_described(
    tmp_path: Path, targets: NDArray[Any], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        arrays(tmp_path, **save_two(tmp_path, targets), **fields)
    assert str(caught.value).startswith(f"{tmp_path}/y.npy: ")
    assert message in str(caught.value)


class TestSplit:
    """Shares as they are asked for, drawn from the seed."""

    def parts(self, folder: Path, seed: int = 1) -> list[NDArray[np.int64]]:
        dataset = arrays(folder, everything_is_test=False, seed=seed, **save_two(folder, PAIRS))
        return [part.rows for part in (dataset.train, dataset.validation, dataset.test)]

    def test_each_example_is_in_one_part(self, tmp_path: Path) -> None:
        parts = self.parts(tmp_path)
        assert [len(part) for part in parts] == [28, 4, 8]
        assert sorted(np.concatenate(parts).tolist()) == list(range(40))

    def test_it_follows_from_the_seed(self, tmp_path: Path) -> None:
        first, again, other = self.parts(tmp_path), self.parts(tmp_path), self.parts(tmp_path, seed=2)
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
        assert not np.array_equal(first[2], other[2])

    def test_pictures_keep_their_numbers(self, tmp_path: Path) -> None:
        train = arrays(tmp_path, everything_is_test=False, **save_two(tmp_path, PAIRS)).train
        assert np.array_equal(train.truth, PAIRS[train.rows].astype(np.float32))

    def test_too_few_examples_are_a_message(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "two.npz", images=PICTURES[:2], targets=PAIRS[:2])
        with pytest.raises(UserError) as caught:
            arrays(tmp_path, everything_is_test=False, images="two.npz")
        assert str(caught.value).startswith(
            "data.split: the data must have enough examples for training, validation, test. Got 2. Add examples,"
        )


class TestLetters:
    """What of an X or O is told: measured in the drawing itself."""

    def letters(self, **fields: Any) -> tuple[NDArray[np.float32], NDArray[Any], Dataset]:
        dataset = load(XsAndOs.of(fields), folder=Path(), seed=1, everything_is_test=True)
        return dataset.test.pictures_at(slice(None))[:, 0], dataset.test.truth, dataset

    def test_row_and_column_are_where_the_ink_is(self) -> None:
        pictures, truth, _ = self.letters(tricks={"translation": 1}, tell=["row", "column"], examples=200)
        ink = (pictures + 1) / 2
        steps = np.arange(9) - 4
        centre = np.stack([(ink.sum(axis=axis) * steps).sum(axis=1) / ink.sum(axis=(1, 2)) for axis in (2, 1)], axis=1)
        np.testing.assert_allclose(truth, centre, atol=0.12)
        assert np.abs(truth).max() > 0.9

    def test_an_x_is_turned_clockwise_by_what_is_told(self) -> None:
        pictures, truth, _ = self.letters(tricks={"rotation": 20}, tell=["rotation"], examples=400)
        up, right = 4.0 - np.mgrid[:9, :9][0], np.mgrid[:9, :9][1] - 4.0
        corner = (np.hypot(up, right) > 2) & (up > 0) & (right > 0)  # where one end of a plain X stands, at 45 degrees
        ink = ((pictures[::2] + 1) / 2)[:, corner]
        angle = np.degrees((ink * np.arctan2(up, right)[corner]).sum(axis=1) / ink.sum(axis=1))
        slope, middle = np.polyfit(truth[::2, 0], angle, 1)
        assert (slope, middle) == (pytest.approx(-1, abs=0.1), pytest.approx(45, abs=0.5))

    def test_more_ink_tells_of_heavier_strokes(self) -> None:
        pictures, truth, dataset = self.letters(tricks={"weight": 0.5}, tell=["weight"], examples=200)
        assert np.corrcoef(pictures[::2].sum(axis=(1, 2)), truth[::2, 0])[0, 1] > 0.99
        assert dataset.description == Description((1, 9, 9), targets=("weight",), low=-1.0)

    def test_the_pictures_are_those_that_the_letters_are_told_of(self) -> None:
        tricks = {"translation": 1, "scaling": 0.2}
        told, _, _ = self.letters(tricks=tricks, tell=["scaling"], noise=0.1, examples=50)
        named, labels, _ = self.letters(tricks=tricks, noise=0.1, examples=50)
        assert np.array_equal(told, named)
        assert labels.tolist() == [0, 1] * 25
