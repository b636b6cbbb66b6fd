"""The files of a training as they travel between machines that share no disk, and what is accepted of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from convspec.errors import RUN_FAILED, UserError
from runners.atomic import write_whole, writing
from runners.family.task import RESULT_FILE, TRAINING_LOG
from runners.files import WEIGHTS_FILE
from runners.tracking import events

CHECKPOINT_FILE = "checkpoint.safetensors"
FOLDERS = ("artifacts", "model")
"""Folders of a training's folder that travel with all that is in them."""
ORDER = (WEIGHTS_FILE, TRAINING_LOG, events.FILE, CHECKPOINT_FILE, RESULT_FILE)
"""Files that travel, in the order in which they are written: events behind the files that they speak of, the checkpoint behind
the events of its epoch, and the outcome behind everything."""

Parcel = dict[str, bytes]
"""The content of files by their paths in the training's folder, with `/` between steps."""


class Packing:
    """Packs what is new in one training's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sent: dict[str, tuple[int, int]] = {}

    def pack(self) -> Parcel:
        """The files that have changed since they were packed last."""
        parcel = {}
        for path in _files(self.folder):
            name, state = path.relative_to(self.folder).as_posix(), path.stat()
            stamp = (state.st_size, state.st_mtime_ns)
            if self._sent.get(name) != stamp:
                parcel[name] = path.read_bytes()
                self._sent[name] = stamp
        return parcel


def unpack(parcel: Parcel, folder: Path) -> None:
    """Writes the files of a parcel, each whole or not at all. Raises UserError, before anything is written, where one of them
    does not belong into the folder, and WritingError where one cannot be written."""
    for name in parcel:
        _check(name, folder)
    for name in sorted(parcel, key=_place):
        path = folder / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, parcel[name])


def _files(folder: Path) -> Iterable[Path]:
    """What travels of a folder; drafts, which begin with a dot, and links do not."""
    inside = [path for name in FOLDERS for path in sorted((folder / name).rglob("*"))]
    for path in (*inside, *(folder / name for name in ORDER)):
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            yield path


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else -1


def _check(name: str, folder: Path) -> None:
    path = PurePosixPath(name)
    known = name in ORDER or (len(path.parts) > 1 and path.parts[0] in FOLDERS)
    plain = path.as_posix() == name and name.isprintable() and not any(part.startswith(".") for part in path.parts)
    if not (known and plain and (folder / name).resolve().is_relative_to(folder.resolve())):
        raise UserError(
            f"A node of the cluster sent a file that is none of a training: {name!r}.", exit_code=RUN_FAILED
        )
