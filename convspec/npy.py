"""NumPy's files without NumPy: the header of a .npy, alone or inside a .npz, and where the values begin."""

from __future__ import annotations

import ast
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

from convspec.files import DEFLATE_RATIO, Stream, exactly, reading, wrong_file

_LONGEST_HEADER = 4096  # NumPy writes about 100 bytes
_MAGIC = b"\x93NUMPY"
_NUMBERS = re.compile(r"[<>|=](b1|[iu][1248]|f[248])")
_SAVE_AGAIN = "Save it again with np.save or np.savez."


@dataclass(frozen=True)
class ArrayHeader:
    """Shape and type (`<f4`) of a stored array.

    Its values come after `length` bytes of header, which begin at `start` in the file; None where the array is packed.
    """

    shape: tuple[int, ...]
    dtype: str
    fortran_order: bool
    length: int
    start: int | None

    @property
    def kind(self) -> str:
        """NumPy's letter: b, i, u or f."""
        return self.dtype[1]

    @property
    def swapped(self) -> bool:
        """Whether the bytes of a value stand in the other order than in this machine."""
        return self.item_bytes > 1 and self.dtype[0] == (">" if sys.byteorder == "little" else "<")

    @property
    def item_bytes(self) -> int:
        return int(self.dtype[2:])


def array_header(path: Path, name: str) -> ArrayHeader:
    """The header of a .npy, or of the member `name` of a .npz, told apart by content (numpy.lib.format, versions 1 to 3).

    Raises UserError where the file is neither, is shorter than its header says, or holds anything but plain numbers:
    Python objects would have to be unpickled.
    """
    with opened_array(path, name) as (stream, stored, start):
        magic = exactly(stream, 8)
        if magic[:6] != _MAGIC or magic[6] not in (1, 2, 3):
            rule = "NumPy's files start with \\x93NUMPY and a version from 1 to 3"
            raise wrong_file(path, rule, got=repr(magic), hint=_SAVE_AGAIN)
        width = 2 if magic[6] == 1 else 4
        size = int.from_bytes(exactly(stream, width), "little")
        if size > _LONGEST_HEADER:
            rule = f"the header takes {_LONGEST_HEADER:,} bytes at most"
            raise wrong_file(path, rule, got=f"{size:,}", hint=_SAVE_AGAIN)
        text = exactly(stream, size).decode("utf-8" if magic[6] == 3 else "latin-1")
    dtype, fortran_order, shape = _fields(path, text)
    header = ArrayHeader(shape, dtype, fortran_order, 8 + width + size, start)
    needed = header.length + prod(shape) * header.item_bytes
    if needed > stored:
        rule = f"an array of shape {shape} and type {dtype} takes {needed:,} bytes"
        raise wrong_file(path, rule, got=f"{stored:,}", hint="The file was cut short: copy or save it again.")
    return header


def array_names(path: Path) -> frozenset[str]:
    """What the arrays of a .npz are called; nothing for any other file."""
    with reading(path):
        if not _is_archive(path):
            return frozenset()
        with zipfile.ZipFile(path) as archive:
            return frozenset(name.removesuffix(".npy") for name in archive.namelist())


@contextmanager
def opened_array(path: Path, name: str) -> Iterator[tuple[Stream, int, int | None]]:
    """A stream at the beginning of a .npy or of the member `name` of a .npz, its bytes, and where in the file it stands."""
    with reading(path):
        if not _is_archive(path):
            with path.open("rb") as stream:
                yield stream, path.stat().st_size, 0
            return
        with zipfile.ZipFile(path) as archive:
            member = _member(path, archive, name)
            start = _data_start(path, member) if member.compress_type == zipfile.ZIP_STORED else None
            with archive.open(member) as unpacked:
                yield unpacked, member.file_size, start


def _is_archive(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC)) != _MAGIC and zipfile.is_zipfile(path)


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    known = archive.namelist()
    if f"{name}.npy" not in known:
        got = ", ".join(repr(one.removesuffix(".npy")[:40]) for one in known[:10]) or "nothing"
        raise wrong_file(
            path, f"there is no array `{name}` in it", got=got, hint=f"Save it as np.savez(file, {name}=...)."
        )
    member = archive.getinfo(f"{name}.npy")
    if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        got = "an encrypted one" if member.flag_bits & 1 else f"method {member.compress_type}"
        raise wrong_file(path, "arrays are stored plain or deflated", got=got, hint=_SAVE_AGAIN)
    ratio = DEFLATE_RATIO if member.compress_type == zipfile.ZIP_DEFLATED else 1
    limit = min(member.compress_size, path.stat().st_size) * ratio
    if member.file_size > limit:
        rule = f"`{name}` cannot have more than {limit:,} bytes"
        raise wrong_file(path, rule, got=f"{member.file_size:,}", hint=_SAVE_AGAIN)
    return member


def _data_start(path: Path, member: zipfile.ZipInfo) -> int:
    """Where the bytes of a plainly stored member begin (APPNOTE.TXT 4.3.7: 30 bytes, then the name and extra fields)."""
    with path.open("rb") as stream:
        stream.seek(member.header_offset)
        header = exactly(stream, 30)
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return member.header_offset + len(header) + lengths


def _fields(path: Path, text: str) -> tuple[str, bool, tuple[int, ...]]:
    """(type, whether columns come first, shape) of the dictionary in a header."""
    match _literal(text):
        case {"descr": str(dtype), "fortran_order": bool(order), "shape": tuple(shape), **rest} if not rest:
            pass
        case {"descr": descr, "fortran_order": _, "shape": _}:
            raise wrong_file(path, "values are plain numbers", got=repr(descr)[:60], hint="Save one array of numbers.")
        case _:
            raise wrong_file(path, "the header is a dictionary of three", got=repr(text[:60]), hint=_SAVE_AGAIN)
    if not _NUMBERS.fullmatch(dtype):
        hint = "Save numbers, not Python objects or texts: array.astype(np.float32)."
        raise wrong_file(path, "values are plain numbers", got=repr(dtype[:60]), hint=hint)
    if len(shape) > 5 or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        rule = "a shape is a tuple of five whole numbers at most"
        raise wrong_file(path, rule, got=repr(shape)[:60], hint=_SAVE_AGAIN)
    return dtype, order, shape


def _literal(text: str) -> object:
    """The Python literal that a text spells, or None where it spells none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a hostile text may hold invalid escapes, which Python warns of
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
