"""Comparisons and searches that are killed, parent and workers, end as those do that nothing interrupted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CommandLine
from tests.family.conftest import COMPARISON, rows, table

LONGEST_SECONDS = 4.0
"""A kill comes at a random moment up to then, within which a short comparison is as good as over."""


def workers_of(parent: int) -> list[int]:
    """The processes that a process has started, its delivery among them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def kill_at_random(running: subprocess.Popen[str], moments: random.Random) -> bool:
    """Kills the parent or one of its children; whether it was the parent."""
    time.sleep(moments.uniform(0.1, LONGEST_SECONDS))
    target = moments.choice([running.pid, *workers_of(running.pid)])
    with suppress(ProcessLookupError):
        os.kill(target, signal.SIGKILL)
    return target == running.pid


def survive(convspec: CommandLine, *, kills: int, workers: int, moments: random.Random) -> Any:
    """The report of a comparison that was begun again after each kill of its parent, until so many have been survived."""
    (convspec.folder / "small.yaml").write_text(COMPARISON)
    command = ["run", "small.yaml", "--json", "--workers", str(workers)]
    while True:
        running = convspec.start(*command)
        parent_killed = False
        if kills:
            kills -= 1
            parent_killed = kill_at_random(running, moments)
        errors = running.communicate(timeout=120)[1]
        if not parent_killed and not kills:
            assert running.returncode == 0, errors
            return convspec(*command).json


def same_as(
    uninterrupted: tuple[CommandLine, Any], convspec: CommandLine, *, kills: int, workers: int, seed: int
) -> None:
    report = survive(convspec, kills=kills, workers=workers, moments=random.Random(seed))
    assert table(report) == table(uninterrupted[1])
    assert rows(convspec.folder) == rows(uninterrupted[0].folder)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_comparison_ends_as_if_nothing_had_happened(
    workers: int, convspec: CommandLine, uninterrupted: tuple[CommandLine, Any]
) -> None:
    same_as(uninterrupted, convspec, kills=3, workers=workers, seed=workers)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_many_killed_comparisons_do(seed: int, convspec: CommandLine, uninterrupted: tuple[CommandLine, Any]) -> None:
    same_as(uninterrupted, convspec, kills=2, workers=1 + seed % 2, seed=100 + seed)


SEARCH = """
experiment: small
data: {source: xs_and_os, examples: 120, noise: 0.4}
network:
  - convolution: {features: 4, size: 3, name: edges}
  - relu
  - fully_connected: {neurons: 2}
training: {epochs: 3, batch: 16, optimizer: {adam: {learning_rate: 0.004}}}
search:
  knobs:
    network.edges.features: [2, 4, 6]
    network.edges.size: [3, 5, 10, 11, 12]
  maximize: accuracy/validation
  trials: 6
  strategy: random
"""
"""All but 6 of 15 points are rejected: features of 10 x 10 and more do not fit into pictures of 9 x 9."""
LOST = """
import os, sys
from runners.cli.entry import main
from runners.family.search import _Searching

record = _Searching._record


def record_until_killed(self, trials):
    if [trial.number for trial in trials] == [2]:
        os._exit(9)
    record(self, trials)


_Searching._record = record_until_killed
sys.exit(main())
"""
"""Runs a command that is killed when a trial is over, before its figures are kept."""


def told(report: dict[str, Any]) -> dict[str, Any]:
    """What of a search's report must be the same however often it was interrupted: all but times."""
    kept = ("trial", "status", "values", "knobs", "epochs", "pipeline_digest", "parameters")
    trials = [{key: trial[key] for key in kept} for trial in report["trials"]]
    return {"trials": trials, **{key: report[key] for key in ("best", "counts", "importance", "rejected", "exhausted")}}


def searched(convspec: CommandLine) -> dict[str, Any]:
    done = convspec("run", "small.yaml", "--workers", "1", "--json")
    assert done.code == 0, done.err
    report: dict[str, Any] = done.json
    return report


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[CommandLine, dict[str, Any]]:
    """A folder in which the search ran from beginning to end, and what it said."""
    convspec = CommandLine(tmp_path_factory.mktemp("whole"), environment)
    (convspec.folder / "small.yaml").write_text(SEARCH)
    return convspec, searched(convspec)


def over(folder: Path) -> int:
    """Trials of a search that are over."""
    return sum(path.read_text().count('"event": "over"') for path in folder.glob(".convspec/small*/trials.jsonl"))


def test_a_killed_search_ends_as_if_nothing_had_happened(
    convspec: CommandLine, whole: tuple[CommandLine, dict[str, Any]]
) -> None:
    (convspec.folder / "small.yaml").write_text(SEARCH)
    running = convspec.start("run", "small.yaml", "--workers", "1")
    while running.poll() is None and over(convspec.folder) < 3:
        time.sleep(0.01)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    running.communicate()
    assert over(convspec.folder) < 6
    assert sum(whole[1]["rejected"].values()) > 0
    assert told(searched(convspec)) == told(whole[1])
    assert rows(convspec.folder) == rows(whole[0].folder)


def test_figures_of_a_trial_that_a_kill_took_are_recorded_when_the_search_goes_on(
    convspec: CommandLine, whole: tuple[CommandLine, dict[str, Any]]
) -> None:
    (convspec.folder / "small.yaml").write_text(SEARCH)
    command = [sys.executable, "-c", LOST, "run", "small.yaml", "--workers", "1"]
    killed = subprocess.run(command, cwd=convspec.folder, env=convspec.environment, capture_output=True, timeout=120)
    assert (killed.returncode, over(convspec.folder)) == (9, 3)
    assert told(searched(convspec)) == told(whole[1])
    assert rows(convspec.folder) == rows(whole[0].folder)
