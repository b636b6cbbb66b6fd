"""A worker of a family: what the workforce asks of it, and the one that is a process on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

from convspec.errors import RUN_FAILED, UserError
from runners import environment
from runners.atomic import writing
from runners.family.task import CHILDREN

WORKERS_LOG = "workers.log"
"""What workers of a family write on standard error outside of trainings."""
TO_MEND = "Mend that, and go on with the same command."
Line = Mapping[str, Any]
"""What is said between a parent and a worker: one line of JSON."""


class Worker(Protocol):
    """Whoever trains one task of a family after another, once it has said that it is `ready`."""

    def fileno(self) -> int:
        """What becomes readable when there are answers."""

    def say(self, line: Line) -> bool:
        """Gives it a task, or the verdict that it asked for; whether it was there to be told."""

    def answers(self) -> list[dict[str, Any]] | None:
        """The whole lines that it has said, or None where it has gone."""

    def hang_up(self) -> None:
        """Tells it to save what it has in hand, and to end."""

    def wait(self, seconds: float) -> str:
        """How it ended, in words that follow its name; it is killed where it does not end in time."""


Start = Callable[[Path], Worker]
"""Starts a worker for the family in a folder. Raises UserError where there is nothing more to start one with."""


class Lines:
    """Puts together lines of JSON from whatever parts they arrive in."""

    def __init__(self) -> None:
        self._heard = b""

    def of(self, received: bytes) -> list[dict[str, Any]]:
        *lines, self._heard = (self._heard + received).split(b"\n")
        return [json.loads(line) for line in lines]


def line_of(line: Line) -> bytes:
    return json.dumps(line).encode() + b"\n"


class LocalWorker:
    """A process of this machine that trains in `folder/children`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lines = Lines()

    @classmethod
    def start(cls, folder: Path, variables: Mapping[str, str] | None = None) -> LocalWorker:
        """Starts one, in this process's environment or with the `variables` given. Raises UserError where the system refuses."""
        with writing(folder):
            errors = (folder / WORKERS_LOG).open("ab")
        with errors:
            try:
                process = subprocess.Popen(
                    # -P keeps modules of the folder in which the user works out of a process that must import others
                    [sys.executable, "-P", "-m", "runners.family.worker", str(folder / CHILDREN)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment.for_children() | dict(variables or {}),
                    start_new_session=True,  # Ctrl-C at the terminal is for the parent
                )
            except OSError as error:
                message = f"No worker can be started with {sys.executable}: {error.strerror}."
                raise UserError(message, hint=TO_MEND, exit_code=RUN_FAILED) from error
        return cls(process)

    @property
    def _output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def fileno(self) -> int:
        return self._output.fileno()

    def say(self, line: Line) -> bool:
        assert self.process.stdin is not None
        if self.process.stdin.closed:
            return False
        try:
            self.process.stdin.write(line_of(line))
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def answers(self) -> list[dict[str, Any]] | None:
        received = os.read(self.fileno(), 65536)
        return self._lines.of(received) if received else None

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            with suppress(BrokenPipeError):
                self.process.stdin.close()

    def wait(self, seconds: float) -> str:
        try:
            code = self.process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._output.close()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
