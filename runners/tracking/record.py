"""What has been delivered of one run: where it is recorded, how far, and how it ended (`run.json` in its spool)."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from runners.atomic import write_whole
from runners.tracking import events

FILE = "run.json"
FAMILY = "family.json"
"""What the spool of a comparison or a search says of it."""
CHILDREN = "children"
"""The folder in a spool that holds the spools of the runs below its run."""


@dataclass
class Record:
    """The delivery of one run. `sent` counts the bytes of the spool that the store has; `attempts` its senders."""

    tracking_uri: str
    attempts: int = 0
    run_id: str = ""
    experiment_id: str = ""
    artifact_uri: str = ""
    status: str = ""
    sent: int = 0
    message: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Record:
        """The record that values by name make; what another version wrote besides is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def save(self, folder: Path) -> None:
        """Write `run.json`, readable by its owner alone: a tracking address may hold a password."""
        write_whole(folder / FILE, json.dumps(asdict(self)).encode(), mode=0o600)

    @property
    def has_ended(self) -> bool:
        """Whether the store says that the run is over."""
        return self.status not in ("", "RUNNING")

    def is_settled(self, folder: Path) -> bool:
        """Whether the run is over in the store, and all that was spooled is there."""
        return self.has_ended and self.sent == events.whole_size(folder)


def is_done(folder: Path) -> bool:
    """Whether nothing is left to be delivered of a spool and of those below it."""
    known = load(folder)
    if known is None or not known.is_settled(folder):
        return False
    return all(is_done(child) or _never_began(child) for child in below(folder))


def below(folder: Path) -> list[Path]:
    """The spools of the runs below a spool's run, in the order of their names."""
    return sorted(path.parent for path in (folder / CHILDREN).glob(f"*/{events.FILE}"))


def family(folder: Path) -> list[Path]:
    """A spool and those of the runs below its run."""
    return [folder, *below(folder)]


def refusal(folder: Path) -> str:
    """Why the first of the runs below a spool's run that cannot be recorded is not; empty where there is none."""
    known = ((child, load(child)) for child in below(folder))
    return next((f"{child.name}: {found.message}" for child, found in known if found and found.message), "")


def load(folder: Path) -> Record | None:
    """The record of a spool, or None where no delivery was ever asked for or a crash of the machine emptied it."""
    path = folder / FILE
    text = path.read_text() if path.exists() else ""
    if not text.endswith("}"):
        return None
    return Record.of(json.loads(text))


@contextmanager
def claim(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a spool, so that one process at a time delivers it; False where another does, or did and removed it."""
    if not folder.is_dir():
        yield False
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _lock(handle, wait=wait) and folder.is_dir() and os.path.samestat(os.fstat(handle), folder.stat())
    finally:
        os.close(handle)


def remove(folder: Path) -> None:
    """Remove a spool, at once for whoever looks for spools."""
    doomed = folder.with_name(f".done-{folder.name}-{os.getpid()}")
    folder.rename(doomed)
    shutil.rmtree(doomed)


def spools(home: Path) -> list[Path]:
    """The folders of all spools of a home, finished ones excepted, as those are removed."""
    return sorted(path.parent for path in (home / ".convspec").glob(f"[!.]*/{events.FILE}"))


def folder_of(home: Path, run_id: str) -> Path | None:
    """The spool, checkpoint included, that is kept for a run which did not finish; the start of the id will do."""
    known = {folder: found for folder in spools(home) if (found := load(folder)) is not None}
    fitting = [folder for folder, found in known.items() if run_id and found.run_id.startswith(run_id)]
    return fitting[0] if len(fitting) == 1 else None


def _never_began(folder: Path) -> bool:
    """Whether there is no run to be made of a spool: all that it says has been read, and no run came of it."""
    known = load(folder)
    return known is not None and not known.run_id and known.sent == events.whole_size(folder)


def _lock(handle: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
