"""A run reaches the store by a process of its own, and ends there however its trainer ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from convspec.errors import UserError
from runners.tracking import process, record
from runners.tracking.drain import Drain
from runners.tracking.flavor import write_model
from runners.tracking.orphans import sweep
from runners.tracking.owner import Owner
from runners.tracking.runs import model_folder
from runners.tracking.spool import Spool
from runners.tracking.store import open_client
from runners.tracking.trainer import Trainer
from runners.tracking.ui import ui_command

if TYPE_CHECKING:
    from mlflow import MlflowClient

Start = Callable[..., None]
Recorded = Callable[..., process.Outcome]
Python = Callable[..., subprocess.Popen[str]]

TRAIN_UNTIL_KILLED = """
import os, sys, time
from pathlib import Path
from runners.tracking.process import start_drainer
from runners.tracking.spool import Spool
home, uri = Path(sys.argv[1]), sys.argv[2]
spool = Spool.create(home, "digits")
drainer = start_drainer(spool, uri)
spool.start("digits", name="n", params={}, tags={})
print(drainer._process.pid, drainer.run_id(timeout=60), flush=True)
step = 0
while True:
    step += 1
    spool.metrics({"cost/training": 1 / step}, step=step)
    print(step, flush=True)
    time.sleep(0.01)
