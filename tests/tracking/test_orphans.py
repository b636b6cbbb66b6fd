"""Runs that nobody tends are ended; those that somebody tends are left alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runners.tracking import events, record
from runners.tracking.orphans import reap, sweep
from runners.tracking.owner import Owner
from runners.tracking.spool import Spool

if TYPE_CHECKING:
    from mlflow import MlflowClient

Start = Callable[..., None]
Deliver = Callable[..., record.Record]

DEAD = replace(Owner.current(), pid_start="1")


def _abandon(spool: Spool) -> None:
    """Make the spool that of a process which has ended."""
    path = spool.folder / events.FILE
    first, _, rest = path.read_text().partition("\n")
    assert '"event":"owner"' in first
    path.write_text(events.line("owner", **asdict(DEAD)) + rest)


def test_a_sweep_that_finds_nothing_is_cheap(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from runners.tracking.orphans import sweep; sweep(Path(sys.argv[1])); "
    )
    program += "print('mlflow' in sys.modules)"
    assert sweep(home) == []
    assert subprocess.run([sys.executable, "-c", program, home], capture_output=True, text=True).stdout == "False\n"


def test_a_run_that_is_trained_now_is_left_alone(home: Path, uri: str, spool: Spool, start: Start) -> None:
    start()
    record.Record(uri).save(spool.folder)
    assert sweep(home) == []
    assert spool.folder.exists()


def test_a_run_that_is_delivered_now_is_left_alone(home: Path, uri: str, spool: Spool, start: Start) -> None:
    start()
    record.Record(uri).save(spool.folder)
    _abandon(spool)
    with record.claim(spool.folder, wait=False):
        assert sweep(home) == []


def test_a_run_that_has_ended_and_is_kept_is_left_alone(
    home: Path, spool: Spool, start: Start, deliver: Deliver
) -> None:
    start()
    _abandon(spool)
    spool.end("KILLED", reason="interrupted")
    with (spool.folder / events.FILE).open("a") as file:
        file.write('{"torn')
    deliver(spool.folder).save(spool.folder)
    assert sweep(home) == []
    assert spool.folder.exists()


def test_two_sweeps_at_once_record_a_run_once(
    home: Path, uri: str, client: MlflowClient, spool: Spool, start: Start
) -> None:
    start()
    for step in range(1, 101):
        spool.metrics({"cost/training": 1.0}, step=step)
    record.Record(uri).save(spool.folder)
    _abandon(spool)
    with ThreadPoolExecutor() as pool:
        swept = [each for found in pool.map(sweep, [home, home]) for each in found]
    assert [each.status for each in swept] == ["KILLED"]
    (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert len(client.get_metric_history(run.info.run_id, "cost/training")) == 100
    assert str(swept[0]).startswith(f"Run {run.info.run_id} was killed; all that it left is recorded.")


def test_a_finished_run_that_was_not_sent_is_sent_later(home: Path, uri: str, spool: Spool, start: Start) -> None:
    start()
    spool.end("FINISHED")
    record.Record(uri).save(spool.folder)
    _abandon(spool)
    (swept,) = sweep(home)
    assert str(swept) == f"Run {swept.run_id} is now recorded completely."
    assert not spool.folder.exists()


def test_a_store_that_is_still_away_is_said_and_the_spool_stays(home: Path, spool: Spool, start: Start) -> None:
    start()
    spool.end("FINISHED")
    record.Record("http://127.0.0.1:9").save(spool.folder)
    _abandon(spool)
    (swept,) = sweep(home)
    text = f"Run {spool.folder.name} is not recorded completely yet: The store http://127.0.0.1:9 does not answer: "
    assert str(swept).startswith(text)
    assert spool.folder.exists()


def test_a_spool_that_was_killed_before_it_went_anywhere_is_removed(home: Path, spool: Spool) -> None:
    _abandon(spool)
    assert sweep(home) == []
    assert not spool.folder.exists()


def test_a_run_whose_spool_is_lost_is_ended_by_its_tags(client: MlflowClient, home: Path) -> None:
    experiment = client.create_experiment("digits")
    dead, alive, other = (
        client.create_run(experiment, tags=tags).info.run_id
        for tags in (DEAD.tags(), Owner.current().tags(), {"mlflow.user": "ada"})
    )
    assert reap(client, home) == [dead]
    run = client.get_run(dead)
    assert (run.info.status, run.data.tags["convspec.orphaned"]) == ("KILLED", "true")
    assert [client.get_run(run_id).info.status for run_id in (alive, other)] == ["RUNNING", "RUNNING"]
    assert reap(client, home) == []


def test_a_run_that_has_a_spool_is_left_to_the_sweep(client: MlflowClient, home: Path, uri: str, spool: Spool) -> None:
    run_id = client.create_run(client.create_experiment("digits"), tags=DEAD.tags()).info.run_id
    record.Record(uri, run_id=run_id).save(spool.folder)
    assert reap(client, home) == []
    assert client.get_run(run_id).info.status == "RUNNING"


def test_a_run_whose_record_a_power_cut_emptied_is_kept(home: Path, spool: Spool, start: Start) -> None:
    start()
    (spool.folder / record.FILE).write_text("")
    _abandon(spool)
    assert sweep(home) == []
    assert '"event":"start"' in (spool.folder / events.FILE).read_text()


@pytest.mark.parametrize("left", ["children/plain-1", "family.json"])
def test_a_family_whose_record_a_power_cut_emptied_is_kept(home: Path, spool: Spool, left: str) -> None:
    (spool.folder / left).mkdir(parents=True)
    (spool.folder / record.FILE).write_text("")
    _abandon(spool)
    assert sweep(home) == []
    assert (spool.folder / left).is_dir()


def test_a_run_within_a_family_that_has_a_spool_is_left_to_the_sweep(
    client: MlflowClient, home: Path, uri: str, spool: Spool
) -> None:
    run_id = client.create_run(client.create_experiment("digits"), tags=DEAD.tags()).info.run_id
    child = spool.folder / record.CHILDREN / "plain-1"
    child.mkdir(parents=True)
    record.Record(uri, run_id=run_id).save(Spool.at(child).folder)
    assert reap(client, home) == []
    assert client.get_run(run_id).info.status == "RUNNING"
