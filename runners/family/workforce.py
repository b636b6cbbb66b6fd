"""The workers of a family: tasks are handed to whoever is free, and one whose worker is lost is handed to another."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from runners import environment
from runners.family.task import Outcome, Task

MOST_LOSSES = 3
"""A task at which so many workers were lost has failed."""
TO_END_SECONDS = 30.0
"""The longest that is waited for a worker that was told to end."""

OnEpoch = Callable[[str, int, Mapping[str, float]], bool]
"""Whether the task with this key goes on after an epoch with these figures."""


@dataclass
class Worker:
    """One process and the task that it has in hand."""

    process: subprocess.Popen[bytes]
    task: Task | None = None
    heard: bytes = b""

    @classmethod
    def start(cls, children: Path, log: Path) -> Worker:
        with log.open("ab") as errors:
            process = subprocess.Popen(
                # -P keeps modules of the folder in which the user works out of a process that must import others
                [sys.executable, "-P", "-m", "runners.family.worker", str(children)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment.for_children(),
                start_new_session=True,  # Ctrl-C at the terminal is for the parent
            )
        return cls(process)

    @property
    def output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def say(self, line: Mapping[str, Any]) -> bool:
        """Whether the process was there to be told."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(line).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def answers(self) -> list[dict[str, Any]] | None:
        """The whole lines that it has said, or None where it has gone."""
        received = os.read(self.output.fileno(), 65536)
        if not received:
            return None
        *lines, self.heard = (self.heard + received).split(b"\n")
        return [json.loads(line) for line in lines]

    def hang_up(self) -> None:
        """Tells the process to end."""
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            with suppress(BrokenPipeError):
                self.process.stdin.close()

    def wait(self, seconds: float) -> str:
        """How the process ended, in words; it is killed where it does not in time."""
        try:
            code = self.process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.output.close()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


class Workforce:
    """`count` processes that train tasks in `folder/children`. An outcome that is there already is not trained again."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        on_epoch: OnEpoch = lambda *_: True,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.folder, self.children, self.count = folder, folder / "children", workers
        self.on_epoch, self.stop = on_epoch, stop
        self._workers: list[Worker] = []
        self._waiting: deque[Task] = deque()
        self._done: deque[Outcome] = deque()
        self._losses: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        self.children.mkdir(exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def idle(self) -> int:
        """How many more tasks could be trained at once."""
        busy = sum(worker.task is not None for worker in self._workers)
        return max(0, self.count - busy - len(self._waiting))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to wait for."""
        return not self._done and not self._waiting and all(worker.task is None for worker in self._workers)

    def submit(self, task: Task) -> None:
        """Has a task trained as soon as a worker is free."""
        known = Outcome.read(self.children / task.key)
        if known is not None:
            self._done.append(known)
            return
        self._waiting.append(task)
        self._hand_out()

    def wait(self) -> Outcome | None:
        """The next outcome, or None where it was told to stop."""
        while not self._done:
            assert not self.is_empty, "there is nothing to wait for"
            if self.stop():
                return None
            for key, _ in self._selector.select(0.2):
                self._listen(key.data)
        return self._done.popleft()

    def close(self) -> None:
        """Ends all workers; what they have in hand is saved."""
        for worker in self._workers:
            worker.hang_up()
        deadline = time.monotonic() + TO_END_SECONDS
        for worker in self._workers:
            worker.wait(deadline - time.monotonic())
        self._workers.clear()
        self._selector.close()

    def _hand_out(self) -> None:
        while self._waiting:
            free = next((worker for worker in self._workers if worker.task is None), None)
            if free is None and len(self._workers) >= self.count:
                return
            free = free or self._start()
            free.task = self._waiting.popleft()
            if not free.say(free.task.plain()):
                self._lose(free)

    def _start(self) -> Worker:
        worker = Worker.start(self.children, self.folder / "workers.log")
        self._workers.append(worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)
        return worker

    def _listen(self, worker: Worker) -> None:
        answers = worker.answers()
        if answers is None:
            self._lose(worker)
            self._hand_out()
            return
        for answer in answers:
            assert worker.task is not None
            if "outcome" in answer:
                worker.task = None
                self._done.append(Outcome.of(answer["outcome"]))
                self._hand_out()
            else:
                worker.say({"go_on": self.on_epoch(worker.task.key, answer["epoch"], answer["metrics"])})

    def _lose(self, worker: Worker) -> None:
        """A worker has gone: another one takes its task up where it was, unless that is what ends them."""
        self._selector.unregister(worker.output)
        self._workers.remove(worker)
        worker.hang_up()
        how, task = worker.wait(TO_END_SECONDS), worker.task
        if task is None:
            return
        known = Outcome.read(self.children / task.key)
        self._losses[task.key] += 1
        if known is not None:
            self._done.append(known)
        elif self._losses[task.key] < MOST_LOSSES:
            self._waiting.appendleft(task)
        else:
            self._done.append(self._given_up(task, how))

    def _given_up(self, task: Task, how: str) -> Outcome:
        """The outcome of a task that no worker survives, recorded with the last words of the last one."""
        from runners.tracking.spool import Spool

        folder = self.children / task.key
        folder.mkdir(exist_ok=True)
        log = folder / "log"
        said = log.read_text(encoding="utf-8", errors="replace").strip() if log.is_file() else ""
        last = said.rpartition("\n")[2]
        reason = f"Its process {how} {MOST_LOSSES} times{': ' + last if last else '.'}"
        spool = Spool.at(folder)
        spool.start(task.experiment, name=task.name, params={}, tags=task.tags)
        if said:
            spool.artifact(log)
        spool.end("FAILED", reason=reason)
        outcome = Outcome(task.key, "FAILED", reason=reason)
        outcome.write(folder)
        return outcome
