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


def leave_family_behind(home: Path, uri: str) -> list[Path]:
    """The spools of a finished family and of its two runs, one figure each, of which nothing was sent."""
    folder = leave_behind(home, uri, name="small")
    folders = [folder]
    for key in ("plain-1", "plain-2"):
        child = folder / record.CHILDREN / key
        child.mkdir(parents=True)
        spool = Spool.at(child)
        spool.start("small", name=key, params={}, tags={})
        spool.metrics({"accuracy/test": 0.5}, step=1)
        spool.end("FINISHED")
        folders.append(child)
    return folders


def settle(folder: Path, uri: str, *, run_id: str) -> None:
    """Note that all of a spool is in a store."""
    sent = events.whole_size(folder)
    record.Record(uri, attempts=1, run_id=run_id, experiment_id="1", status="FINISHED", sent=sent).save(folder)


def test_a_family_is_unsent_until_all_its_runs_are_sent(tmp_path: Path, away: str) -> None:
    parent, first, second = leave_family_behind(tmp_path, away)
    for folder in (parent, first):
        settle(folder, away, run_id="0" * 32)
    assert backlog.unsent(tmp_path) == [parent]
    assert Amount.of(parent, record.load(parent) or record.Record(away)) == Amount(1, 0)
    settle(second, away, run_id="1" * 32)
    assert backlog.unsent(tmp_path) == []


def test_a_run_of_a_family_that_never_began_is_not_waited_for(tmp_path: Path, away: str) -> None:
    parent, *children = leave_family_behind(tmp_path, away)
    for folder in (parent, children[0]):
        settle(folder, away, run_id="0" * 32)
    (children[1] / events.FILE).write_text(events.line("owner", **asdict(Owner.current())))
    assert backlog.unsent(tmp_path) == [parent]
    record.Record(away, sent=events.whole_size(children[1])).save(children[1])
    assert backlog.unsent(tmp_path) == []


def test_what_is_left_of_a_family_is_sent_with_the_runs_below(convspec: CommandLine, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    parent, first, _ = leave_family_behind(tmp_path, uri)
    damaged = (first / events.FILE).read_text().replace('"event":"end"', "\0")
    (first / events.FILE).write_text(damaged)
    done = convspec("sync", "--json")
    (kept,) = done.json["kept"]
    assert (done.code, kept["figures"], kept["files"]) == (1, 4, 1)  # figures before the damage wait for what follows
    assert kept["reason"].startswith(f"plain-1: {first / events.FILE} is damaged before byte {len(damaged)};")
    (first / events.FILE).write_text(damaged.replace("\0", '"event":"end"'))
    done = convspec("sync")
    assert (done.code, done.out) == (0, f"Sent run {kept['run_id']}, FINISHED, to {uri}: 1 figure, 0 files.\n")
    client = open_client(uri)
    runs = client.search_runs(["1"], f"tags.`mlflow.parentRunId` = '{kept['run_id']}'")
    assert sorted((run.info.run_name, run.info.status) for run in runs) == [
        ("plain-1", "FINISHED"),
        ("plain-2", "FINISHED"),
    ]
    assert not (parent / record.CHILDREN).exists()


def test_another_store_gets_the_runs_below_from_the_beginning_too(
    convspec: CommandLine, tmp_path: Path, away: str
) -> None:
    parent, first, _ = leave_family_behind(tmp_path, away)
    for folder in (parent, first):
        settle(folder, away, run_id="0" * 32)
    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    done = convspec("sync", "--tracking-uri", uri)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"FINISHED, to {uri}: 5 figures, 1 file.\n")
    client = open_client(uri)
    runs = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["plain-1", "plain-2", "small seed 7"]


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
