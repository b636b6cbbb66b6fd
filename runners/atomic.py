"""Files that are written whole or not at all, and what is said where they cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convspec.errors import RUN_FAILED, UserError


class WritingError(UserError):
    """What a run leaves cannot be written: the disk is full or read-only, or fails. The place is at fault, not the run."""

    def __init__(self, message: str) -> None:
        hint = "Make room there, or run from a folder that can be written."
        super().__init__(message, hint=hint, exit_code=RUN_FAILED)


def write_whole(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Writes a file so that a reader, or a power cut, meets the old content or the new, never a part.

    `mode` says who may read a new file, less what the umask forbids. A failure leaves the old one alone, and no draft.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says what a full or read-only disk, or one that fails, means to whoever trains: raises WritingError in its place."""
    try:
        yield
    except OSError as error:
        raise WritingError(f"The run cannot be recorded in {path}: {error.strerror or error}.") from error
