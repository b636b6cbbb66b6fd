"""A full disk and one that cannot be written cost a run no figure, and the user one message.

Needs a small file system of its own, which only root may mount.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from convspec.errors import UserError
from runners.family.folder import _Note
from runners.family.recording import Recording
from runners.family.task import Outcome
from runners.search.journal import Journal
from runners.tracking import events, process, record
from runners.tracking.database import fold_log
from runners.tracking.owner import Owner
from runners.tracking.spool import Spool
from runners.tracking.store import open_client
from tests.conftest import CommandLine
from tests.family.conftest import COMPARISON

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_SECONDS = 60


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Use up all room of a file system by one file."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while file.write(b"\0" * 4096):
                pass
    except OSError:
        return filler
    raise AssertionError("the file system was never full")


def _is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as store:
        return store.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _steps(client: MlflowClient, run_id: str) -> list[int]:
    return [found.step for found in client.get_metric_history(run_id, "cost/training")]


def test_a_store_on_a_full_disk_stays_whole_and_gets_the_rest_later(
    small: Path, tmp_path: Path, convspec: CommandLine
) -> None:
    uri = f"sqlite:///{small / 'mlflow.db'}"
    spool = Spool.create(tmp_path, "digits")
    drainer = process.start_drainer(spool, uri, patience=0)
    spool.start("digits", name="digits seed 7", params={"seed": 7}, tags={})
    run_id = drainer.run_id(timeout=MOST_SECONDS)
    filler = fill(small)
    for step in range(2000):
        spool.metrics({"cost/training": 1.0, "accuracy/training": 0.5, "cost/validation": 2.0}, step=step)
    spool.end("FINISHED")
    outcome = drainer.wait()
    drainer.close()
    assert (outcome.run_id, outcome.sent) == (run_id, False)
    assert outcome.message.startswith("Not everything could be recorded. (sqlite3.OperationalError) ")
    assert outcome.message.endswith(
        f"The rest is kept in {spool.folder} and sent by `convspec sync`, or the next convspec command here."
    )
    filler.unlink()
    assert _is_whole(small / "mlflow.db")
    subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
    text = (spool.folder / "spool.jsonl").read_text()
    start = f'"pid_start":"{Owner.current().pid_start}"'
    (spool.folder / "spool.jsonl").write_text(text.replace(start, re.sub(r"\d", "1", start)))  # its trainer has gone
    done = convspec("sync")
    assert (done.code, done.err) == (0, "")
    assert _steps(open_client(uri), str(run_id)) == list(range(2000))
    assert record.spools(tmp_path) == []


@pytest.mark.parametrize("obstacle", ["full", "read-only"])
def test_a_folder_that_cannot_be_written_is_one_message(
    obstacle: str, small: Path, environment: dict[str, str]
) -> None:
    if obstacle == "full":
        fill(small)
        message = f"The run cannot be recorded in {small / '.convspec'}: No space left on device."
        message += " Make room there, or run from a folder that can be written."
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        message = (
            f"The folder {small} cannot be written to: Read-only file system. Run from a folder that can be written."
        )
    done = CommandLine(small, environment)("run", "four_pixel_camera", "--tracking-uri", "sqlite:////tmp/unused.db")
    assert (done.code, done.err) == (1 if obstacle == "full" else 2, f"Error: {message}\n")
    assert not Path("/tmp/unused.db").exists()


def test_a_store_that_is_read_only_is_one_message_before_anything_is_trained(
    small: Path, home: Path, client: MlflowClient, convspec: CommandLine
) -> None:
    uri = f"sqlite:///{small / 'mlflow.db'}"
    fold_log(home / "mlflow.db")
    shutil.copyfile(home / "mlflow.db", small / "mlflow.db")
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    before = (small / "mlflow.db").read_bytes()
    done = convspec("run", "four_pixel_camera", "--tracking-uri", uri)
    hint = "Change its permissions, or name another store with --tracking-uri."
    assert (done.code, done.err) == (2, f"Error: The store {small / 'mlflow.db'} cannot be written. {hint}\n")
    assert (small / "mlflow.db").read_bytes() == before


BEGIN = """
from pathlib import Path
from convspec.loading import load_all
from runners.family.comparison import identity_of
from runners.family.folder import Family
print(Family.open(Path.cwd(), identity_of(load_all("small.yaml"), ()), again=False).folder)
"""


@pytest.fixture
def family(small: Path, environment: dict[str, str]) -> Path:
    """The folder of a comparison, `small.yaml`, that was begun and is run by nobody, on a disk that cannot be written."""
    (small / "small.yaml").write_text(COMPARISON)
    begun = subprocess.run(
        [sys.executable, "-c", BEGIN], cwd=small, env=environment, capture_output=True, text=True, check=True
    )
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    return Path(begun.stdout.strip())


def test_a_comparison_that_cannot_be_gone_on_with_on_a_read_only_disk_is_one_message(
    small: Path, family: Path, environment: dict[str, str]
) -> None:
    done = CommandLine(small, environment)("run", "small.yaml")
    hint = "Make room there, or run from a folder that can be written."
    reason = f"The run cannot be recorded in {family.parent}: Read-only file system."
    assert (done.code, done.err) == (1, f"Error: {reason} {hint}\n")


def test_what_a_family_cannot_keep_on_a_read_only_disk_is_one_message(family: Path) -> None:
    note = _Note.read(family)
    assert note is not None
    with pytest.raises(UserError, match=r"cannot be recorded in .*: Read-only file system"):
        note.write(family)
    with pytest.raises(UserError, match=r"cannot be recorded in .*trials\.jsonl: Read-only file system"):
        Journal(family)
    with pytest.raises(UserError, match=r"cannot be recorded in .*: Read-only file system"):
        Outcome("plain-seed-1", "FINISHED").write(family)
    with pytest.raises(UserError, match=r"cannot be recorded in .*: Read-only file system"):
        Spool.reopen(family)


def test_a_journal_that_fills_the_disk_keeps_its_whole_lines(small: Path) -> None:
    journal = Journal(small)
    journal.write({"trial": 1})
    fill(small)
    with pytest.raises(UserError, match="No space left on device"):
        for _ in range(100):
            journal.write({"knobs": "x" * 1000})
    journal.close()
    again = Journal(small)
    assert again.entries[0] == {"trial": 1}
    assert all(entry == {"knobs": "x" * 1000} for entry in again.entries[1:])
    again.close()


def test_a_table_that_fills_the_disk_is_one_message(small: Path) -> None:
    recording = Recording(Spool.create(small, "small"))
    fill(small)
    with pytest.raises(UserError, match=r"cannot be recorded in .*comparison\.md: No space left on device"):
        recording.keep("comparison.md", "|" * 10_000)
    os.close(recording.spool._events)


def test_runs_on_a_read_only_disk_are_listed_though_what_was_killed_cannot_be_delivered(
    small: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    gone = asdict(replace(Owner.current(), pid_start="1"))
    blank, begun = (Spool.create(small, name) for name in ("blank", "begun"))
    for spool in (blank, begun):
        (spool.folder / events.FILE).write_text(events.line("owner", **gone))
    begun.start("digits", name="digits seed 7", params={}, tags={})
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    record.Record(uri).save(begun.folder)
    for spool in (blank, begun):
        os.close(spool._events)
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    done = CommandLine(small, environment)("list", "--tracking-uri", uri)
    assert done.code == 0
    for folder, place in ((blank.folder, blank.folder), (begun.folder, small / ".convspec" / "sweep.log")):
        reason = f"The run cannot be recorded in {place}: Read-only file system."
        assert f"Run {folder.name} is not recorded completely yet: {reason}" in done.err


LONG = """
experiment: small
data: {source: xs_and_os, examples: 200, noise: 0.4}
network:
  - fully_connected: {neurons: 2}
