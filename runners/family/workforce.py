"""The workers of a family: tasks are handed to whoever is free, and one whose worker is lost is handed to another."""

from __future__ import annotations

import selectors
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from convspec.errors import RUN_FAILED, UserError
from runners.atomic import WritingError, writing
from runners.family.local import TO_MEND, WORKERS_LOG, Line, LocalWorker, Start, Worker
from runners.family.task import CHILDREN, TRAINING_LOG, Outcome, Task

MOST_LOSSES = 3
"""A task at which so many workers were lost has failed; where so many in a row are lost before they have a task, no more are
started."""
LINES_SHOWN = 3
"""Lines of the last words of workers that are shown."""
TO_END_SECONDS = 30.0
"""The longest that is waited for a worker that was told to end."""

OnEpoch = Callable[[str, int, Mapping[str, float]], bool]
"""Whether the task with this key goes on after an epoch with these figures."""


@dataclass
class Hand:
    """A worker, whether it has said that it is ready and has had a task, and the one that it has in hand."""

    worker: Worker
    is_ready: bool = False
    has_worked: bool = False
    task: Task | None = None

    @property
    def is_free(self) -> bool:
        return self.is_ready and self.task is None


class Workforce:
    """Up to `workers` that train tasks in `folder/children`, each begun by `start`. An outcome that is there already is not
    trained again."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        start: Start = LocalWorker.start,
        on_epoch: OnEpoch = lambda *_: True,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.folder, self.children, self.count = folder, folder / CHILDREN, workers
        self.log = folder / WORKERS_LOG
        self._logged = self.log.stat().st_size if self.log.is_file() else 0  # by workers of an earlier process
        self.start, self.on_epoch, self.stop = start, on_epoch, stop
        self._hands: list[Hand] = []
        self._waiting: deque[Task] = deque()
        self._done: deque[Outcome] = deque()
        self._losses: Counter[str] = Counter()
        self._starts_lost = 0
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        with writing(self.children):
            self.children.mkdir(exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def idle(self) -> int:
        """How many more tasks could be trained at once."""
        busy = sum(hand.task is not None for hand in self._hands)
        return max(0, self.count - busy - len(self._waiting))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to wait for."""
        return not self._done and not self._waiting and all(hand.task is None for hand in self._hands)

    def submit(self, task: Task) -> None:
        """Has a task trained as soon as a worker is free."""
        known = Outcome.read(self.children / task.key)
        if known is not None:
            self._done.append(known)
            return
        self._waiting.append(task)
        self._hand_out()

    def wait(self) -> Outcome | None:
        """The next outcome, or None where it was told to stop. Raises UserError where the place is at fault: workers cannot be
        started there, or WritingError where nothing can be written."""
        while not self._done:
            assert not self.is_empty, "there is nothing to wait for"
            if self.stop():
                return None
            for key, _ in self._selector.select(0.2):
                if any(hand is key.data for hand in self._hands):  # one may have been lost since, over an answer before
                    self._listen(key.data)
        return self._done.popleft()

    def close(self) -> None:
        """Ends all workers; what they have in hand is saved."""
        for hand in self._hands:
            hand.worker.hang_up()
        deadline = time.monotonic() + TO_END_SECONDS
        for hand in self._hands:
            hand.worker.wait(deadline - time.monotonic())
        self._hands.clear()
        self._selector.close()

    def _hand_out(self) -> None:
        while self._waiting:
            free = next((hand for hand in self._hands if hand.is_free), None)
            if free is None:
                coming = sum(not hand.is_ready for hand in self._hands)
                if len(self._hands) >= self.count or coming >= len(self._waiting):
                    return
                self._start()
                continue
            if not free.worker.say(self._waiting[0].plain()):
                self._lose(free)
                continue
            free.task, free.has_worked, self._starts_lost = self._waiting.popleft(), True, 0

    def _start(self) -> None:
        hand = Hand(self.start(self.folder))
        self._hands.append(hand)
        self._selector.register(hand.worker, selectors.EVENT_READ, hand)

    def _listen(self, hand: Hand) -> None:
        answers = hand.worker.answers()
        if answers is None:
            self._lose(hand)
        for answer in answers or ():
            self._take(answer, hand)
        self._hand_out()

    def _take(self, answer: Line, hand: Hand) -> None:
        if "ready" in answer:
            hand.is_ready = True
            return
        if "unwritable" in answer:
            raise WritingError(answer["unwritable"])
        task = hand.task
        assert task is not None
        if "epoch" in answer:
            hand.worker.say({"go_on": self.on_epoch(task.key, answer["epoch"], answer["metrics"])})
            return
        hand.task = None
        if "outcome" in answer:
            self._done.append(Outcome.of(answer["outcome"]))
        else:
            self._done.append(self._given_up(task, answer["failed"]))

    def _lose(self, hand: Hand) -> None:
        """A worker has gone: another one takes its task up where it was, unless that is what ends them."""
        self._selector.unregister(hand.worker)
        self._hands.remove(hand)
        hand.worker.hang_up()
        how, task = hand.worker.wait(TO_END_SECONDS), hand.task
        self._starts_lost += not hand.has_worked
        if self._starts_lost == MOST_LOSSES:
            self._start_no_more(how)
        if task is None:
            return
        known = Outcome.read(self.children / task.key)
        self._losses[task.key] += 1
        if known is not None:
            self._done.append(known)
        elif self._losses[task.key] < MOST_LOSSES:
            self._waiting.appendleft(task)
        else:
            self._done.append(self._given_up(task, f"Its process {how} {MOST_LOSSES} times"))

    def _start_no_more(self, how: str) -> None:
        """Goes on with the workers that there are. Raises UserError where there are none."""
        self.count, self._starts_lost = sum(hand.is_ready for hand in self._hands), 0
        if self.count == 0:
            raise self._cannot_start(how)
        workers = f"{self.count} worker{'s' * (self.count > 1)}"
        sys.stderr.write(f"No more workers can be started, the last one {how}; going on with {workers}.\n")
        sys.stderr.flush()

    def _cannot_start(self, how: str) -> UserError:
        what = f"No worker can be started: {MOST_LOSSES} in a row were lost before they could train, and the last one {how}."
        said = _words(self.log, since=self._logged).splitlines()[-LINES_SHOWN:]
        if not said and "SIGKILL" in how:
            hint = f"Where nobody killed it, memory has run out: take fewer --workers, or a smaller network. {TO_MEND}"
            return UserError(what, hint=hint, exit_code=RUN_FAILED)
        if not said:
            return UserError(what, hint=TO_MEND, exit_code=RUN_FAILED)
        lines = [f"{what} {self.log} ends with:", *(f"    {line}" for line in said), TO_MEND]
        return UserError("\n".join(lines), exit_code=RUN_FAILED)

    def _given_up(self, task: Task, why: str) -> Outcome:
        """The outcome of a task that no worker survives or can do, recorded with the last words of the last one."""
        from runners.tracking.spool import Spool

        folder = self.children / task.key
        with writing(folder):
            folder.mkdir(exist_ok=True)
        log = folder / TRAINING_LOG
        said = _words(log)
        last = said.rpartition("\n")[2]
        reason = f"{why}{': ' + last if last else '.'}"
        spool = Spool.at(folder)
        spool.start(task.experiment, name=task.name, params={}, tags=task.tags)
        if said:
            spool.artifact(log)
        spool.end("FAILED", reason=reason)
        outcome = Outcome(task.key, "FAILED", reason=reason)
        outcome.write(folder)
        return outcome


def _words(log: Path, *, since: int = 0) -> str:
    """What a log says from a byte on."""
    return log.read_bytes()[since:].decode(errors="replace").strip() if log.is_file() else ""
