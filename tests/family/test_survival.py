"""Comparisons that are killed at random moments, parent and workers, end as those do that nothing interrupted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
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