training: {epochs: 1000, batch: 16}
"""


def test_a_disk_that_fills_up_under_a_run_is_one_message_and_the_run_goes_on_later(
    small: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    convspec = CommandLine(small, environment | {"MLFLOW_TRACKING_URI": uri})
    (small / "small.yaml").write_text(LONG)
    running = convspec.start("run", "small.yaml", "--json")
    while running.poll() is None and not list(small.glob(".convspec/small*/checkpoint.safetensors")):
        time.sleep(0.01)
    filler = fill(small)
    _, said = running.communicate(timeout=MOST_SECONDS)
    message = (
        rf"Error: The run cannot be recorded in {small}/\.convspec/small-\S+: No space left on device\. Make room .*\n"
    )
    last = [line for line in said.splitlines(keepends=True) if not line.startswith("epoch ")]
    assert (running.returncode, len(last)) == (1, 1), said
    assert re.fullmatch(message, last[0])
    filler.unlink()
    deadline = time.monotonic() + MOST_SECONDS
    while not (known := convspec("list", "--json").json["runs"]) or known[0]["status"] != "KILLED":
        assert time.monotonic() < deadline  # the delivery has not begun, or is not over
    done = convspec("run", "small.yaml", "--resume", known[0]["run_id"], "--json")
    assert (done.code, done.json["epochs"]) == (0, 1000), done.err
