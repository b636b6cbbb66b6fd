"""The other processes that share a run with this one: started and ended here on one machine, or by torchrun."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from convspec.errors import UserError
from convspec.loading import Loaded
from runners import environment, files
from runners.place import ALONE, LostProcessError, Place

TO_END_SECONDS = 5.0
"""The longest that is waited for a process whose parent no longer speaks to it."""


@dataclass(frozen=True)
class Worker:
    """A process of this machine that computes its part of every batch. It ends by itself once its standard input is closed,
    however this process ends."""

    rank: int
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, place: Place, order: dict[str, object], log: Path) -> Worker:
        """A process at a place, which imports and reads what it needs while this one does so too."""
        with log.open("wb") as errors:
            process = subprocess.Popen(
                # -P keeps modules of the folder in which the user works out of a process that must import others
                [sys.executable, "-P", "-m", "runners.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment.for_children(),
                start_new_session=True,  # Ctrl-C at the terminal is for the first process
            )
        worker = cls(place.rank, process, log)
        worker._pipe(process.stdin).write(json.dumps(order).encode() + b"\n")
        worker._pipe(process.stdin).flush()
        return worker

    def wait_until_ready(self) -> None:
        """Raises UserError with what the process could not do, or LostProcessError where it has ended."""
        line = self._pipe(self.process.stdout).readline()
        if not line:
            self.process.wait()
            raise LostProcessError(self.end() or "")
        answer = json.loads(line)
        if "error" in answer:
            raise UserError(
                f"Process {self.rank}: {answer['error']}", hint=answer["hint"], exit_code=answer["exit_code"]
            )

    def end(self) -> str | None:
        """How the process has ended, in words; None where it has not."""
        code = self.process.poll()
        if code is None:
            return None
        if code < 0:
            return f"Process {self.rank} was killed by {signal.Signals(-code).name}."
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        return f"Process {self.rank} ended with exit code {code}{': ' if said else '.'}{said}"

    def close(self) -> None:
        """Ends the process."""
        self._pipe(self.process.stdin).close()
        try:
            self.process.wait(TO_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._pipe(self.process.stdout).close()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


@dataclass(frozen=True)
class Processes:
    """This process's place, and those that it has started."""

    place: Place = ALONE
    workers: list[Worker] = field(default_factory=list)

    def wait_until_ready(self) -> None:
        """Until all that were started can compute. Raises UserError where one of them cannot."""
        for worker in self.workers:
            worker.wait_until_ready()

    def explained(self, error: LostProcessError) -> LostProcessError:
        """The same error, with how a process ended where that is known."""
        for worker in self.workers:
            try:
                worker.process.wait(1.0)
            except subprocess.TimeoutExpired:
                continue
            return LostProcessError(worker.end() or "")
        return error


@contextmanager
def processes(loaded: Loaded, *, threads: int, device: str, compiled: bool) -> Iterator[Processes]:
    """The processes that a pipeline asks for, as long as they are needed; none of them outlives it."""
    size = loaded.pipeline.processes
    given = Place.from_environment()
    if size == 1 or given is not None:
        yield Processes(given or ALONE)
        return
    with TemporaryDirectory(prefix="convspec-") as folder:
        first = Place(0, size, 0, size, Path(folder) / "meeting")
        order = {
            "pipeline": files.pipeline_text(loaded), "threads": threads, "device": device, "compiled": compiled,
            "size": size, "meeting": str(first.meeting),
        }  # fmt: skip
        together = Processes(first)
        try:
            for rank in range(1, size):
                place = replace(first, rank=rank, local_rank=rank)
                together.workers.append(Worker.start(place, order | {"rank": rank}, Path(folder) / f"{rank}.log"))
            yield together
        finally:
            for worker in together.workers:
                worker.close()
