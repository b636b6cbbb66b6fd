"""What the headers of data files say of the pictures, labels and targets in them, read with the standard library alone."""

from __future__ import annotations

import gzip
import struct
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

from convspec.data import MOST_CLASSES, MOST_TARGETS
from convspec.dimensions import forms, suits
from convspec.files import DEFLATE_RATIO, Stream, chunks, exactly, reading, wrong_file
from convspec.npy import array_header, array_names, opened_array

_IDX_TYPES = {8: "unsigned byte", 9: "signed byte", 11: "short", 12: "int", 13: "float", 14: "double"}
_TYPE_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}


@dataclass(frozen=True)
class IdxHeader:
    """Sizes of an idx file; its bytes come after `length` bytes of header, unpacked first where the file is `packed`."""

    shape: tuple[int, ...]
    packed: bool

    @property
    def length(self) -> int:
        return 4 + 4 * len(self.shape)


def idx_shape(path: Path, *, dimensions: int | None = None) -> tuple[int, ...]:
    """(n, *extents) or (n, channels, *extents) of an idx file. Raises UserError where it holds no examples of so many
    dimensions."""
    return _shape_of_examples(path, idx_header(path).shape, dimensions)


def idx_classes(path: Path) -> int:
    """The largest label of an idx file plus one. Raises UserError where it holds no labels."""
    header = idx_header(path)
    count = _number_of_labels(path, header.shape)
    with opened_idx(path, packed=header.packed) as stream:
        exactly(stream, header.length)
        return max(max(chunk) for chunk in chunks(stream, count)) + 1


def array_shape(path: Path, name: str, *, dimensions: int | None = None, any_numbers: bool = False) -> tuple[int, ...]:
    """(n, *extents) or (n, channels, *extents) of a .npy, or of the array `name` in a .npz.

    Raises UserError where it holds no examples of so many dimensions: unsigned bytes or floating-point numbers, and whole
    numbers of other sizes where those are words, (n, length), or the file asks for `any_numbers`.
    """
    header = array_header(path, name)
    wide = header.kind in "iu" and header.dtype[1:] != "u1"
    if header.kind == "b" or (wide and len(header.shape) != 2 and not any_numbers):
        hint = "Save them again as np.uint8 (0 to 255) or np.float32" + (
            "; or say `values: as_they_are`." if wide else "."
        )
        raise wrong_file(path, "pictures are unsigned bytes or floating-point numbers", got=header.dtype, hint=hint)
    return _shape_of_examples(path, header.shape, dimensions)


def array_classes(path: Path, name: str) -> int:
    """The largest label of a .npy, or of the array `name` in a .npz, plus one.

    Raises UserError where it holds no labels: whole numbers from 0 to 9,999.
    """
    header = array_header(path, name)
    count = _number_of_labels(path, header.shape)
    if header.kind not in "iu":
        raise wrong_file(path, "labels are whole numbers", got=header.dtype, hint="Save them again as np.int64.")
    code = _TYPE_CODES[header.item_bytes]
    least = most = 0
    with opened_array(path, name) as (stream, _, _):
        exactly(stream, header.length)
        for chunk in chunks(stream, count * header.item_bytes):
            labels = array(code.upper() if header.kind == "u" else code, chunk)
            if header.swapped:
                labels.byteswap()
            least, most = min(least, min(labels)), max(most, max(labels))
    if least < 0 or most >= MOST_CLASSES:
        got = f"{least if least < 0 else most:,}"
        raise wrong_file(path, f"labels count from 0 to {MOST_CLASSES - 1:,}", got=got, hint="Renumber the classes.")
    return most + 1


def holds_targets(path: Path) -> bool:
    """Whether a .npz has targets, which are numbers, for its truth. Raises UserError where it has labels too."""
    names = array_names(path)
    if {"labels", "targets"} <= names:
        rule = "the truth is either `labels` or `targets`"
        hint = f"Say which: `labels: {path.name}` for classes, `targets: {path.name}` for numbers."
        raise wrong_file(path, rule, got="both", hint=hint)
    return "targets" in names


