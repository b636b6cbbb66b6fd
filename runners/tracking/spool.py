"""The spool of a run: a folder where training leaves what is to be recorded, so that a killed process loses nothing.

Every event is one line of JSON, appended with one system call. Delivery (`drain`) reads the lines in another process.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from convspec.errors import UserError
from runners.atomic import writing
from runners.tracking import events, limits
from runners.tracking.owner import Owner
from runners.tracking.view import View

Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class DatasetIdentity:
    """Which data a run read: enough to find and to recognise it. `context` is `training`, `validation` or `test`."""

    name: str
    digest: str
    source: str
    context: str
    source_type: str = "local"
    schema: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)

    def event(self) -> dict[str, Any]:
        """The identity as the spool keeps it, with a digest no longer than MLflow allows."""
        return {**asdict(self), "digest": self.digest[: limits.DIGEST_LENGTH]}


class Spool:
    """One run's folder `.convspec/NAME`, and the events that training appends to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.staging = folder / "artifacts"
        self.checkpoint = folder / "checkpoint.safetensors"
        with writing(folder):
            self._events = os.open(folder / events.FILE, os.O_RDWR | os.O_APPEND)
        self._times: dict[tuple[str, int], int] = {}  # when each figure of each step was recorded
        self._started = False

    @classmethod
    def create(cls, home: Path, name: str) -> Self:
        """A new spool in `home/.convspec`, called `name`, or `name-2` and so on where that is taken."""
        parent = home / ".convspec"
        draft = parent / f".new-{os.getpid()}-{time.monotonic_ns()}"
        with writing(parent):
            _make(home, draft / "artifacts")
            (draft / events.FILE).write_text(events.line("owner", **asdict(Owner.current())))
            return cls(_claim(draft, parent, name))

    @classmethod
    def at(cls, folder: Path) -> Self:
        """The spool of a folder that is there already, which may hold one."""
        if (folder / events.FILE).is_file():
            return cls.reopen(folder)
        draft = folder / f".{events.FILE}.{os.getpid()}"
        with writing(folder):
            (folder / "artifacts").mkdir(exist_ok=True)
            draft.write_text(events.line("owner", **asdict(Owner.current())))
            draft.rename(folder / events.FILE)
        return cls(folder)

    @classmethod
    def reopen(cls, folder: Path) -> Self:
        """The spool of a run that was interrupted, owned by this process from now on.

        Raises UserError where the folder holds no spool.
        """
        if not (folder / events.FILE).is_file():
            raise UserError(f"{folder} holds no run to continue.", hint="Its folder was moved or deleted.")
        spool = cls(folder)
        os.ftruncate(spool._events, events.whole_size(folder))
        for event, _ in events.read(folder):
            spool._started |= event["event"] == "start"
            if event["event"] == "metrics":
                spool._times |= {(key, event["step"]): event["time_ms"] for key in event["values"]}
        spool._append("owner", **asdict(Owner.current()))
        return spool

    def start(
        self,
        experiment: str,
        *,
        name: str,
        description: str = "",
        params: Mapping[str, object],
        tags: Mapping[str, object],
        datasets: tuple[DatasetIdentity, ...] = (),
    ) -> None:
        """Say what the run is. A run that is continued keeps its name and parameters; only its tags are set anew."""
        if self._started:
            self.tags(tags)
            return
        self._started = True
        self._append(
            "start",
            key=os.urandom(16).hex(),  # by it a second sender finds a run that the first one made
            experiment=experiment,
            name=name,
            description=description,
            params=limits.parameters(params),
            tags=limits.tags(tags),
            datasets=[dataset.event() for dataset in datasets],
        )

    def metrics(self, values: Mapping[str, float], *, step: int, time_ms: int | None = None) -> None:
        """Record figures of one step; one that was recorded before an interruption is not recorded again."""
        given = {limits.key(name): float(value) for name, value in values.items()}
        new = {name: value for name, value in given.items() if (name, step) not in self._times}
        if new:
            now = events.now_ms() if time_ms is None else time_ms
            self._append("metrics", values=new, step=step, time_ms=now)
            self._times |= {(name, step): now for name in new}

    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags of the run."""
        self._append("tags", tags=limits.tags(values))

    def datasets(self, identities: Iterable[Mapping[str, Any]]) -> None:
        """Say which data the run read, as `DatasetIdentity.event` or the start of another run has it."""
        self._append("datasets", datasets=list(identities))

    def note(self, text: str) -> None:
        """Set the text that the run's page shows, in Markdown, with the marks of `notes` for ids that are not known yet."""
        self._append("note", text=text)

    def view(self, view: View) -> None:
        """Keep how MLflow's pages are to show the runs below this one."""
        self._append("view", view=asdict(view))

    def artifact(self, path: Path, folder: str = "") -> None:
        """Keep a copy of a file, to be stored in `folder` of the run's artifacts."""
        staged = self.staging / folder / path.name
        if staged != path:
            with writing(staged):
                staged.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, staged)
        self._append("artifact", file=str(staged.relative_to(self.folder)), folder=folder)

    def model(self, folder: Path, *, name: str = "model", metrics: Mapping[str, float], step: int) -> None:
        """Record a model directory, written by `flavor.write_model` inside the spool, with the figures it reached."""
        self.metrics(metrics, step=step)
        linked = {limits.key(key): float(value) for key, value in metrics.items()}
        times = {key: self._times[key, step] for key in linked}  # the same rows as the run's, or they would double
        inside = str(folder.relative_to(self.folder))
        self._append("model", folder=inside, name=name, values=linked, times=times, step=step)

    def end(self, status: Status, *, reason: str = "") -> None:
        """Say how training ended; nothing can be recorded after it."""
        self._append("end", status=status, reason=limits.shorten(reason, limits.TAG_LENGTH))
        os.close(self._events)

    def fail(self, experiment: str, *, name: str, tags: Mapping[str, object], reason: str) -> None:
        """Say that a run has failed, perhaps before it could begin."""
        self.start(experiment, name=name, params={}, tags=tags)
        self.end("FAILED", reason=reason)

    def discard(self) -> None:
        """Give up before anything was trained: a new run is not recorded, one to be continued stays as it was."""
        if self._started:
            self.end("KILLED", reason="it could not be continued")
        else:
            os.close(self._events)

    def _append(self, event: str, *, time_ms: int | None = None, **content: object) -> None:
        assert self._started or event in ("owner", "start"), "a run starts before anything of it is recorded"
        line = events.line(event, time_ms=time_ms, **content).encode()
        with writing(self.folder):
            written = os.write(self._events, line)
            if written != len(line):  # a full disk takes a part of the line; the rest would be glued to the next
                os.ftruncate(self._events, os.fstat(self._events).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _make(home: Path, folder: Path) -> None:
    """Make a folder in a home, or say that nothing can be written there; a full disk is told by `writing`."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        message = f"The folder {home} cannot be written to: {error.strerror}."
        raise UserError(message, hint="Run from a folder that can be written.") from error


def _claim(draft: Path, parent: Path, name: str) -> Path:
    """Move a complete new folder to the first free name; renaming onto a folder in use fails, so two never share."""
    number = 1
    while True:
        target = parent / (name if number == 1 else f"{name}-{number}")
        try:
            return draft.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        number += 1
