"""Files in MNIST's format: mapped or unpacked, with or without a test set of their own."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.data import Idx
from convspec.errors import UserError
from runners.data import Dataset, load

Pictures = NDArray[np.uint8]


def load_idx(folder: Path, *, everything_is_test: bool = False, **fields: Any) -> Dataset:
    source = Idx.of(fields)
    return load(source, folder=folder, seed=1, everything_is_test=everything_is_test)


@pytest.fixture(params=[False, True], ids=["plain", "gzipped"])
def files(
    request: pytest.FixtureRequest, write_idx: Callable[..., str], pictures: Pictures, labels: Pictures
) -> dict[str, str]:
    return {
        "images": write_idx("x", pictures, packed=request.param),
        "labels": write_idx("y", labels, packed=request.param),
        "test_images": write_idx("tx", pictures[:7], packed=request.param),
        "test_labels": write_idx("ty", labels[:7], packed=request.param),
    }


def only(files: dict[str, str]) -> dict[str, str]:
    return {name: files[name] for name in ("images", "labels")}


def test_bytes_become_0_to_1(tmp_path: Path, files: dict[str, str], pictures: Pictures, labels: Pictures) -> None:
    test = load_idx(tmp_path, everything_is_test=True, **only(files)).test
    assert np.array_equal(test.pictures_at(slice(None))[:, 0], pictures.astype(np.float32) / np.float32(255))
    assert np.array_equal(test.truth, labels)


def test_without_a_test_set_of_its_own_the_source_is_split_in_three(tmp_path: Path, files: dict[str, str]) -> None:
    dataset = load_idx(tmp_path, **only(files))
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [28, 4, 8]


def test_a_test_set_of_its_own_is_kept_as_it_is(
    tmp_path: Path, files: dict[str, str], pictures: Pictures, labels: Pictures
) -> None:
    dataset = load_idx(tmp_path, split={"validation": 0.2, "test": 0.5}, **files)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [32, 8, 7]
    assert np.array_equal(dataset.test.pictures_at(slice(None))[:, 0] * 255, pictures[:7])
    assert np.array_equal(dataset.test.truth, labels[:7])


def test_where_nothing_is_trained_both_sets_are_test(
    tmp_path: Path, files: dict[str, str], pictures: Pictures, labels: Pictures
) -> None:
    dataset = load_idx(tmp_path, everything_is_test=True, **files)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [0, 0, 47]
    assert dataset.train.pictures_at(slice(None)).shape == (0, 1, 3, 4)
    order = np.array([46, 3, 40, 39])
    expected = np.concatenate([pictures, pictures[:7]])[order]
    assert np.array_equal(dataset.test.pictures_at(order)[:, 0], expected.astype(np.float32) / np.float32(255))
    assert np.array_equal(dataset.test.truth, np.concatenate([labels, labels[:7]]))


def test_only_plain_files_are_mapped(tmp_path: Path, files: dict[str, str]) -> None:
    (store,) = load_idx(tmp_path, **only(files)).train.stores
    plain = (tmp_path / "x").read_bytes()[:2] != b"\x1f\x8b"
    assert isinstance(store, np.memmap) == plain
    assert store.dtype == np.uint8


def test_the_checksum_is_that_of_the_files_as_they_are_stored(tmp_path: Path, files: dict[str, str]) -> None:
    content = b"".join((tmp_path / name).read_bytes() for name in ("x", "y", "tx", "ty"))
    assert load_idx(tmp_path, **files).checksum == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shape": [4, 3]}, "x: its pictures must have the shape [1, 4, 3] (channels, height, width). Got [1, 3, 4]."),
        ({"classes": 2}, "y: with 2 classes, labels count from 0 to 1. Got 3."),
        ({"test_labels": "y"}, "y: there must be a label for each of the 7 pictures in tx. Got 40."),
        ({"test_images": "absent"}, "absent: there is no such file."),
        ({"test_images": "ty"}, "ty: examples are (n, length), (n, height, width), (n, channels, height, width)"),
    ],
    ids=["shape", "classes", "count", "missing", "labels for pictures"],
)
def test_files_that_are_not_as_described(
    tmp_path: Path, files: dict[str, str], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_idx(tmp_path, **{**files, **fields})
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-20], r"x: the file is damaged or cut short\."),
        (lambda content: gzip.compress(gzip.decompress(content)[:-1]), r"cut short\. Got 479 bytes instead of 480\."),
        (
            lambda content: gzip.compress(gzip.decompress(content) + b"\0"),
            r"sizes \[40, 3, 4\] has 496 bytes\. Got more\.",
        ),
    ],
    ids=["cut file", "a byte less", "a byte more"],
)
def test_gzipped_pictures_must_be_as_many_as_the_header_says(
    tmp_path: Path, write_idx: Callable[..., str], pictures: Pictures, labels: Pictures, change: Any, message: str
) -> None:
    fields = {"images": write_idx("x", pictures, packed=True), "labels": write_idx("y", labels)}
    (tmp_path / "x").write_bytes(change((tmp_path / "x").read_bytes()))
    with pytest.raises(UserError, match=message):
        load_idx(tmp_path, **fields)


@pytest.mark.parametrize(
    ("stored", "fields", "expected"),
    [
        ((12,), {}, (1, 12)),
        ((3, 4), {"dimensions": 1}, (3, 4)),
        ((3, 2, 2), {"dimensions": 3}, (1, 3, 2, 2)),
        ((3, 2, 2), {}, (3, 2, 2)),
    ],
    ids=["length", "channels and length", "volume", "channels and picture"],
)
def test_sequences_and_volumes(
    tmp_path: Path,
    write_idx: Callable[..., str],
    labels: Pictures,
    stored: tuple[int, ...],
    fields: dict[str, int],
    expected: tuple[int, ...],
) -> None:
    values = np.random.default_rng(3).integers(0, 256, (40, *stored), np.uint8)
    files = {"images": write_idx("x", values), "labels": write_idx("y", labels)}
    for words in (False, True):
        more = {"values": "as_they_are"} if words else {}
        dataset = load_idx(tmp_path, everything_is_test=True, **files, **fields, **more)
        assert (dataset.description.shape, dataset.description.may_be_words) == (expected, words)
        taken = dataset.test.pictures_at(slice(None)).reshape(values.shape)
        assert np.array_equal(taken, values if words else values.astype(np.float32) / np.float32(255))
