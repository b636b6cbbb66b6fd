"""Runs whose trainer was killed together with the process that records them: found, delivered and ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convspec.errors import UserError
from runners.atomic import writing
from runners.tracking import events, record
from runners.tracking.owner import Owner
from runners.tracking.process import launch

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Swept:
    """What became of one spool that nobody tended: the run's status, or why it could not be delivered."""

    folder: Path
    run_id: str
    status: str
    message: str = ""

    def __str__(self) -> str:
        if self.message:
            why = f"Run {self.run_id or self.folder.name} is not recorded completely yet: {self.message}"
            return f"{why} `convspec sync` tries for longer."
        if self.status == "KILLED":
            several = (self.folder / record.CHILDREN).is_dir()
            again = f"`convspec run FILE{'' if several else f' --resume {self.run_id}'}` goes on with it."
            return f"Run {self.run_id} was killed; all that it left is recorded. {again}"
        return f"Run {self.run_id} is now recorded completely."


def sweep(home: Path, *, but: Path | None = None) -> list[Swept]:
    """Deliver what killed trainers left in the spools of `home`, one excepted, and end their runs; cheap where there is nothing.

    Safe to run at any time and at once with another. A run marked KILLED keeps its folder, from which it can continue.
    """
    folders, damaged = [], []
    for folder in record.spools(home):
        try:
            if folder != but and _is_orphan(folder):
                folders.append(folder)
        except UserError as problem:
            damaged.append(Swept(folder, "", "", str(problem)))
    return damaged + (_deliver(home, folders) if folders else [])


def _deliver(home: Path, folders: list[Path]) -> list[Swept]:
    log = home / ".convspec" / "sweep.log"
    try:
        drainer = launch(folders, log=log, options=["--orphaned", "--patience", "0"], alone=True)
    except UserError as problem:  # on a disk that cannot be written, where runs can still be listed
        return [Swept(folder, "", "", str(problem)) for folder in folders]
    reports = drainer.outcomes(_TIMEOUT_SECONDS)
    drainer.close()
    return [Swept(Path(each["folder"]), each["run_id"], each["status"], each["message"]) for each in reports]


def reap(client: MlflowClient, home: Path) -> list[str]:
    """End the runs that the store still calls RUNNING though their trainer on this machine is gone; their ids.

    Runs of which `home` keeps a spool, or one within a family's, are left to `sweep`, which knows more about them.
    """
    from mlflow.entities import RunTag

    folders = [folder for top in record.spools(home) for folder in record.family(top)]
    spooled = {known.run_id for folder in folders if (known := record.load(folder))}
    host = Owner.current().host
    experiments = [found.experiment_id for found in client.search_experiments()]
    running = client.search_runs(experiments, f"attributes.status = 'RUNNING' AND tags.`convspec.host` = '{host}'")
    gone = []
    for run in running:
        owner = Owner.from_tags(run.data.tags)
        if owner is None or not owner.is_gone() or run.info.run_id in spooled:
            continue
        tags = [
            RunTag("convspec.orphaned", "true"),
            RunTag("convspec.reason", "the process that trained it was killed"),
        ]
        client.log_batch(run.info.run_id, tags=tags)
        client.set_terminated(run.info.run_id, "KILLED")
        gone.append(run.info.run_id)
    return gone


@contextmanager
def claim_orphan(folder: Path) -> Iterator[bool]:
    """Hold a spool whose trainer is gone and that nobody sends; False where there is nothing to be sent of it."""
    with record.claim(folder, wait=False) as free:
        if free and record.load(folder) is None and _is_blank(folder):
            with writing(folder):
                record.remove(folder)  # killed before anything was trained or sent anywhere
            free = False
        yield free


def _is_blank(folder: Path) -> bool:
    """Whether nothing was begun in a spool. That its record is missing says nothing: a power cut may have emptied it."""
    kept = ("checkpoint.safetensors", record.CHILDREN, record.FAMILY)
    return not events.has_started(folder) and not any((folder / name).exists() for name in kept)


def _is_orphan(folder: Path) -> bool:
    known = record.load(folder)
    if record.is_done(folder):
        return False
    owner = events.owner_of(folder)
    if owner is None or not owner.is_gone():
        return False
    with claim_orphan(folder) as free:
        return free and known is not None
