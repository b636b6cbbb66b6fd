"""The trainer's side of delivery: starts the process that delivers, without importing MLflow, and hears how it went."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convspec.errors import UserError
from runners import environment
from runners.atomic import writing
from runners.tracking import record
from runners.tracking.owner import Owner
from runners.tracking.spool import Spool
from runners.tracking.store import check, redacted

PATIENCE_SECONDS = 60.0
_log = logging.getLogger(__name__)


def _say_on_standard_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Outcome:
    """How a delivery went. `message` is empty where everything `sent` is in the store."""

    run_id: str
    experiment_id: str
    sent: bool
    message: str = ""


class Drainer:
    """A process that delivers spools. Once this object closes its pipe, it delivers the rest and ends."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reports: int,
        folder: Path,
        substitute: Callable[[], Drainer] | None = None,
    ) -> None:
        self._process = process
        self._reports: int | None = reports
        self._folder = folder
        self._substitute = substitute  # delivers what is left should the process be killed
        self._read = b""
        self._heard: list[dict[str, Any]] = []

    def run_id(self, timeout: float = 0.0) -> str | None:
        """The id of the run as soon as it exists in the store, or None where it does not within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not any(report["run_id"] for report in self._heard):
            if not self._listen(deadline):
                return None
        return next(str(report["run_id"]) for report in self._heard if report["run_id"])

    def wait(
        self, timeout: float = PATIENCE_SECONDS + 30.0, *, say: Callable[[str], None] = _say_on_standard_error
    ) -> Outcome:
        """How the delivery went, after the trainer has said its last word: a spool without an end is a killed run.

        `say` is told once where the store has to be waited for; Ctrl-C ends the wait, not the delivery.
        """
        last = None
        try:
            for report in self._ended_or_waiting(timeout):
                if report["report"] == "waiting":
                    say(
                        f"{report['message']}; trying for a minute more (Ctrl-C is safe: `convspec sync` sends it later)."
                    )
                elif report["folder"] == str(self._folder):
                    last = report
        except KeyboardInterrupt:
            _log.info("nobody waits for the delivery any more")
        if last is not None and last["complete"]:
            return Outcome(last["run_id"], last["experiment_id"], sent=True)
        if last is None and self._process.poll() is not None and self._substitute is not None:
            with closing(self._substitute()) as other:
                return other.wait(timeout, say=say)
        known = record.load(self._folder) or record.Record("")
        if last is not None:
            message = f"Not everything could be recorded. {last['message'].rstrip('.')}."
        elif self._process.poll() is None:
            message = "The run is still being recorded; that goes on in the background."
        else:
            message = f"The process that records the run ended early; see {self._folder / 'drain.log'}."
        kept = f"The rest is kept in {self._folder} and sent by `convspec sync`, or the next convspec command here."
        return Outcome(known.run_id, known.experiment_id, sent=False, message=f"{message} {kept}")

    def close(self) -> None:
        """Leave the process to itself: it delivers what there is, and ends."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._reports is not None:
            os.close(self._reports)
            self._reports = None
        if self._process.poll() is None:
            self._process.returncode = 0  # it is meant to outlive this object, which is no cause for a warning

    def outcomes(self, timeout: float) -> list[dict[str, Any]]:
        """The final report of each spool delivered, once all are done or `timeout` seconds have gone by."""
        return list(self.ended(timeout))

    def ended(self, timeout: float) -> Iterator[dict[str, Any]]:
        """The final report of each spool as soon as its delivery is over, for no longer than `timeout` seconds."""
        yield from (report for report in self._told(timeout) if report["report"] == "end")

    def _ended_or_waiting(self, timeout: float) -> Iterator[dict[str, Any]]:
        """The same, and once a report that the store is waited for."""
        said = False
        for report in self._told(timeout):
            if report["report"] == "end" or (report["report"] == "waiting" and not said):
                said |= report["report"] == "waiting"
                yield report

    def _told(self, timeout: float) -> Iterator[dict[str, Any]]:
        """All reports, those heard before first; of a wait that was over before anybody asked, none."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        deadline = time.monotonic() + timeout
        while self._listen(time.monotonic()):
            pass  # what was said during training
        over = max((at for at, one in enumerate(self._heard) if one["report"] == "working"), default=-1)
        self._heard = [one for at, one in enumerate(self._heard) if one["report"] != "waiting" or at > over]
        told = 0
        while True:
            news, told = self._heard[told:], len(self._heard)
            yield from news
            if not self._listen(deadline):
                return

    def _listen(self, deadline: float) -> bool:
        """Take in what is reported next; False where nothing more comes, or not in time."""
        assert self._reports is not None, "a closed drainer is heard no more"
        poll = select.poll()
        poll.register(self._reports, select.POLLIN | select.POLLHUP)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return False
        self._read += (received := os.read(self._reports, 65536))
        *lines, self._read = self._read.split(b"\n")
        self._heard += [json.loads(line) for line in lines]
        if not received:
            self._process.wait()
        return bool(received)


def start_drainer(spool: Spool, uri: str, *, patience: float = PATIENCE_SECONDS) -> Drainer:
    """Start delivering a spool to the store at `uri`; start it first, as it takes a second to be ready.

    Raises UserError where the store cannot be used, or a run that is continued is recorded in another.
    """
    check(uri)
    known = record.load(spool.folder) or record.Record(uri)
    if known.run_id and known.tracking_uri != uri:
        raise UserError(
            f"Run {known.run_id} is recorded in {redacted(known.tracking_uri)}, not in {redacted(uri)}.",
            hint="Continue it with --tracking-uri set to where it is.",
        )
    if not known.run_id:  # later it is for those who deliver to write
        known.tracking_uri = uri
        with writing(spool.folder):
            known.save(spool.folder)
    options = ["--patience", str(patience), "--owner", Owner.current().line()]
    log = spool.folder / "drain.log"
    return launch(
        [spool.folder],
        log=log,
        options=options,
        substitute=lambda: launch([spool.folder], log=log, options=options, alone=True),
    )


def launch(
    folders: Iterable[Path],
    *,
    log: Path,
    options: Iterable[str] = (),
    alone: bool = False,
    substitute: Callable[[], Drainer] | None = None,
) -> Drainer:
    """Start a process that delivers spools; `alone` says that none of them has a trainer any more."""
    paths = [str(folder) for folder in folders]
    listening, speaking = os.pipe()
    # -P keeps modules of the folder in which the user works out of a process that must import others
    command = [sys.executable, "-P", "-m", "runners.tracking.drain", *options, "--report", str(speaking)]
    with writing(log):
        output = log.open("ab")
    with output:
        process = subprocess.Popen(
            [*command, *paths],
            stdin=subprocess.DEVNULL if alone else subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=[speaking],
            env=environment.for_children(),
            start_new_session=True,  # Ctrl-C at the terminal is for the trainer, which says how the run ended
        )
    os.close(speaking)
    return Drainer(process, listening, Path(paths[0]), substitute)
