"""A process that trains one task of a family after another: `python -m runners.family.worker CHILDREN`.

Standard output says that the process is ready, and then outcomes and epochs, one line of JSON each; standard input brings tasks,
and verdicts on trainings that ask for them. When standard input is closed, the training under way is saved and the process ends,
however its parent ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.atomic import WritingError
from runners.family.task import Task
from runners.training.epochs import Epoch
from runners.training.loop import Stopped

if TYPE_CHECKING:
    from runners.family.child import Child, Verdict

STDIN = 0


class Orders:
    """Lines of JSON from the parent."""

    def __init__(self) -> None:
        self._read = b""
        self._poll = select.poll()
        self._poll.register(STDIN, select.POLLIN | select.POLLHUP)

    def next(self) -> dict[str, Any] | None:
        """The next line, or None where the parent has no more to say."""
        while b"\n" not in self._read:
            received = os.read(STDIN, 65536)
            if not received:
                return None
            self._read += received
        line, self._read = self._read.split(b"\n", 1)
        order: dict[str, Any] = json.loads(line)
        return order

    def are_over(self) -> bool:
        """Whether the parent has gone, or wants an end; it says nothing else while a task is under way."""
        return bool(self._poll.poll(0))


class Answers:
    """Lines of JSON to the parent, apart from whatever libraries print on standard output."""

    def __init__(self) -> None:
        self._pipe = os.dup(1)
        os.dup2(2, 1)

    def say(self, answer: dict[str, Any]) -> None:
        os.write(self._pipe, json.dumps(answer).encode() + b"\n")


def main(children: Path) -> None:
    """Does what it is told until nothing more comes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent says when to end
    orders, answers = Orders(), Answers()
    from runners.family.child import Child

    child = Child(children, stop=orders.are_over)

    def verdict(epoch: Epoch) -> bool:
        answers.say({"epoch": epoch.number, "metrics": epoch.metrics()})
        order = orders.next()
        if order is None:
            raise Stopped
        return bool(order["go_on"])

    with suppress(Stopped, BrokenPipeError):
        answers.say({"ready": True})
        while (order := orders.next()) is not None:
            answers.say(trained(child, Task.of(order), verdict))
    sys.stderr.flush()
    os._exit(0)  # tearing libraries down takes time in which nothing happens


def trained(child: Child, task: Task, verdict: Verdict) -> dict[str, Any]:
    """The answer to a task: its outcome, or why there cannot be one here."""
    try:
        return {"outcome": child.train(task, verdict).plain()}
    except WritingError as error:
        return {"unwritable": error.message}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