"""


def _steps(client: MlflowClient, run_id: str) -> list[int]:
    return [found.step for found in client.get_metric_history(run_id, "cost/training")]


def _train_and_kill(python: Python, home: Path, uri: str, *, with_drainer: bool) -> tuple[int, str, int]:
    """Kill a trainer in mid-run: the process id of its drainer, its run, and the last step that it had recorded."""
    trainer = python(TRAIN_UNTIL_KILLED, home, uri)
    assert trainer.stdout is not None
    drainer, run_id = trainer.stdout.readline().split()
    lines = [trainer.stdout.readline() for _ in range(30)]
    if with_drainer:
        os.kill(int(drainer), signal.SIGKILL)
    lines += [trainer.stdout.readline() for _ in range(10)]  # said when nobody was there to send it
    trainer.kill()
    lines += trainer.stdout.readlines()
    return int(drainer), run_id, int(lines[-1])


def _wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_a_finished_run_is_recorded_and_its_spool_is_gone(uri: str, home: Path, spool: Spool, start: Start) -> None:
    drainer = process.start_drainer(spool, uri)
    start()
    run_id = drainer.run_id(timeout=60)
    spool.metrics({"cost/training": 0.5}, step=1)
    spool.end("FINISHED")
    outcome = drainer.wait()
    drainer.close()
    client = open_client(uri)
    assert outcome == process.Outcome(run_id or "", client.get_run(outcome.run_id).info.experiment_id, sent=True)
    assert client.get_run(outcome.run_id).info.status == "FINISHED"
    assert _steps(client, outcome.run_id) == [1]
    assert record.spools(home) == []
    wal = home / "mlflow.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0  # a copy of the file alone is complete


def test_a_failed_run_keeps_its_spool(uri: str, spool: Spool, start: Start, recorded: Recorded) -> None:
    start()
    spool.checkpoint.write_bytes(b"weights")
    spool.end("FAILED", reason="the cost is not finite")
    outcome = recorded()
    run = open_client(uri).get_run(outcome.run_id)
    assert outcome.sent
    assert (run.info.status, run.data.tags["convspec.reason"]) == ("FAILED", "the cost is not finite")
    assert spool.checkpoint.read_bytes() == b"weights"


def test_a_run_given_up_before_training_leaves_neither_run_nor_store(home: Path, uri: str, spool: Spool) -> None:
    drainer = process.start_drainer(spool, uri)
    spool.discard()
    drainer.close()
    _wait_until(lambda: not spool.folder.exists())
    assert list(home.iterdir()) == [home / ".convspec"]


def test_a_trainer_killed_in_mid_run_loses_nothing_and_its_run_is_killed(uri: str, home: Path, python: Python) -> None:
    _, run_id, last = _train_and_kill(python, home, uri, with_drainer=False)
    client = open_client(uri)
    _wait_until(lambda: client.get_run(run_id).info.status == "KILLED")
    assert _steps(client, run_id)[:last] == list(range(1, last + 1))
    assert client.get_run(run_id).data.tags["convspec.reason"] == "the process that trained it was killed"
    assert record.folder_of(home, run_id) is not None


def test_when_both_processes_are_killed_the_next_command_records_the_rest_once(
    uri: str, home: Path, python: Python
) -> None:
    _, run_id, last = _train_and_kill(python, home, uri, with_drainer=True)
    client = open_client(uri)
    assert client.get_run(run_id).info.status == "RUNNING"
    (swept,) = sweep(home)
    assert (swept.run_id, swept.status, swept.message) == (run_id, "KILLED", "")
    run = client.get_run(run_id)
    assert (run.info.status, run.data.tags["convspec.orphaned"]) == ("KILLED", "true")
    steps = _steps(client, run_id)
    assert steps == list(range(1, len(steps) + 1))  # each once
    assert len(steps) >= last
    assert sweep(home) == []


def test_a_server_that_is_away_leaves_the_spool_and_one_message(spool: Spool, start: Start, recorded: Recorded) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    start()
    spool.end("FINISHED")
    outcome = recorded(address, patience=0)
    assert (outcome.sent, outcome.run_id) == (False, "")
    assert outcome.message == (
        f"Not everything could be recorded. The store {address} does not answer: Connection refused. "
        f"The rest is kept in {spool.folder} and sent by `convspec sync`, or the next convspec command here."
    )
    assert record.spools(spool.folder.parents[1]) == [spool.folder]


def test_a_delivering_process_that_dies_is_replaced_by_another(uri: str, spool: Spool, start: Start) -> None:
    drainer = process.start_drainer(spool, uri)
    start()
    spool.end("FINISHED")
    drainer._process.kill()
    outcome = drainer.wait()
    drainer.close()
    assert outcome.sent
    assert record.spools(spool.folder.parents[1]) == []


def test_two_delivering_processes_that_die_are_said_to_have_ended_early(uri: str, spool: Spool, start: Start) -> None:
    drainer = process.start_drainer(spool, uri)
    start()
    spool.end("FINISHED")
    drainer._process.kill()
    drainer._substitute = None
    outcome = drainer.wait()
    drainer.close()
    assert not outcome.sent
    assert outcome.message.startswith(
        f"The process that records the run ended early; see {spool.folder / 'drain.log'}."
    )


def test_ctrl_c_and_termination_do_not_reach_the_delivery(uri: str, spool: Spool, start: Start) -> None:
    drainer = process.start_drainer(spool, uri)
    start()
    assert drainer.run_id(timeout=60)
    assert os.getpgid(drainer._process.pid) != os.getpgid(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        drainer._process.send_signal(number)
    spool.end("KILLED", reason="interrupted")
    assert drainer.wait().sent
    drainer.close()


def test_a_run_that_another_process_continues_is_not_marked_killed(
    uri: str, client: MlflowClient, spool: Spool, start: Start
) -> None:
    start()
    record.Record(uri).save(spool.folder)
    ended = replace(Owner.current(), pid_start="1")
    reports: list[tuple[str, object]] = []
    with Path(os.devnull).open() as pipe:
        trainer = Trainer(pipe.fileno(), ended)
        Drain(
            spool.folder, trainer, 0.0, False, lambda kind, known, **more: reports.append((kind, more.get("complete")))
        ).run()
    (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert run.info.status == "RUNNING"
    assert reports[-1] == ("end", False)


def test_a_run_is_continued_where_it_is_recorded_only(spool: Spool) -> None:
    record.Record("http://ada:secret@there", run_id="abc").save(spool.folder)
    with pytest.raises(UserError) as caught:
        process.start_drainer(spool, "sqlite:////elsewhere.db")
    assert caught.value.message == "Run abc is recorded in http://ada:***@there, not in sqlite:////elsewhere.db."


def test_a_store_that_cannot_be_used_is_said_before_anything_is_trained(home: Path, uri: str, spool: Spool) -> None:
    (home / "mlflow.db").write_text("these are notes, and not a database\n")
    with pytest.raises(UserError, match=r"mlflow\.db is not an SQLite database\."):
        process.start_drainer(spool, uri)


def test_a_process_that_reads_nothing_of_the_users_folder_delivers(
    uri: str, home: Path, spool: Spool, start: Start, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "sqlalchemy.py").write_text("raise SystemExit('taken from the folder in which somebody works')")
    monkeypatch.chdir(home)
    start()
    spool.end("KILLED")
    assert recorded().sent


@pytest.fixture
def server(home: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts MLflow's server on one port, again and again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, environment = ui_command(f"sqlite:///{home / 'server.db'}", "127.0.0.1", port)
    open_client(f"sqlite:///{home / 'server.db'}")
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (home / "server.log").open("ab") as log:
            child = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        child.address = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
        started.append(child)
        return child

    yield start
    for child in started:
        stop(child)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a server with its workers, which are of its session."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.slow
def test_a_server_that_restarts_in_mid_run_costs_no_figure(
    server: Callable[[], subprocess.Popen[bytes]], home: Path, spool: Spool, start: Start
) -> None:
    first = server()
    address = first.address  # type: ignore[attr-defined]
    drainer = process.start_drainer(spool, address)
    start()
    run_id = drainer.run_id(timeout=120)
    assert run_id
    longest = 0.0
    for step in range(1, 401):
        began = time.perf_counter()
        spool.metrics({"cost/training": 1 / step}, step=step)
        longest = max(longest, time.perf_counter() - began)
        time.sleep(0.02)
        if step == 100:
            stop(first)
        if step == 300:
            server()
    weights = spool.folder / "weights.safetensors"
    weights.write_bytes(b"weights")
    write_model(spool.folder / "model", pipeline_text="a: 1\n", weights=weights, input_shape=(1, 8, 8), votes=10)
    spool.model(spool.folder / "model", metrics={"accuracy/test": 0.9}, step=400)
    spool.artifact(weights, "pictures")
    spool.end("FINISHED")
    assert drainer.wait().sent
    drainer.close()
    client = open_client(address)
    assert _steps(client, run_id) == list(range(1, 401))
    assert [item.path for item in client.list_artifacts(run_id, "pictures")] == ["pictures/weights.safetensors"]
    folder = model_folder(client, run_id, home / "fetched")
    assert (folder / "data" / "weights.safetensors").read_bytes() == b"weights"
    assert longest < 1.0  # training did not wait for the server
