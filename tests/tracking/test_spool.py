"""What training leaves in a spool is there, once and in order, however the process ends."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from convspec.errors import UserError
from runners.tracking import events, record
from runners.tracking.spool import DatasetIdentity, Spool

Start = Callable[..., None]
Python = Callable[..., subprocess.Popen[str]]

KILL_ITSELF = """
import os, signal, sys
from pathlib import Path
from runners.tracking.spool import Spool
spool = Spool.create(Path(sys.argv[1]), "digits")
spool.start("digits", name="n", params={}, tags={})
for step in range(100):
    spool.metrics({"cost/training": 1 / (step + 1)}, step=step)
os.kill(os.getpid(), signal.SIGKILL)
"""

FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from convspec.errors import UserError
from runners.tracking.spool import Spool
spool = Spool.create(Path(sys.argv[1]), "digits")
spool.start("digits", name="n", params={}, tags={})
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    for step in range(100):
        spool.metrics({"cost/training": 1.0}, step=step)
except UserError as error:
    print(error)
"""

LOOK_AT_MODULES = """
import sys
import runners.tracking.spool, runners.tracking.process, runners.tracking.orphans, runners.tracking.flavor
import runners.tracking.store, runners.tracking.ui, runners.tracking.runs, runners.tracking.drain
print(sorted({"mlflow", "numpy", "sqlalchemy", "pandas"} & sys.modules.keys()))
"""


def _said(folder: Path) -> list[str]:
    return [event["event"] for event, _ in events.read(folder)]


def test_events_are_read_in_the_order_in_which_they_were_said(spool: Spool, start: Start) -> None:
    start(datasets=(DatasetIdentity("digits", "d" * 64, "scikit-learn", "training"),))
    spool.metrics({"cost/training": 0.5}, step=1, time_ms=1_000)
    spool.end("FINISHED")
    assert _said(spool.folder) == ["owner", "start", "metrics", "end"]
    _, (begin, _), (metrics, _), _ = events.read(spool.folder)
    assert metrics == {"event": "metrics", "time_ms": 1000, "values": {"cost/training": 0.5}, "step": 1}
    assert begin["datasets"][0]["digest"] == "d" * 36  # the longest that MLflow stores


def test_reading_goes_on_where_it_stopped(spool: Spool, start: Start) -> None:
    start()
    *_, (_, offset) = events.read(spool.folder)
    spool.tags({"a": "b"})
    assert [event["event"] for event, _ in events.read(spool.folder, offset)] == ["tags"]


def test_two_runs_of_one_name_get_two_folders(home: Path) -> None:
    names = [Spool.create(home, "digits").folder.name for _ in range(3)]
    assert names == ["digits", "digits-2", "digits-3"]


def test_a_process_killed_by_sigkill_loses_nothing_that_it_said(home: Path, python: Python) -> None:
    assert python(KILL_ITSELF, home).wait() == -9
    assert _said(home / ".convspec" / "digits").count("metrics") == 100


def test_a_torn_last_line_is_not_read_and_is_gone_when_the_run_is_continued(spool: Spool, start: Start) -> None:
    start()
    with (spool.folder / events.FILE).open("a") as file:
        file.write('{"event":"metrics","time_ms":1,"val')
    assert _said(spool.folder) == ["owner", "start"]
    Spool.reopen(spool.folder).tags({"a": "b"})
    assert _said(spool.folder) == ["owner", "start", "owner", "tags"]


def test_a_continued_run_does_not_repeat_a_figure_that_it_recorded_before(spool: Spool, start: Start) -> None:
    start()
    for step in (1, 2):
        spool.metrics({"cost/training": 0.5}, step=step)
    again = Spool.reopen(spool.folder)
    for step in (2, 3):
        again.metrics({"cost/training": 0.5}, step=step)
    steps = [event["step"] for event, _ in events.read(spool.folder) if event["event"] == "metrics"]
    assert steps == [1, 2, 3]


def test_a_continued_run_keeps_its_parameters(spool: Spool, start: Start) -> None:
    start()
    Spool.reopen(spool.folder).start("digits", name="other", params={"seed": 8}, tags={"mlflow.user": "bob"})
    assert _said(spool.folder) == ["owner", "start", "owner", "tags"]


def test_an_artifact_is_copied_unless_it_lies_in_the_spool(spool: Spool, start: Start, tmp_path: Path) -> None:
    start()
    outside, inside = tmp_path / "curve.png", spool.staging / "plan.json"
    outside.write_bytes(b"png")
    inside.write_text("{}")
    spool.artifact(outside, "pictures")
    spool.artifact(inside)
    outside.unlink()
    kept = [(event["file"], event["folder"]) for event, _ in events.read(spool.folder) if event["event"] == "artifact"]
    assert kept == [("artifacts/pictures/curve.png", "pictures"), ("artifacts/plan.json", "")]
    assert (spool.folder / kept[0][0]).read_bytes() == b"png"


def test_a_home_that_cannot_be_written_is_one_message() -> None:
    with pytest.raises(UserError) as caught:
        Spool.create(Path("/proc"), "digits")
    assert str(caught.value) == (
        "The folder /proc cannot be written to: No such file or directory. Run from a folder that can be written."
    )
    assert caught.value.exit_code == 2


def test_a_full_disk_is_one_message_and_leaves_whole_lines(home: Path, python: Python) -> None:
    out, error = python(FILL_THE_DISK, home).communicate()
    folder = home / ".convspec" / "digits"
    assert error == ""
    assert out.startswith(f"The run cannot be recorded in {folder}: ")
    assert out.rstrip().endswith("Make room there, or run from a folder that can be written.")
    lines = (folder / events.FILE).read_text().splitlines(keepends=True)
    assert len(lines) > 5
    assert all(json.loads(line) and line.endswith("\n") for line in lines)


def test_a_folder_that_holds_no_spool_cannot_be_continued(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no run to continue\. Its folder was moved or deleted\."):
        Spool.reopen(tmp_path)


def test_a_kept_spool_is_found_by_the_run_it_belongs_to(home: Path, spool: Spool, start: Start) -> None:
    start()
    record.Record("sqlite:///x.db", run_id="abc123").save(spool.folder)
    assert record.folder_of(home, "abc") == spool.folder
    assert record.folder_of(home, "def") is None
    assert record.folder_of(home, "") is None


def test_a_record_that_a_crash_of_the_machine_emptied_counts_as_none(spool: Spool) -> None:
    record.Record("sqlite:///x.db", run_id="abc123").save(spool.folder)
    assert (spool.folder / record.FILE).stat().st_mode & 0o077 == 0  # an address may hold a password
    (spool.folder / record.FILE).write_text("")
    assert record.load(spool.folder) is None


def test_the_trainers_side_imports_neither_mlflow_nor_numpy(python: Python) -> None:
    out, error = python(LOOK_AT_MODULES).communicate()
    assert (out.strip(), error) == ("[]", "")
