"""`convspec sync`: what a store did not get while it was away is sent later, once; what stays behind says why."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from runners.tracking import backlog, events, record
from runners.tracking.backlog import Amount
from runners.tracking.owner import Owner
from runners.tracking.spool import Spool
from runners.tracking.store import open_client
from tests.conftest import CommandLine, free_port

Python = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def away() -> str:
    """The address of a server that is not there."""
    return f"http://127.0.0.1:{free_port()}"


def leave_behind(home: Path, uri: str, *, name: str = "digits", owner: Owner | None = None) -> Path:
    """The spool of a finished run of three figures and one file, of which nothing was sent; its trainer is gone."""
    spool = Spool.create(home, name)
    ended = owner or replace(Owner.current(), pid_start="1")
    (spool.folder / events.FILE).write_text(events.line("owner", **asdict(ended)))
    spool.start(name, name=f"{name} seed 7", params={"seed": 7}, tags={})
    spool.metrics({"cost/training": 0.5, "accuracy/training": 0.9}, step=1)
    spool.metrics({"cost/training": 0.25}, step=2)
    plan = spool.staging / "plan.json"
    plan.write_text("{}")
    spool.artifact(plan)
    spool.end("FINISHED")
    record.Record(uri).save(spool.folder)
    return spool.folder


def test_what_was_left_behind_is_sent_to_the_store_that_it_was_meant_for(convspec: CommandLine, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    folder = leave_behind(tmp_path, uri)
    done = convspec("sync")
    client = open_client(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert done.code == 0
    assert done.out == f"Sent run {run.info.run_id}, FINISHED, to {uri}: 3 figures, 1 file.\n"
    assert run.info.status == "FINISHED"
    assert [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, "cost/training")] == [
        (1, 0.5),
        (2, 0.25),
    ]
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["plan.json"]
    assert not folder.exists()
    assert convspec("sync").out == "Nothing is left to be sent.\n"


def test_what_a_store_that_is_away_does_not_get_stays_behind_and_says_so(
    convspec: CommandLine, tmp_path: Path, away: str
) -> None:
    first, second = leave_behind(tmp_path, away), leave_behind(tmp_path, away)
    done = convspec("sync", "--patience", "0", "--json")
    reason = f"The store {away} does not answer: Connection refused."
    nothing = {"run_id": None, "tracking_uri": away, "status": None, "figures": 0, "files": 0}
    kept = [{"folder": str(folder), **nothing, "reason": reason} for folder in (first, second)]
    assert (done.code, done.json) == (1, {"sent": [], "kept": kept})
    assert done.err.splitlines() == [
        f"{first} stays behind: {reason}",
        f"{second} stays behind: {reason}",
        "Run `convspec sync` again once the store is back, or send all to another: convspec sync --tracking-uri URI",
    ]
    log = (tmp_path / ".convspec" / "sync.log").read_text()
    assert log.count("trying again") == 1  # a store that is away for one is away for all


def test_another_store_gets_all_of_it_even_where_the_first_had_a_part(
    convspec: CommandLine, tmp_path: Path, away: str
) -> None:
    folder = leave_behind(tmp_path, away)
    offsets = [offset for _, offset in events.read(folder)]
    record.Record(away, run_id="0" * 32, experiment_id="1", status="RUNNING", sent=offsets[2]).save(folder)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = convspec("sync", "--tracking-uri", uri)
    client = open_client(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert done.out == f"Sent run {run.info.run_id}, FINISHED, to {uri}: 3 figures, 1 file.\n"
    assert len(client.get_metric_history(run.info.run_id, "cost/training")) == 2


def test_a_run_that_is_still_trained_is_left_to_itself(tmp_path: Path, away: str) -> None:
    spool = Spool.create(tmp_path, "digits")
    record.Record(away).save(spool.folder)
    (one,) = backlog.sync(tmp_path, default_uri=away, patience=0)
    assert str(one) == f"{spool.folder} stays behind: it is still being trained, by process {Owner.current().pid}."
    assert one.tended


def test_a_run_of_another_machine_is_sent_from_there(tmp_path: Path, away: str) -> None:
    folder = leave_behind(tmp_path, away, owner=replace(Owner.current(), host="node-7"))
    (one,) = backlog.sync(tmp_path, default_uri=away, patience=0)
    assert one.reason == "it was trained on node-7, where it may still be; run `convspec sync` there."
    assert folder.is_dir()


def test_what_another_process_sends_is_not_sent_twice(tmp_path: Path, away: str) -> None:
    folder = leave_behind(tmp_path, away)
    with record.claim(folder, wait=False):
        (one,) = backlog.sync(tmp_path, default_uri=away, patience=0)
    assert (one.reason, one.tended) == ("another process is sending it.", True)


def test_a_damaged_spool_is_named_and_keeps_no_command_from_its_work(
    convspec: CommandLine, tmp_path: Path, away: str
) -> None:
    folder = leave_behind(tmp_path, away)
    path = folder / events.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"\0" * 40 + b"\n", *lines[2:]]))
    damage = f"{path} is damaged before byte {len(lines[0]) + 41}; what follows cannot be sent. Mend that line, or move"
    done = convspec("sync")
    assert done.code == 1
    assert done.err.startswith(f"{folder} stays behind: {damage}")
    listed = convspec("list")
    assert listed.code == 0
    assert damage in listed.err


def test_a_spool_whose_address_a_crash_emptied_goes_to_the_default_store(home: Path, uri: str) -> None:
    folder = leave_behind(home, uri)
    (folder / "checkpoint.safetensors").write_bytes(b"weights")
    (folder / record.FILE).write_text("")
    (one,) = backlog.sync(home, default_uri=uri, patience=0)
    assert (one.status, one.sent, one.reason) == ("FINISHED", Amount(3, 1), "")


def test_a_wrong_address_is_one_message_and_nothing_is_touched(
    convspec: CommandLine, tmp_path: Path, away: str
) -> None:
    folder = leave_behind(tmp_path, away)
    done = convspec("sync", "--tracking-uri", "mlruns")
    assert (done.code, done.err) == (
        2,
        "Error: mlruns is a folder; MLflow no longer keeps runs in folders. Write sqlite:///FILE instead.\n",
    )
    known = record.load(folder)
    assert known is not None
    assert known.tracking_uri == away
