"""A place where nothing can be trained ends a comparison or a search with one message; it goes on once that is mended.

A full disk needs a small file system of its own, which only root may mount.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from runners.family.folder import _Note
from runners.tracking import events
from runners.training.checkpoint import read_checkpoint
from tests.conftest import CommandLine
from tests.family.conftest import COMPARISON, break_workers, rows, table
from tests.family.test_survival import SEARCH, told
from tests.tracking.test_full_disk import fill
from tests.tracking.test_full_disk import small as small

GOES_ON = "Make room there, and go on with the same command; nothing is lost that was saved."
LONG = {
    "comparison": COMPARISON.replace("epochs: 6", "epochs: 150").replace("[1, 2, 3]", "[1, 2]"),
    "search": SEARCH.replace("epochs: 3", "epochs: 150").replace("trials: 6", "trials: 3"),
}
"""Trainings that take about a second each, in which there is time for a disk to fill up."""


def progress(said: str) -> tuple[list[str], list[str]]:
    """The lines of progress, and the others."""
    lines = said.splitlines()
    is_progress = re.compile(r"\d+/\d+  ")
    return [line for line in lines if is_progress.match(line)], [line for line in lines if not is_progress.match(line)]


def is_whole(family: Path) -> bool:
    """Whether every file of a family can be read, and no training of it has failed."""
    assert _Note.read(family) is not None
    for spool in (family, *family.glob("children/*")):
        if (path := spool / events.FILE).is_file():
            assert all(json.loads(line)["event"] for line in path.read_bytes().splitlines())
            assert "FAILED" not in path.read_text()
        if (path := spool / "checkpoint.safetensors").is_file():
            read_checkpoint(path)
        if (path := spool / "result.json").is_file():
            assert json.loads(path.read_text())["status"] == "FINISHED"
    return True


def same(kind: str, report: dict[str, Any]) -> Any:
    return table(report) if kind == "comparison" else told(report)


@pytest.mark.parametrize("kind", LONG)
def test_a_disk_that_fills_up_under_workers_fails_no_training(
    kind: str, small: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
    convspec, other = CommandLine(small, environment), CommandLine(tmp_path / "other", environment)
    other.folder.mkdir()
    for each in (convspec, other):
        (each.folder / "small.yaml").write_text(LONG[kind])
    running = convspec.start("run", "small.yaml", "--workers", "2", "--json")
    while running.poll() is None and not list(small.glob(".convspec/small*/children/*/checkpoint.safetensors")):
        time.sleep(0.01)
    filler = fill(small)
    out, said = running.communicate(timeout=100)
    _, (message,) = progress(said)
    place = rf"{small}/\.convspec/small-[0-9-]+(/\S+)?"
    assert re.fullmatch(rf"Error: The run cannot be recorded in {place}: No space left on device\. {GOES_ON}", message)
    assert (running.returncode, json.loads(out)["hint"]) == (1, GOES_ON)
    (family,) = small.glob(".convspec/small-*")
    assert is_whole(family)
    filler.unlink()
    done = convspec("run", "small.yaml", "--json")
    assert done.code == 0, done.err
    assert progress(done.err)[1] == []
    reference = other("run", "small.yaml", "--json").json
    assert same(kind, done.json) == same(kind, reference)
    assert rows(small) == rows(other.folder)


def test_workers_that_cannot_start_fail_no_training(
    uninterrupted: tuple[CommandLine, Any], tmp_path: Path, environment: dict[str, str]
) -> None:
    breaking = break_workers(tmp_path)
    paths = os.pathsep.join([str(breaking), environment["PYTHONPATH"]])
    convspec = CommandLine(tmp_path, {**environment, "PYTHONPATH": paths})
    (tmp_path / "small.yaml").write_text(COMPARISON)
    done = convspec("run", "small.yaml", "--workers", "2")
    (family,) = tmp_path.glob(".convspec/small-*")
    lines = done.err.splitlines()
    assert lines[0] == (
        "Error: No worker can be started: 3 in a row were lost before they could train, and the last one ended with exit "
        f"code 1. {family}/workers.log ends with:"
    )
    assert lines[-2:] == [
        "    ModuleNotFoundError: import of numpy halted; None in sys.modules",
        "Mend that, and go on with the same command.",
    ]
    assert (done.code, len(lines)) == (1, 5)
    assert list(family.glob("children/*")) == []
    (breaking / "broken").unlink()
    done = convspec("run", "small.yaml", "--json")
    assert done.code == 0, done.err
    assert table(done.json) == table(uninterrupted[1])
    assert rows(tmp_path) == rows(uninterrupted[0].folder)
