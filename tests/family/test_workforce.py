"""Workers that are lost over a task, and what becomes of it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from convspec.loading import load_text
from runners import files
from runners.atomic import WritingError
from runners.family.local import Line
from runners.family.task import Outcome, Task
from runners.family.workforce import MOST_LOSSES, Workforce
from runners.tracking import events

PIPELINE = """
experiment: small
data: {source: xs_and_os, examples: 200, noise: 0.4}
network:
  - convolution: {features: 4, size: 3}
  - relu
  - fully_connected: {neurons: 2}
training: {epochs: EPOCHS, batch: 16}
"""


def task(key: str, *, epochs: int = 2, asks: bool = False) -> Task:
    text = files.pipeline_text(load_text(PIPELINE.replace("EPOCHS", str(epochs)), "small.yaml", folder=Path.cwd()))
    return Task(key, "small", text, "small.yaml", key, asks=asks)


def killing(folder: Path, times: int) -> Callable[[], bool]:
    """A `stop` that never stops anything, but kills the worker each time that a training has got further."""
    killed: list[float] = []

    def stop() -> bool:
        checkpoint = folder / "children" / "long" / "checkpoint.safetensors"
        if len(killed) < times and checkpoint.is_file() and checkpoint.stat().st_mtime not in killed:
            pids = [each["pid"] for each, _ in events.read(checkpoint.parent) if each["event"] == "owner"]
            os.kill(pids[-1], signal.SIGKILL)
            time.sleep(0.1)
            killed.append(checkpoint.stat().st_mtime)  # it may have written another one until it was gone
        return False

    return stop


def test_outcomes_come_as_they_are_ready_and_are_kept(tmp_path: Path) -> None:
    with Workforce(tmp_path, workers=2) as workforce:
        for key in ("a", "b", "c"):
            workforce.submit(task(key))
        found = [workforce.wait() for _ in range(3)]
        assert workforce.is_empty
    assert sorted(one.key for one in found if one) == ["a", "b", "c"]
    assert {one.status for one in found if one} == {"FINISHED"}
    assert len({one.weights_sha256 for one in found if one}) == 1
    with Workforce(tmp_path, workers=1) as again:
        again.submit(task("a"))
        assert again.wait() in found
        assert again.idle == 1


def test_a_task_whose_worker_is_lost_goes_on_with_another(tmp_path: Path) -> None:
    with Workforce(tmp_path, workers=1) as workforce:
        workforce.submit(task("short", epochs=200))
        reference = workforce.wait()
    with Workforce(tmp_path, workers=1, stop=killing(tmp_path, MOST_LOSSES - 1)) as workforce:
        workforce.submit(task("long", epochs=200))
        found = workforce.wait()
    assert reference is not None
    assert found is not None
    assert (found.status, found.weights_sha256) == ("FINISHED", reference.weights_sha256)
    owners = [each for each, _ in events.read(tmp_path / "children" / "long") if each["event"] == "owner"]
    assert len(owners) == MOST_LOSSES


def test_a_task_that_no_worker_survives_has_failed(tmp_path: Path) -> None:
    with Workforce(tmp_path, workers=1, stop=killing(tmp_path, MOST_LOSSES)) as workforce:
        workforce.submit(task("long", epochs=5000))
        found = workforce.wait()
        assert workforce.is_empty
        workforce.submit(task("short"))
        after = workforce.wait()
    assert after is not None
    assert after.status == "FINISHED"
    assert found is not None
    assert (found.status, found.reason) == ("FAILED", "Its process was killed by SIGKILL 3 times.")
    assert Outcome.read(tmp_path / "children" / "long") == found
    assert events.has_ended(tmp_path / "children" / "long")


class Ending:
    """A worker that is there until it is told to end, and that answers its first task with an outcome if it is given a key."""

    def __init__(self, key: str = "", *, ready: bool = True) -> None:
        self.ends = os.pipe()
        self.said: list[Line] = []
        self.is_here = True
        self.key = key
        if ready:
            self.answer({"ready": True})

    def fileno(self) -> int:
        return self.ends[0]

    def say(self, line: Line) -> bool:
        self.said.append(line)
        if self.key and self.is_here:
            self.answer({"outcome": asdict(Outcome(self.key, "FINISHED"))})
        return self.is_here

    def answers(self) -> list[dict[str, Any]] | None:
        received = os.read(self.ends[0], 65536)
        return [json.loads(line) for line in received.splitlines()] if received else None

    def answer(self, line: Line) -> None:
        os.write(self.ends[1], json.dumps(line).encode() + b"\n")

    def end(self) -> None:
        self.is_here = False
        os.close(self.ends[1])

    def hang_up(self) -> None:
        return

    def wait(self, seconds: float) -> str:
        os.close(self.ends[0])
        return "ended"


def test_a_free_worker_that_is_lost_together_with_a_busy_one_is_heard_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, free, third = started = [Ending(), Ending("short"), Ending("long")]
    left = iter(started)
    with Workforce(tmp_path, workers=2, start=lambda _: next(left)) as workforce:
        select = workforce._selector.select
        busy_first = lambda seconds: sorted(select(seconds), key=lambda event: event[0].data.worker is free)  # noqa: E731
        monkeypatch.setattr(workforce._selector, "select", busy_first)
        workforce.submit(task("long"))
        workforce.submit(task("short"))
        assert workforce.wait() == Outcome("short", "FINISHED")
        busy.end()
        free.end()
        assert workforce.wait() == Outcome("long", "FINISHED")
    assert [line["key"] for line in third.said] == ["long"]
    third.end()


def test_free_workers_that_are_gone_cost_a_training_no_try(tmp_path: Path) -> None:
    """Of three that die at once, one has it in hand."""
    busy, *free, last = started = [Ending(), Ending("one"), Ending("two"), Ending("long")]
    left = iter(started)
    with Workforce(tmp_path, workers=3, start=lambda _: next(left)) as workforce:
        for key in ("long", "one", "two"):
            workforce.submit(task(key))
        assert {outcome.key for outcome in (workforce.wait(), workforce.wait()) if outcome} == {"one", "two"}
        for each in (busy, *free):
            each.end()
        assert workforce.wait() == Outcome("long", "FINISHED")
    assert [line["key"] for line in last.said] == ["long"]
    last.end()


def test_where_no_more_workers_can_be_started_those_that_are_there_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *stillborn = started = [Ending(), *(Ending(ready=False) for _ in range(MOST_LOSSES))]
    for each in stillborn:
        each.end()
    left = iter(started)

    def stop() -> bool:
        if workforce.count == 1 and not first.key:
            first.key = "two"
            first.answer({"outcome": asdict(Outcome("one", "FINISHED"))})
        return False

    with Workforce(tmp_path, workers=2, start=lambda _: next(left), stop=stop) as workforce:
        for key in ("one", "two"):
            workforce.submit(task(key))
        assert [workforce.wait(), workforce.wait()] == [Outcome("one", "FINISHED"), Outcome("two", "FINISHED")]
    assert capsys.readouterr().err == "No more workers can be started, the last one ended; going on with 1 worker.\n"
    first.end()


def test_a_worker_without_a_task_that_cannot_write_ends_all(tmp_path: Path) -> None:
    only = Ending(ready=False)
    only.answer({"unwritable": "The disk is full."})
    with (
        pytest.raises(WritingError, match="The disk is full"),
        Workforce(tmp_path, workers=1, start=lambda _: only) as workforce,
    ):
        workforce.submit(task("long"))
        workforce.wait()
    only.end()


def test_a_training_that_asks_is_stopped_by_the_answer(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def go_on(key: str, epoch: int, metrics: object) -> bool:
        asked.append((key, epoch))
        return epoch < 3

    with Workforce(tmp_path, workers=1, on_epoch=go_on) as workforce:
        workforce.submit(task("asking", epochs=10, asks=True))
        found = workforce.wait()
    assert asked == [("asking", 1), ("asking", 2), ("asking", 3)]
    assert found is not None
    assert (found.status, found.epochs, found.reason) == ("STOPPED", 3, "stopped early after epoch 3")


def test_workers_end_when_their_parent_does(tmp_path: Path) -> None:
    workforce = Workforce(tmp_path, workers=1, stop=lambda: (tmp_path / "enough").exists())
    with workforce:
        workforce.submit(task("long", epochs=100_000))
        Thread(target=_write_later, args=(tmp_path,)).start()
        assert workforce.wait() is None
    checkpoint = tmp_path / "children" / "long" / "checkpoint.safetensors"
    assert checkpoint.is_file()
    assert Outcome.read(checkpoint.parent) is None
    (owner,) = [each for each, _ in events.read(checkpoint.parent) if each["event"] == "owner"]
    with pytest.raises(ProcessLookupError):
        os.kill(owner["pid"], 0)


def _write_later(folder: Path) -> None:
    while not (folder / "children" / "long" / "checkpoint.safetensors").is_file():
        time.sleep(0.02)
    (folder / "enough").touch()
