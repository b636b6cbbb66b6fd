"""Reading data files that may be missing, damaged or hostile: every failure is one message that names the file."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from convspec.errors import UserError

DEFLATE_RATIO = 1032
"""Bytes that deflate packs into one, at most (zlib's technical details)."""

_CHUNK = 1 << 20
_DAMAGE = (
    EOFError,
    ValueError,
    OverflowError,  # from a position that no file has
    NotImplementedError,  # from a version or method of zip that there is not
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
)


class Stream(Protocol):
    """What the bytes of a file are read from."""

    def read(self, count: int, /) -> bytes: ...


def wrong_file(path: Path, rule: str, *, got: str, hint: str) -> UserError:
    """The message for a file that breaks a rule of its format."""
    return UserError(f"{path}: {rule}. Got {got}.", hint=hint)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns whatever goes wrong while a regular file is read into a UserError."""
    try:
        if not path.exists():
            raise UserError(f"{path}: there is no such file.", hint="Correct the path, or put the file there.")
        if not path.is_file():
            raise UserError(f"{path}: this is no regular file.", hint="Give the path of a file.")
        yield
    except _DAMAGE as error:
        raise wrong_file(
            path, "the file is damaged or cut short", got=f"{error}", hint="Fetch or save it again."
        ) from error
    except OSError as error:
        reason = error.strerror or f"{error}"
        raise wrong_file(
            path, "the file cannot be read", got=reason, hint="Check the path and its permissions."
        ) from error


def exactly(stream: Stream, count: int) -> bytes:
    """The next `count` bytes. Raises EOFError where the stream ends before."""
    data = stream.read(count)
    if len(data) != count:
        raise EOFError(f"{len(data):,} bytes instead of {count:,}")
    return data


def chunks(stream: Stream, count: int) -> Iterator[bytes]:
    """The next `count` bytes in pieces of 1 MiB. Raises EOFError where the stream ends before."""
    for start in range(0, count, _CHUNK):
        yield exactly(stream, min(_CHUNK, count - start))
