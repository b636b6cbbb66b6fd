"""NumPy's files: mapped in place, scaled, checked against what the pipeline says of them."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.data import Arrays
from convspec.errors import UserError
from runners.data import Dataset, load

Pictures = NDArray[np.uint8]


def load_arrays(folder: Path, *, everything_is_test: bool = True, **fields: Any) -> Dataset:
    source = Arrays.of(fields)
    return load(source, folder=folder, seed=1, everything_is_test=everything_is_test)


def everything(dataset: Dataset) -> NDArray[np.float32]:
    return dataset.test.pictures_at(slice(None))


def save_two(folder: Path, pictures: NDArray[Any], labels: NDArray[Any]) -> dict[str, str]:
    np.save(folder / "x.npy", pictures)
    np.save(folder / "y.npy", labels)
    return {"images": "x.npy", "labels": "y.npy"}


def test_npy_files_are_mapped_and_bytes_become_0_to_1(tmp_path: Path, pictures: Pictures, labels: Pictures) -> None:
    dataset = load_arrays(tmp_path, **save_two(tmp_path, pictures, labels))
    (store,) = dataset.test.stores
    assert isinstance(store, np.memmap)
    assert (store.dtype, store.shape) == (np.uint8, (40, 1, 3, 4))
    assert dataset.description.shape == (1, 3, 4)
    assert dataset.description.classes == ("0", "1", "2", "3")
    taken = everything(dataset)
    assert taken.dtype == np.float32
    assert np.array_equal(taken[:, 0], pictures.astype(np.float32) / np.float32(255))
    assert np.array_equal(dataset.test.truth, labels)
    assert dataset.test.truth.dtype == np.int64


@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f4", "<f8", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_members_are_mapped_in_place(
    tmp_path: Path, pictures: Pictures, labels: Pictures, dtype: str, order: Any
) -> None:
    stored = np.asarray(pictures[:, np.newaxis] / 2, dtype, order)
    np.savez(tmp_path / "both.npz", something_else=np.zeros(5), labels=labels.astype(">i2"), images=stored)
    dataset = load_arrays(tmp_path, images="both.npz")
    (store,) = dataset.test.stores
    assert isinstance(store, np.memmap)
    assert Path(str(store.filename)) == tmp_path / "both.npz"
    expected = stored.astype(np.float32)
    assert np.array_equal(everything(dataset), expected / np.float32(255) if dtype == "u1" else expected)
    assert np.array_equal(dataset.test.truth, labels)


def test_compressed_members_are_read(tmp_path: Path, pictures: Pictures, labels: Pictures) -> None:
    np.savez_compressed(tmp_path / "both.npz", images=np.asfortranarray(pictures), labels=labels)
    dataset = load_arrays(tmp_path, images="both.npz")
    assert not isinstance(dataset.test.stores[0], np.memmap)
    assert np.array_equal(everything(dataset)[:, 0], pictures.astype(np.float32) / np.float32(255))


def test_more_pictures_than_memory_would_hold_are_never_loaded_at_once(tmp_path: Path) -> None:
    count = 64_000
    pictures = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (count, 1, 16, 16))
    pictures[-1] = 0.5
    pictures.flush()
    np.save(tmp_path / "y.npy", np.arange(count) % 2)
    tracemalloc.start()
    dataset = load_arrays(tmp_path, images="x.npy", labels="y.npy", everything_is_test=False)
    taken = dataset.train.pictures_at(np.arange(32))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken.shape == (32, 1, 16, 16)
    assert peak < pictures.nbytes / 5


def test_what_is_taken_is_a_copy_that_may_be_changed(tmp_path: Path, pictures: Pictures, labels: Pictures) -> None:
    dataset = load_arrays(tmp_path, **save_two(tmp_path, pictures.astype(np.float32), labels))
    taken = dataset.test.pictures_at(slice(0, 8))
    assert taken.flags.writeable
    assert not np.may_share_memory(taken, dataset.test.stores[0])


def test_examples_are_taken_in_the_order_asked_for(tmp_path: Path, pictures: Pictures, labels: Pictures) -> None:
    files = save_two(tmp_path, pictures.astype(np.float64), labels)
    train = load_arrays(tmp_path, everything_is_test=False, **files).train
    chosen = np.array([5, 0, 5, 27])
    assert len(train) == 28
    assert train.shape == (1, 3, 4)
    assert np.array_equal(train.pictures_at(chosen)[:, 0], pictures[train.rows[chosen]])
    assert np.array_equal(train.truth, labels[train.rows])


def test_the_checksum_is_that_of_the_files(tmp_path: Path, pictures: Pictures, labels: Pictures) -> None:
    files = save_two(tmp_path, pictures, labels)
    np.savez(tmp_path / "both.npz", images=pictures, labels=labels)
    two = (tmp_path / "x.npy").read_bytes() + (tmp_path / "y.npy").read_bytes()
    one = (tmp_path / "both.npz").read_bytes()
    assert load_arrays(tmp_path, **files).checksum == hashlib.sha256(two).hexdigest()
    assert load_arrays(tmp_path, images="both.npz").checksum == hashlib.sha256(one).hexdigest()


@pytest.mark.parametrize("given", [[3, 4], [1, 3, 4]], ids=["height and width", "with channels"])
def test_a_given_shape_that_is_right(tmp_path: Path, pictures: Pictures, labels: Pictures, given: list[int]) -> None:
    dataset = load_arrays(tmp_path, shape=given, classes=6, **save_two(tmp_path, pictures, labels))
    assert dataset.description.shape == (1, 3, 4)
    assert len(dataset.description.classes) == 6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"shape": [3, 5]},
            "x.npy: its pictures must have the shape [1, 3, 5] (channels, height, width). Got [1, 3, 4]. "
            "Correct data.shape or the file.",
        ),
        (
            {"classes": 3},
            "y.npy: with 3 classes, labels count from 0 to 2. Got 3. Correct data.classes or the labels.",
        ),
        ({"images": "absent.npy"}, "absent.npy: there is no such file."),
        ({"labels": "x.npy"}, "x.npy: labels are (n,), one whole number a picture. Got (40, 3, 4)."),
    ],
    ids=["shape", "classes", "missing file", "pictures for labels"],
)
@pytest.mark.parametrize("described", [False, True], ids=["alone", "with shape and classes given"])
def test_files_that_are_not_as_described(
    tmp_path: Path, pictures: Pictures, labels: Pictures, fields: dict[str, Any], message: str, described: bool
) -> None:
    known = {"shape": [3, 4], "classes": 4} if described else {}
    with pytest.raises(UserError) as caught:
        load_arrays(tmp_path, **{**save_two(tmp_path, pictures, labels), **known, **fields})
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_pictures_and_labels_must_be_as_many(tmp_path: Path, pictures: Pictures, labels: Pictures) -> None:
    with pytest.raises(UserError, match=r"a label for each of the 40 pictures in x\.npy\. Got 39\. Do these two files"):
        load_arrays(tmp_path, **save_two(tmp_path, pictures, labels[:-1]))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300], ids=["nan", "infinity", "beyond 32 bits"])
def test_values_that_no_network_can_take(tmp_path: Path, labels: Pictures, value: float) -> None:
    pictures = np.zeros((40, 3, 4))
    pictures[17, 1, 1] = value
    with pytest.raises(UserError, match=r"finite 32-bit numbers\. Got others in picture 17 \(the first is 0\)"):
        load_arrays(tmp_path, **save_two(tmp_path, pictures, labels))


def test_a_damaged_compressed_member_is_a_message(tmp_path: Path, pictures: Pictures, labels: Pictures) -> None:
    np.savez_compressed(tmp_path / "both.npz", images=pictures, labels=labels)
    content = bytearray((tmp_path / "both.npz").read_bytes())
    content[300] ^= 0xFF
    (tmp_path / "both.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"both\.npz: the file is damaged or cut short"):
        load_arrays(tmp_path, images="both.npz", shape=[3, 4], classes=4)


FORMS: dict[str, tuple[tuple[int, ...], dict[str, Any], tuple[int, ...]]] = {
    "length": ((12,), {}, (1, 12)),
    "height and width": ((3, 4), {}, (1, 3, 4)),
    "channels, height and width": ((3, 2, 2), {}, (3, 2, 2)),
    "channels, depth, height and width": ((2, 3, 2, 1), {}, (2, 3, 2, 1)),
    "channels and length": ((3, 4), {"dimensions": 1}, (3, 4)),
    "length, as said": ((12,), {"dimensions": 1}, (1, 12)),
    "depth, height and width": ((3, 2, 2), {"dimensions": 3}, (1, 3, 2, 2)),
    "depth first": ((6, 2, 1), {"dimensions": 3}, (1, 6, 2, 1)),
    "shape of a length": ((12,), {"shape": [12]}, (1, 12)),
    "shape of channels and length": ((3, 4), {"shape": [3, 4], "dimensions": 1}, (3, 4)),
    "shape with the channel that the file leaves out": ((3, 2, 2), {"shape": [1, 3, 2, 2]}, (1, 3, 2, 2)),
    "shape without the channel that the file has": ((1, 12), {"shape": [12]}, (1, 12)),
}


@pytest.mark.parametrize(("stored", "fields", "expected"), FORMS.values(), ids=FORMS)
def test_dimensions_follow_from_what_is_stored_or_said(
    tmp_path: Path, labels: Pictures, stored: tuple[int, ...], fields: dict[str, Any], expected: tuple[int, ...]
) -> None:
    examples = np.random.default_rng(0).standard_normal((40, *stored)).astype(np.float32)
    dataset = load_arrays(tmp_path, **save_two(tmp_path, examples, labels), **fields)
    assert dataset.description.shape == expected
    assert np.array_equal(everything(dataset), examples.reshape(40, *expected))


@pytest.mark.parametrize(
    ("stored", "fields", "message"),
    [
        ((3,), {"dimensions": 2},
            "x.npy: examples are (n, height, width) or (n, channels, height, width), and none of these is 0. Got (40, 3). "
            "Correct data.dimensions or the file."),
        ((3, 4, 5), {"dimensions": 1},
            "x.npy: examples are (n, length) or (n, channels, length), and none of these is 0. Got (40, 3, 4, 5). "
            "Correct data.dimensions or the file."),
        ((3, 4), {"dimensions": 3},
            "x.npy: examples are (n, depth, height, width) or (n, channels, depth, height, width), and none of these is 0. "
            "Got (40, 3, 4). Correct data.dimensions or the file."),
        ((12,), {"shape": [13]},
            "x.npy: its sequences must have the shape [1, 13] (channels, length). Got [1, 12]. "
            "Correct data.shape or the file."),
        ((2, 3, 4), {"shape": [1, 2, 3, 5]},
            "x.npy: its volumes must have the shape [1, 2, 3, 5] (channels, depth, height, width). Got [1, 2, 3, 4]. "
            "Correct data.shape or the file."),
        ((8, 8, 8, 3), {},
            "x.npy looks as if it had its channels last: 40 x 8 x 8 x 8 x 3. Store them as (n, channels, depth, height, width): "
            "numpy.moveaxis(images, -1, 1). If they are right as they are, say so: `shape: [8, 8, 8, 3]`."),
    ],
    ids=["flat pictures", "wide sequences", "flat volumes", "length", "width of a volume", "channels last"],
)  # fmt: skip
def test_files_of_other_dimensions(
    tmp_path: Path, labels: Pictures, stored: tuple[int, ...], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_arrays(tmp_path, **save_two(tmp_path, np.zeros((40, *stored), np.float32), labels), **fields)
    assert str(caught.value) == f"{tmp_path}/{message}"


@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i4", "<i8", "<u4"])
def test_whole_numbers_of_a_sequence_are_words_as_they_are(tmp_path: Path, labels: Pictures, dtype: str) -> None:
    words = np.random.default_rng(0).integers(0, 100, (40, 12)).astype(dtype)
    dataset = load_arrays(tmp_path, **save_two(tmp_path, words, labels))
    assert dataset.description.may_be_words
    assert np.array_equal(everything(dataset)[:, 0], words)


@pytest.mark.parametrize(("dtype", "stored"), [("u1", (12,)), ("u1", (3, 4)), ("<i4", (3, 4)), ("<u2", (1, 2, 3, 2))])
def test_as_they_are_takes_every_number(tmp_path: Path, labels: Pictures, dtype: str, stored: tuple[int, ...]) -> None:
    numbers = np.random.default_rng(0).integers(0, 100, (40, *stored)).astype(dtype)
    dataset = load_arrays(tmp_path, values="as_they_are", **save_two(tmp_path, numbers, labels))
    assert dataset.description.may_be_words
    assert np.array_equal(everything(dataset).reshape(numbers.shape), numbers)


def test_whole_numbers_of_pictures_have_to_be_meant(tmp_path: Path, labels: Pictures) -> None:
    message = (
        r"x\.npy: pictures are unsigned bytes or floating-point numbers\. Got <i4\. Save them again as np\.uint8 "
        r"\(0 to 255\) or np\.float32; or say `values: as_they_are`\."
    )
    with pytest.raises(UserError, match=message):
        load_arrays(tmp_path, **save_two(tmp_path, np.zeros((40, 3, 4), np.int32), labels))


def test_bytes_are_no_words_unless_they_are_taken_as_they_are(tmp_path: Path, labels: Pictures) -> None:
    files = save_two(tmp_path, np.zeros((40, 12), np.uint8), labels)
    assert not load_arrays(tmp_path, **files).description.may_be_words
