"""Headers of idx, .npy and .npz files: right where NumPy is right, one clear message for every other file."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convspec.data import MOST_CLASSES
from convspec.errors import UserError
from convspec.headers import array_classes, array_shape, array_targets, holds_targets, idx_classes, idx_shape


def idx(array: NDArray[np.uint8]) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npy(array: NDArray[Any], version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version)
    return stream.getvalue()


def npy_with_header(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def npz(compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content)
        return path

    return write


PICTURES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([3, 0, 7, 7], np.uint8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
class TestIdx:
    def test_shape_of_pictures(self, store: Callable[[bytes], Path], pack: Callable[[bytes], bytes]) -> None:
        assert idx_shape(store(pack(idx(PICTURES)))) == (2, 3, 4)

    def test_shape_of_pictures_with_channels(
        self, store: Callable[[bytes], Path], pack: Callable[[bytes], bytes]
    ) -> None:
        assert idx_shape(store(pack(idx(PICTURES[:, np.newaxis])))) == (2, 1, 3, 4)

    def test_classes_are_the_largest_label_plus_one(
        self, store: Callable[[bytes], Path], pack: Callable[[bytes], bytes]
    ) -> None:
        assert idx_classes(store(pack(idx(LABELS)))) == 8

    @pytest.mark.parametrize(
        ("content", "rule"),
        [
            (b"", "the file is damaged or cut short. Got 0 bytes instead of 4."),
            (b"\0\0\x08\x03\0\0", "the file is damaged or cut short. Got 2 bytes instead of 12."),
            (b"5,0,1,2,3\n", "an idx file starts with two zero bytes"),
            (b"\x93NUMPY\1\0", "Files of NumPy are read with `source: arrays`."),
            (b"\0\0\x08\x00" + bytes(8), "an idx file starts with two zero bytes"),
            (b"\0\0\x08\xff" + bytes(2000), "an idx file starts with two zero bytes"),
            (b"\0\0\x0d\x03" + bytes(20), "its values must be unsigned bytes. Got type float."),
            (idx(LABELS), "examples are (n, length), (n, height, width), (n, channels, height, width)"),
            (idx(PICTURES[:0]), "none of these is 0. Got (0, 3, 4)."),
            (b"\0\0\x08\x03" + b"\xff" * 12, "an idx file of sizes [4294967295, 4294967295, 4294967295] has"),
        ],
        ids=["empty", "cut", "text", "numpy", "no sizes", "many sizes", "float", "labels", "none", "huge"],
    )
    def test_refuses_what_holds_no_pictures(
        self, store: Callable[[bytes], Path], pack: Callable[[bytes], bytes], content: bytes, rule: str
    ) -> None:
        path = store(pack(content))
        with pytest.raises(UserError) as caught:
            idx_shape(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert rule in str(caught.value)

    def test_refuses_pictures_in_place_of_labels(
        self, store: Callable[[bytes], Path], pack: Callable[[bytes], bytes]
    ) -> None:
        with pytest.raises(UserError, match=r"labels are \(n,\), one whole number a picture\. Got \(2, 3, 4\)"):
            idx_classes(store(pack(idx(PICTURES))))


@pytest.mark.parametrize("difference", [-1, 1], ids=["too short", "too long"])
def test_a_plain_idx_file_has_the_length_that_its_header_says(store: Callable[[bytes], Path], difference: int) -> None:
    content = idx(PICTURES)
    with pytest.raises(UserError, match=r"sizes \[2, 3, 4\] has 40 bytes\. Got (39|41)\. .* fetch it again"):
        idx_shape(store(content[:-1] if difference < 0 else content + b"\0"))


@pytest.mark.parametrize("kept", [5, 11, 25], ids=["in its header", "at its beginning", "in its values"])
def test_a_gzipped_file_that_was_cut_short_is_damaged(store: Callable[[bytes], Path], kept: int) -> None:
    with pytest.raises(UserError, match="damaged or cut short"):
        idx_classes(store(gzip.compress(idx(np.arange(200, dtype=np.uint8)))[:kept]))


@pytest.mark.parametrize("read", [idx_shape, lambda path: array_shape(path, "images")], ids=["idx", "arrays"])
class TestPlaces:
    def test_a_missing_file(self, tmp_path: Path, read: Callable[[Path], object]) -> None:
        with pytest.raises(UserError, match=r"absent: there is no such file\. Correct the path"):
            read(tmp_path / "absent")

    def test_a_folder(self, tmp_path: Path, read: Callable[[Path], object]) -> None:
        with pytest.raises(UserError, match="this is no regular file"):
            read(tmp_path)

    def test_a_device_that_never_ends(self, read: Callable[[Path], object]) -> None:
        with pytest.raises(UserError, match="this is no regular file"):
            read(Path("/dev/zero"))

    def test_a_name_that_no_file_can_have(self, tmp_path: Path, read: Callable[[Path], object]) -> None:
        with pytest.raises(UserError, match=r"the file cannot be read\. Got File name too long"):
            read(tmp_path / ("x" * 300))


SHAPES = st.lists(st.integers(1, 5), min_size=3, max_size=4).map(tuple)
PICTURE_TYPES = st.sampled_from(["u1", "<f2", "<f4", ">f4", "<f8", ">f8"])
LABEL_TYPES = st.sampled_from(["u1", "i1", "<u2", ">u2", "<i4", ">i4", "<i8", ">i8", "<u8", ">u8"])
VERSIONS = st.sampled_from([(1, 0), (2, 0), (3, 0)])
CONTAINERS = st.sampled_from(["npy", "npz", "npz_compressed"])


def contained(array: NDArray[Any], name: str, container: str, version: tuple[int, int]) -> bytes:
    content = npy(array, version)
    if container == "npy":
        return content
    method = zipfile.ZIP_STORED if container == "npz" else zipfile.ZIP_DEFLATED
    return npz(method, other=npy(np.zeros(3)), **{name: content})


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headers") / "file"


@settings(deadline=None, max_examples=60)
@given(shape=SHAPES, dtype=PICTURE_TYPES, order=st.sampled_from("CF"), container=CONTAINERS, version=VERSIONS)
def test_the_shape_is_the_one_that_numpy_wrote(
    scratch: Path, shape: tuple[int, ...], dtype: str, order: Any, container: str, version: tuple[int, int]
) -> None:
    scratch.write_bytes(contained(np.zeros(shape, dtype, order), "images", container, version))
    assert array_shape(scratch, "images") == shape


@settings(deadline=None, max_examples=60)
@given(
    labels=st.lists(st.integers(0, 120), min_size=1, max_size=50),
    dtype=LABEL_TYPES,
    container=CONTAINERS,
    version=VERSIONS,
)
def test_classes_are_the_largest_label_plus_one_in_every_integer_type(
    scratch: Path, labels: list[int], dtype: str, container: str, version: tuple[int, int]
) -> None:
    scratch.write_bytes(contained(np.array(labels, dtype), "labels", container, version))
    assert array_classes(scratch, "labels") == max(labels) + 1


def test_the_largest_label_is_found_beyond_the_first_megabyte(store: Callable[[bytes], Path]) -> None:
    labels = np.zeros(300_000, np.int64)
    labels[-1] = 41
    assert array_classes(store(npy(labels)), "labels") == 42


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        (np.array([0, -3, 5], "<i2"), f"labels count from 0 to {MOST_CLASSES - 1:,}. Got -3."),
        (np.array([0, MOST_CLASSES], ">i8"), f"labels count from 0 to {MOST_CLASSES - 1:,}. Got {MOST_CLASSES:,}."),
        (np.array([2**64 - 1], "<u8"), "Got 18,446,744,073,709,551,615."),
        (np.array([0.0, 1.0]), "labels are whole numbers. Got <f8. Save them again as np.int64."),
        (np.array([True, False]), "labels are whole numbers. Got |b1."),
        (np.zeros((4, 2), int), "labels are (n,), one whole number a picture. Got (4, 2)."),
        (np.zeros(0, int), "labels are (n,), one whole number a picture. Got (0,)."),
        (np.array(3), "labels are (n,), one whole number a picture. Got ()."),
    ],
    ids=["negative", "too many", "huge", "float", "bool", "one-hot", "none", "scalar"],
)
def test_refuses_what_is_no_label(store: Callable[[bytes], Path], labels: NDArray[Any], rule: str) -> None:
    with pytest.raises(UserError) as caught:
        array_classes(store(npy(labels)), "labels")
    assert rule in str(caught.value)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=2).map(tuple),
    dtype=st.one_of(PICTURE_TYPES, LABEL_TYPES),
    order=st.sampled_from("CF"),
    container=CONTAINERS,
    version=VERSIONS,
)
def test_targets_are_as_many_as_numpy_wrote(
    scratch: Path, shape: tuple[int, ...], dtype: str, order: Any, container: str, version: tuple[int, int]
) -> None:
    scratch.write_bytes(contained(np.zeros(shape, dtype, order), "targets", container, version))
    assert array_targets(scratch, "targets") == (shape if len(shape) == 2 else (*shape, 1))
    assert holds_targets(scratch) == (container != "npy")


@pytest.mark.parametrize(
    ("pictures", "rule"),
    [
        (
            np.zeros((2, 3, 4), np.int64),
            "unsigned bytes or floating-point numbers. Got <i8. Save them again as np.uint8",
        ),
        (np.zeros((2, 3, 4), np.complex64), "values are plain numbers. Got '<c8'."),
        (np.array([["a"]]), "values are plain numbers. Got '<U1'."),
        (np.zeros(2, [("x", "f4")]), "values are plain numbers. Got [('x', '<f4')]."),
        (np.zeros(2), "examples are (n, length), (n, height, width), (n, channels, height, width)"),
        (np.zeros((2, 0, 3)), "none of these is 0. Got (2, 0, 3)."),
        (np.zeros((1,) * 6), "a shape is a tuple of five whole numbers at most. Got (1, 1, 1, 1, 1, 1)."),
    ],
    ids=["whole numbers", "complex", "texts", "records", "flat", "empty", "six sizes"],
)
def test_refuses_what_is_no_picture(store: Callable[[bytes], Path], pictures: NDArray[Any], rule: str) -> None:
    with pytest.raises(UserError) as caught:
        array_shape(store(npy(pictures)), "images")
    assert rule in str(caught.value)


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 2), }"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "damaged or cut short. Got 0 bytes instead of 8."),
        (b"not an array at all", "NumPy's files start with \\x93NUMPY"),
        (b"\x93NUMPY\x09\x00" + bytes(50), "and a version from 1 to 3"),
        (npy(np.zeros((2, 3, 4)))[:-1], "an array of shape (2, 3, 4) and type <f8 takes 320 bytes. Got 319."),
        (npy(np.zeros((2, 3, 4)))[:40], "damaged or cut short"),
        (npy_with_header(HEADER.replace("(1, 2, 2)", f"({10**15}, 28, 28)")), "takes 3,136,000,000,000,"),
        (npy_with_header(HEADER.replace("(1, 2, 2)", f"({10**300}, 2, 2)")), "a shape is a tuple of five whole"),
        (npy_with_header(HEADER.replace("(1,", "(-1,")), "a shape is a tuple of five whole numbers at most"),
        (npy_with_header(HEADER.replace("(1,", "(True,")), "a shape is a tuple of five whole numbers at most"),
        (npy_with_header(HEADER.replace("<f4", "<f4,<f4")), "values are plain numbers. Got '<f4,<f4'."),
        (npy_with_header(HEADER.replace("<f4", "<u16")), "values are plain numbers. Got '<u16'."),
        (npy_with_header("{'descr': '<f4'}"), "the header is a dictionary of three. Got \"{'descr': '<f4'}\"."),
        (npy_with_header("__import__('os').abort()"), "the header is a dictionary of three"),
        (npy_with_header("[" * 4000), "the header is a dictionary of three"),
        (npy_with_header("-" * 4000 + "1"), "the header is a dictionary of three"),
        (npy_with_header("{[]: 1}"), "the header is a dictionary of three"),
        (npy_with_header("'\\d'"), "the header is a dictionary of three"),
        (npy_with_header(" " * 5000), "the header takes 4,096 bytes at most. Got 5,000."),
        (b"\x93NUMPY\x02\x00" + b"\xff" * 4, "the header takes 4,096 bytes at most. Got 4,294,967,295."),
        (b"\x93NUMPY\x03\x00\x02\x00\x00\x00\xff\xff", "damaged or cut short"),
        (npz(labels=npy(LABELS)), "there is no array `images` in it. Got 'labels'. Save it as np.savez(file, images=...)."),
        (npz(), "there is no array `images` in it. Got nothing."),
        (npz(images=b"text"), "damaged or cut short"),
        (npz(zipfile.ZIP_LZMA, images=npy(PICTURES)), "arrays are stored plain or deflated. Got method 14."),
        (npz(images=npy(PICTURES))[:-30], "NumPy's files start with"),
    ],
    ids=[
        "empty", "text", "version", "one byte short", "cut header", "huge shape", "shape beyond any number", "negative size",
        "size of bool", "two types", "no such type", "keys", "a call", "nested", "signs", "unhashable", "escape", "long header",
        "endless header", "not utf-8", "no such member", "empty archive", "member of text", "lzma", "archive cut short",
    ],
)  # fmt: skip
def test_refuses_hostile_and_damaged_arrays(store: Callable[[bytes], Path], content: bytes, rule: str) -> None:
    path = store(content)
    with pytest.raises(UserError) as caught:
        array_shape(path, "images")
    assert str(caught.value).startswith(f"{path}: ")
    assert rule in str(caught.value)


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("inside", [False, True], ids=["npy", "npz"])
def test_objects_are_refused_without_being_unpickled(
    store: Callable[[bytes], Path], tmp_path: Path, inside: bool
) -> None:
    sprung = tmp_path / "sprung"
    content = npy_with_header(HEADER.replace("<f4", "|O"), pickle.dumps(Trap(sprung)))
    path = store(npz(images=content) if inside else content)
    with pytest.raises(UserError, match=r"values are plain numbers\. Got '\|O'\. Save numbers, not Python objects"):
        array_shape(path, "images")
    with pytest.raises(UserError, match="plain numbers"):
        array_classes(path, "images")
    assert not sprung.exists()


def test_an_archive_that_claims_more_than_deflate_can_pack_is_refused(store: Callable[[bytes], Path]) -> None:
    content = bytearray(npz(zipfile.ZIP_DEFLATED, images=npy(PICTURES)))
    central = content.index(b"PK\x01\x02")
    content[central + 24 : central + 28] = struct.pack("<I", 2**31)
    with pytest.raises(UserError, match=r"`images` cannot have more than [\d,]+ bytes\. Got 2,147,483,648\."):
        array_shape(store(bytes(content)), "images")


def test_an_encrypted_archive_is_refused(store: Callable[[bytes], Path]) -> None:
    content = bytearray(npz(images=npy(PICTURES)))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UserError, match=r"stored plain or deflated\. Got an encrypted one"):
        array_shape(store(bytes(content)), "images")


VALID = {
    "idx": idx(PICTURES),
    "idx of labels": idx(LABELS),
    "idx gzipped": gzip.compress(idx(LABELS), mtime=0),
    "npy": npy(PICTURES),
    "npy of labels": npy(LABELS.astype(">i4")),
    "npz": npz(images=npy(PICTURES), labels=npy(LABELS)),
    "npy of targets": npy(np.arange(8, dtype=">f4").reshape(4, 2)),
    "npz of targets": npz(images=npy(PICTURES), targets=npy(np.arange(8.0).reshape(4, 2))),
    "npz compressed": npz(zipfile.ZIP_DEFLATED, images=npy(PICTURES), labels=npy(LABELS)),
}


@settings(deadline=None, max_examples=150)
@given(data=st.data(), content=st.sampled_from(sorted(VALID)).map(VALID.__getitem__))
def test_any_damage_is_a_message_or_another_valid_file(scratch: Path, data: st.DataObject, content: bytes) -> None:
    damaged = bytearray(content)
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        damaged[place] = byte
    scratch.write_bytes(bytes(damaged[: data.draw(st.integers(0, len(content)))]))
    for read in (
        idx_shape,
        idx_classes,
        holds_targets,
        lambda p: array_shape(p, "images"),
        lambda p: array_classes(p, "labels"),
        lambda p: array_targets(p, "targets"),
    ):
        try:
            read(scratch)
        except UserError as error:
            assert str(error).startswith(f"{scratch}: ")


def test_headers_are_read_without_numpy() -> None:
    code = "import sys, convspec.headers; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
