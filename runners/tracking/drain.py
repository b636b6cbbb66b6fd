"""The process that delivers a run to the store while another trains it, and ends it should the trainer be killed.

`python -m runners.tracking.drain FOLDER...`; its standard input is a pipe from the trainer: its end says that the
trainer has nothing more to say, however it ended. Importing MLflow takes longer than a short training.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from convspec.errors import UserError
from runners.tracking import events, record
from runners.tracking.database import StoreAwayError, fold_log, path_of
from runners.tracking.owner import Owner
from runners.tracking.store import PERMANENT, SETTINGS, first_line, open_client, redacted
from runners.tracking.trainer import Trainer

if TYPE_CHECKING:
    from mlflow import MlflowClient

POLL_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15.0
_log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass
class Drain:
    """The delivery of one spool, for as long as its trainer lives and `patience` seconds more.

    `waited` tells how much of its patience it took; `away` is what there is to say of a store that could not be opened.
    """

    folder: Path
    trainer: Trainer
    patience: float
    orphaned: bool
    report: Callable[..., None]
    waited: float = 0.0
    away: str = ""
    reported: bool = False
    """Whether it was said that the store is waited for."""

    def run(self) -> None:
        """Deliver all there is, and report how that went."""
        known = record.load(self.folder)
        assert known is not None, "whoever starts a delivery says where it goes"
        try:
            self._deliver(known)
        except UserError as problem:
            known.message = f"{str(problem).rstrip('.')}."
            known.save(self.folder)
        settled = record.is_done(self.folder)
        if not settled and not known.message:
            known.message = record.refusal(self.folder)
        self._tidy(known, settled=settled)
        self.report("end", known, folder=self.folder, complete=settled)

    def _tidy(self, known: record.Record, *, settled: bool) -> None:
        """Remove what nobody needs any more: the spool of a run that finished, or those of the runs below it."""
        if (self.folder / record.CHILDREN).is_dir():
            if settled and known.status == "FINISHED":
                record.remove(self.folder / record.CHILDREN)
        elif (settled and known.status == "FINISHED") or not (known.run_id or known.message):
            record.remove(self.folder)

    def _deliver(self, known: record.Record) -> None:
        known.attempts += 1
        known.message = ""
        known.save(self.folder)
        if self.trainer.is_gone() and not events.has_started(self.folder):
            return
        client = self._open(known.tracking_uri)
        gc.freeze()
        gc.enable()
        from runners.tracking.children import Children  # imports MLflow, which `_lighten` must precede
        from runners.tracking.delivery import Delivery

        delivery, children = Delivery(client, self.folder, known), Children(client, self.folder, known)
        reported = False
        while True:
            gone = self.trainer.is_gone()  # asked before reading, so that its last words are read
            self._persist(lambda: delivery.send(events.read(self.folder, known.sent)))
            if known.run_id and not reported:
                self.report("run", known, folder=self.folder)
                reported = True
            self._persist(children.send)
            if gone:
                break
            self.trainer.wait(POLL_SECONDS)
        continued = events.owner_of(self.folder) != self.trainer.owner
        if not continued:
            self._persist(partial(children.kill, orphaned=self.orphaned))
        if known.run_id and not known.has_ended and not continued:
            self._persist(lambda: delivery.kill(orphaned=self.orphaned))
        if known.tracking_uri.startswith("sqlite:"):
            fold_log(path_of(known.tracking_uri))

    def _open(self, uri: str) -> MlflowClient:
        if self.away:
            raise UserError(self.away)
        try:
            return self._persist(lambda: open_client(uri))
        except StoreAwayError as problem:
            self.away = str(problem)
            raise

    def _persist(self, action: Callable[[], Result]) -> Result:
        """Try until it works, the store refuses for good, or the trainer's been gone for `patience` seconds.

        Raises StoreAwayError in the last case, UserError in the second.
        """
        from mlflow.exceptions import MlflowException  # after `_lighten`

        delay = POLL_SECONDS
        while True:
            try:
                result = action()
                self._tell_waiting("")
                return result
            except MlflowException as error:
                problem: Exception = error
                if error.error_code in PERMANENT:
                    raise UserError(f"The store refuses the run: {first_line(error)}") from error
            except (PermissionError, NotADirectoryError) as error:
                raise UserError(f"{error.filename} cannot be written: {error.strerror}.") from error
            except (StoreAwayError, OSError) as error:
                problem = error
            _log.warning("trying again: %s", problem)
            self._tell_waiting(first_line(problem).rstrip("."))
            if self.trainer.has_been_gone(self.patience):
                raise StoreAwayError(first_line(problem)) from problem
            began = time.monotonic()
            self.trainer.wait(delay)
            self.waited += time.monotonic() - began
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)

    def _tell_waiting(self, problem: str) -> None:
        """Say once that the store is waited for and why, and once that it no longer is."""
        if bool(problem) == self.reported:
            return
        self.reported = bool(problem)
        known = record.load(self.folder) or record.Record("")
        if problem and not problem.startswith("The store "):
            problem = f"The store {redacted(known.tracking_uri)} does not take the run yet: {problem}"
        self.report("waiting" if problem else "working", replace(known, message=problem), folder=self.folder)


class Reports:
    """Lines of JSON to the process that started this one, for as long as it listens."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def __call__(self, kind: str, known: record.Record, *, folder: Path, complete: bool = False) -> None:
        """Say that a run is made (`run`), that the store is waited for (`waiting`) or no longer is (`working`), or that the
        delivery is over (`end`)."""
        line = json.dumps({"report": kind, "folder": str(folder), **asdict(known), "complete": complete}) + "\n"
        with suppress(BrokenPipeError):
            os.write(self._pipe, line.encode())


def main(arguments: list[str]) -> None:
    """Deliver the spools named on the command line, one after the other, and leave at once."""
    parser = argparse.ArgumentParser(prog="runners.tracking.drain")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to try after the trainer is gone")
    parser.add_argument("--orphaned", action="store_true", help="mark what is found unfinished as orphaned")
    parser.add_argument("--owner", type=Owner.parse, help="the process that trains, as JSON")
    parser.add_argument("--report", type=int, default=1, help="file descriptor of the reports")
    given = parser.parse_args(arguments)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # it ends soon after its trainer, with nothing lost
    _lighten()
    report = Reports(given.report)
    patience, away = given.patience, dict[str, str]()
    for folder in given.folders:
        with record.claim(folder, wait=not given.orphaned) as claimed:
            known = record.load(folder) if claimed else None
            if known is not None and not record.is_done(folder):
                trainer = Trainer(sys.stdin.fileno(), given.owner or events.owner_of(folder))
                one = Drain(folder, trainer, patience, given.orphaned, report, away=away.get(known.tracking_uri, ""))
                one.run()
                # a store that is away for one is away for all, and a hundred of them do not wait a hundred times
                away[known.tracking_uri] = one.away
                patience = max(0.0, patience - one.waited)
    # tearing down MLflow's modules takes half a second, in which nothing happens
    os._exit(0)


def _lighten() -> None:
    """Make MLflow start in half the time: without pandas it is what `mlflow-skinny` is, which is enough here."""
    gc.disable()  # nothing that is made while importing is garbage
    os.environ.update({name: value for name, value in SETTINGS.items() if name not in os.environ})
    sys.modules["pandas"] = sys.modules["pyarrow"] = None  # type: ignore[assignment]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    main(sys.argv[1:])
