"""Fashion-MNIST: the official test set stays what it is; a missing file says how to get it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convspec.data import FashionMnist
from convspec.errors import UserError
from runners.data import Dataset, load

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def official() -> Dataset:
    if not DEBIAN.is_dir():
        pytest.skip(f"{DEBIAN} is not there: apt-get install dataset-fashion-mnist")
    return load(FashionMnist.of({}), folder=Path(), seed=1)


def test_validation_comes_from_the_training_files_and_test_is_the_official_one(official: Dataset) -> None:
    parts = official.train, official.validation, official.test
    counts = [np.bincount(part.truth).tolist() for part in parts]
    assert counts == [[5400] * 10, [600] * 10, [1000] * 10]


def test_pictures_stay_bytes_until_they_are_taken(official: Dataset) -> None:
    assert official.train.stores[0].dtype == np.uint8
    taken = official.test.pictures_at(np.arange(256))
    assert (taken.shape, taken.dtype) == ((256, 1, 28, 28), np.float32)
    assert (taken.min(), taken.max()) == (0, 1)


def test_the_first_official_test_picture_is_an_ankle_boot(official: Dataset) -> None:
    assert official.description.classes[official.test.truth[0]] == "ankle-boot"


@pytest.fixture
def folder(tmp_path: Path, write_idx: Callable[..., str]) -> Path:
    """The four files with 30 and 10 pictures, some plain, some gzipped."""
    for part, count in (("train", 30), ("t10k", 10)):
        write_idx(f"{part}-images-idx3-ubyte", np.full((count, 28, 28), count, np.uint8))
        write_idx(f"{part}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8) % 10, packed=True)
    return tmp_path


def test_any_folder_will_do(folder: Path) -> None:
    source = FashionMnist.of({"path": folder.name, "split": {"validation": 1 / 3, "test": 0.5}})
    dataset = load(source, folder=folder.parent, seed=1)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [20, 10, 10]
    assert np.allclose(dataset.test.pictures_at(slice(None)), 10 / 255)


def test_a_missing_file_says_how_to_get_it(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    source = FashionMnist.of({"path": str(folder)})
    with pytest.raises(UserError) as caught:
        load(source, folder=Path(), seed=1)
    assert str(caught.value) == (
        f"{folder}: the files of Fashion-MNIST must be here. Got no t10k-labels-idx1-ubyte.gz. "
        "Install them with `apt-get install dataset-fashion-mnist`, or say with data.path where they are."
    )


def test_other_pictures_under_these_names_are_refused(folder: Path, write_idx: Callable[..., str]) -> None:
    write_idx("train-images-idx3-ubyte", np.zeros((30, 8, 8), np.uint8))
    source = FashionMnist.of({"path": str(folder)})
    with pytest.raises(UserError, match=r"must have the shape \[1, 28, 28\].*Got \[1, 8, 8\]"):
        load(source, folder=Path(), seed=1)