def array_targets(path: Path, name: str) -> tuple[int, int]:
    """(n, k) of a .npy, or of the array `name` in a .npz, that holds k numbers for each of n pictures.

    Raises UserError where it does not: whole or floating-point numbers, (n,) or (n, k).
    """
    header = array_header(path, name)
    if header.kind not in "iuf":
        hint = "Save them again as np.float32; or give them as labels, if they are classes."
        raise wrong_file(path, "targets are whole or floating-point numbers", got=header.dtype, hint=hint)
    if len(header.shape) not in (1, 2) or 0 in header.shape:
        rule = "targets are (n,), one number a picture, or (n, k), and none of these is 0"
        raise wrong_file(path, rule, got=f"{header.shape}", hint="Is this the file with the targets?")
    count, width = (*header.shape, 1)[:2]
    if width > MOST_TARGETS:
        rule = f"a picture has {MOST_TARGETS:,} targets at most"
        raise wrong_file(path, rule, got=f"{width:,}", hint="Is this the file with the targets?")
    return count, width


def idx_header(path: Path) -> IdxHeader:
    """The header of an idx file, plain or gzipped, told apart by content (http://yann.lecun.com/exdb/mnist).

    Raises UserError where the file is none, holds anything but unsigned bytes, or is not as long as its header says.
    """
    with reading(path), path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    with opened_idx(path, packed=packed) as stream:
        magic = exactly(stream, 4)
        _require_bytes(path, magic)
        header = IdxHeader(struct.unpack(f">{magic[3]}I", exactly(stream, 4 * magic[3])), packed)
    _require_size(path, header)
    return header


@contextmanager
def opened_idx(path: Path, *, packed: bool) -> Iterator[Stream]:
    """A stream at the beginning of an idx file, unpacked where it is gzipped."""
    with reading(path), gzip.open(path) if packed else path.open("rb") as stream:
        yield stream


def _require_bytes(path: Path, magic: bytes) -> None:
    if magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or not 1 <= magic[3] <= 4:
        rule = "an idx file starts with two zero bytes, a type and the number of its sizes (1 to 4)"
        raise wrong_file(path, rule, got=repr(magic), hint="Files of NumPy are read with `source: arrays`.")
    if magic[2] != 8:
        hint = "Save it with np.save and use `source: arrays`."
        raise wrong_file(path, "its values must be unsigned bytes", got=f"type {_IDX_TYPES[magic[2]]}", hint=hint)


def _require_size(path: Path, header: IdxHeader) -> None:
    """A gzipped file cannot be measured without unpacking it; but it cannot hold more than deflate packs."""
    stored, needed = path.stat().st_size, header.length + prod(header.shape)
    if needed > stored * DEFLATE_RATIO if header.packed else needed != stored:
        rule = f"an idx file of sizes {list(header.shape)} has {needed:,} bytes"
        raise wrong_file(path, rule, got=f"{stored:,}", hint="The file was cut short or changed: fetch it again.")


def _shape_of_examples(path: Path, shape: tuple[int, ...], dimensions: int | None) -> tuple[int, ...]:
    if not suits(shape[1:], dimensions) or 0 in shape:
        rule = f"examples are {forms(dimensions)}, and none of these is 0"
        hint = "Is this the file with the pictures?"
        if dimensions is not None and suits(shape[1:], None) and 0 not in shape:
            hint = "Correct data.dimensions or the file."
        raise wrong_file(path, rule, got=f"{shape}", hint=hint)
    return shape


def _number_of_labels(path: Path, shape: tuple[int, ...]) -> int:
    if len(shape) != 1 or 0 in shape:
        hint = "Is this the file with the labels?"
        raise wrong_file(path, "labels are (n,), one whole number a picture", got=f"{shape}", hint=hint)
    return shape[0]
