"""The folder of a family, a comparison or a search: what it is, whether it can be gone on with, and what came of it."""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from convspec.errors import UserError
from runners.atomic import write_whole, writing
from runners.tracking import record
from runners.tracking.events import has_ended, has_started, owner_of
from runners.tracking.process import Outcome, launch
from runners.tracking.spool import Spool

FILE = record.FAMILY
STARTS = "families.lock"
"""The lock of all families of a home, held while one is begun or gone on with."""
CHANGES_SHOWN = 6
"""Lines of a changed file that are shown."""


@dataclass(frozen=True)
class Identity:
    """What a family is: its kind (`comparison` or `search`), the file it comes from with the settings put into that, and the
    digest of all that decides about its outcome."""

    kind: str
    experiment: str
    file: str
    text: str
    settings: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class _Note:
    """What `family.json` says. `state` is `open`, `finished` or `given up`."""

    identity: Identity
    state: str = "open"
    report: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        path = folder / FILE
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if not text.endswith("}"):
            return None
        plain = json.loads(text)
        identity = plain["identity"]
        identity["settings"] = tuple(identity["settings"])
        names = {one.name for one in fields(Identity)}
        known = Identity(**{name: value for name, value in identity.items() if name in names})
        return cls(known, plain["state"], plain["report"])

    def write(self, folder: Path) -> None:
        with writing(folder):
            write_whole(folder / FILE, json.dumps(asdict(self)).encode())


class Family:
    """A family that this process runs; nobody else does so at the same time."""

    def __init__(self, folder: Path, identity: Identity, lock: int) -> None:
        self.folder, self.identity, self._lock = folder, identity, lock
        self.spool = Spool.at(folder)

    @classmethod
    def open(cls, home: Path, identity: Identity, *, again: bool) -> Family | Finished:
        """The family of a file that was begun before, or a new one; what came of it where it is finished. With `again`, what
        was begun before is given up.

        Raises UserError where the file has changed since then, or another process runs the family.
        """
        with _alone(home / ".convspec"):
            return cls._begun(home, identity, again=again)

    @classmethod
    def _begun(cls, home: Path, identity: Identity, *, again: bool) -> Family | Finished:
        known = _latest(home, identity)
        if known is None:
            return cls._new(home, identity)
        folder, note = known
        same = note.identity.digest == identity.digest
        if not _is_over(folder, note):
            lock = _locked(folder, identity)
            note = _Note.read(folder) or note  # whoever held the lock may have finished meanwhile
            if same and not again and not _is_over(folder, note):
                return cls(folder, identity, lock)
            os.close(lock)
        if not _is_over(folder, note):
            if not again:
                raise _changed(note.identity, identity, folder)
            replace(note, state="given up").write(folder)
        elif same and not again:
            return Finished(folder, note.report)
        return cls._new(home, identity)

    @classmethod
    def _new(cls, home: Path, identity: Identity) -> Family:
        name = f"{identity.experiment}-{time.strftime('%Y%m%d-%H%M%S')}"
        folder = Spool.create(home, name).folder
        _Note(identity).write(folder)
        return cls(folder, identity, _locked(folder, identity))

    def forget(self) -> None:
        """Removes a family of which nothing was begun; one that was stays to be gone on with."""
        with _alone(self.folder.parent):
            if not has_started(self.folder):
                shutil.rmtree(self.folder)
            os.close(self._lock)

    def finish(self, report: Mapping[str, Any]) -> None:
        """Keeps what came of the family, to be said again without training."""
        _Note(self.identity, "finished", report).write(self.folder)


@dataclass(frozen=True)
class Finished:
    """A family that is finished already, and what came of it."""

    folder: Path
    report: Mapping[str, Any]

    def delivered(self) -> Outcome:
        """How its recording went; what a killed process left unsent is sent first."""
        known = record.load(self.folder)
        if known is not None and record.is_done(self.folder):
            return Outcome(known.run_id, known.experiment_id, sent=True)
        drainer = launch([self.folder], log=self.folder / "drain.log", alone=True)
        try:
            return drainer.wait()
        finally:
            drainer.close()


def unfinished(home: Path, identity: Identity) -> Path | None:
    """The folder that `Family.open` would go on with, which `sweep` is to leave alone."""
    known = _latest(home, identity)
    return known[0] if known is not None and not _is_over(*known) else None


def _is_over(folder: Path, note: _Note) -> bool:
    return note.state == "finished" and has_ended(folder)


def changed_since(home: Path, identity: Identity, *, file: str) -> str:
    """What there is to say where a file was finished before with something else in it, so that nothing of that is used."""
    known = _latest(home, identity)
    if known is None or known[1].state != "finished" or known[1].identity.digest == identity.digest:
        return ""
    before = known[1].identity
    what = f"{file} has changed" if before.text != identity.text else f"What {file} reads has changed"
    if before.settings != identity.settings:
        what = f"{file}, with what --set puts into it, has changed"
    return f"{what} since its last {identity.kind}: everything is trained anew."


def identity_of_run(home: Path, run_id: str) -> Identity | None:
    """What the family was whose own run has this id, where it was run in this home."""
    for path in (home / ".convspec").glob(f"[!.]*/{FILE}"):
        known = record.load(path.parent)
        if known is not None and known.run_id == run_id:
            note = _Note.read(path.parent)
            return note.identity if note else None
    return None


def _latest(home: Path, identity: Identity) -> tuple[Path, _Note] | None:
    """The family that the same file began last, unless it was given up."""
    found = []
    for path in (home / ".convspec").glob(f"[!.]*/{FILE}"):
        note = _Note.read(path.parent)
        if note is not None and note.state != "given up":
            same = (note.identity.file, note.identity.kind) == (identity.file, identity.kind)
            found += [(path.stat().st_mtime_ns, path.parent, note)] if same else []
    return max(found, key=lambda one: one[0])[1:] if found else None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else begins a family in a folder, or forgets one, meanwhile: of two starts of one file at once, one trains it."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / STARTS, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _locked(folder: Path, identity: Identity) -> int:
    """The lock of a family, held as long as this process lives. Raises UserError where another has it, or nobody can."""
    with writing(folder):
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        owner = owner_of(folder)
        who = f"process {owner.pid} on {owner.host}" if owner else "another process"
        raise UserError(
            f"{identity.file} is running already, in {who}.", hint="Wait for it to end, or stop it with Ctrl-C first."
        ) from None
    return handle


def _changed(before: Identity, now: Identity, folder: Path) -> UserError:
    lines = difflib.unified_diff(before.text.splitlines(), now.text.splitlines(), n=0, lineterm="")
    changes = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    if before.settings != now.settings:
        changes += [f"-{_set(before.settings)}", f"+{_set(now.settings)}"]
    shown = "\n".join(f"    {line}" for line in changes[:CHANGES_SHOWN])
    changed = now.file if changes else f"What {now.file} reads, its data or another file,"
    what = f"{changed} has changed since its {now.kind} began, which is not finished"
    hint = "Change it back to go on, or give up what was trained with --again, which begins anew."
    return UserError(f"{what}{':' if shown else '.'}\n{shown}\n{hint}" if shown else f"{what}. {hint}")


def _set(settings: tuple[str, ...]) -> str:
    return " ".join(f"--set {setting}" for setting in settings) or "no --set"
