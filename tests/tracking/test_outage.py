"""A server that goes away in the middle of `convspec run` neither stops training nor costs a figure."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from runners.tracking import events, record
from runners.tracking.store import open_client
from runners.tracking.ui import ui_command
from tests.conftest import CommandLine, StoreScript, free_port

START_SECONDS = 180.0


@dataclass
class Server:
    """MLflow's server, which can be stopped and started again at one address."""

    address: str
    start: Callable[[], None]
    stop: Callable[[], None]


def _until(holds: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture
def sqlite_server(home: Path) -> Iterator[Server]:
    """A server over an SQLite file; it is killed rather than asked to stop."""
    uri, port = f"sqlite:///{home / 'server.db'}", free_port()
    open_client(uri)
    command, environment = ui_command(uri, "127.0.0.1", port)
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        with (home / "server.log").open("ab") as log:
            running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True))

        _until(lambda: _answers(port), START_SECONDS)

    def stop() -> None:
        for one in running:
            if one.poll() is None:
                os.killpg(one.pid, signal.SIGKILL)
                one.wait()

    yield Server(f"http://127.0.0.1:{port}", start, stop)
    stop()


@pytest.fixture
def postgresql_server(store_script: StoreScript) -> Server:
    """The server over PostgreSQL that `deploy/store.py` starts and stops."""

    def do(action: str) -> None:
        done = store_script(action, "--only", "server")
        assert done.code == 0, done.err

    return Server(store_script("status").json["tracking_uri"], lambda: do("start"), lambda: do("stop"))


def epochs_of(spool: Path) -> dict[int, dict[str, float]]:
    """The figures of every epoch that a run has trained so far, by what it has left in its spool."""
    figures = [event for event, _ in events.read(spool) if event["event"] == "metrics"]
    return {event["step"]: event["values"] for event in figures if "cost/training" in event["values"]}


def _run_id(spool: Path) -> str:
    known = record.load(spool)
    return "" if known is None else known.run_id


def train_through_an_outage(convspec: CommandLine, server: Server, *, seconds: float) -> tuple[Path, int]:
    """Stop the server `seconds` long while a run trains, and end the run by Ctrl-C once it is back.

    Gives the run's spool, which an interrupted run keeps, and how many epochs were trained without the server.
    """
    server.start()
    options = ("--set", "training.epochs=1000000", "--threads", "1", "--tracking-uri", server.address)
    training = convspec.start("run", "digits", *options)
    try:
        _until(lambda: any(_run_id(spool) for spool in record.spools(convspec.folder)), START_SECONDS)
        server.stop()
        (spool,) = record.spools(convspec.folder)
        before = len(epochs_of(spool))
        time.sleep(seconds)
        meanwhile = len(epochs_of(spool)) - before
        server.start()
        training.send_signal(signal.SIGINT)
        _, said = training.communicate(timeout=START_SECONDS)
    finally:
        training.kill()
    assert training.returncode == 130
    assert f"Interrupted after epoch {len(epochs_of(spool))}; everything so far is saved." in said, said[-600:]
    return spool, meanwhile


def check_nothing_is_lost(spool: Path, address: str) -> None:
    """All that the run left in its spool is in the store, once."""
    client = open_client(address)
    known = record.load(spool)
    assert known is not None
    assert known.is_settled(spool)
    assert client.get_run(known.run_id).info.status == "KILLED"
    for figure in ("cost/training", "cost/validation", "accuracy/training", "accuracy/validation"):
        history = [(found.step, found.value) for found in client.get_metric_history(known.run_id, figure)]
        assert history == [(step, values[figure]) for step, values in epochs_of(spool).items()]
    assert sorted(each.path for each in client.list_artifacts(known.run_id)) == ["pipeline.yaml", "plan.json"]


def test_a_server_that_is_away_for_eight_seconds_costs_neither_training_nor_a_figure(
    sqlite_server: Server, convspec: CommandLine
) -> None:
    spool, meanwhile = train_through_an_outage(convspec, sqlite_server, seconds=8)
    assert meanwhile >= 3  # an epoch takes some hundredths of a second where the machine has nothing else to do
    check_nothing_is_lost(spool, sqlite_server.address)


@pytest.mark.slow
@pytest.mark.postgresql
def test_a_server_over_postgresql_that_is_away_for_a_minute_costs_neither(
    postgresql_server: Server, convspec: CommandLine
) -> None:
    spool, meanwhile = train_through_an_outage(convspec, postgresql_server, seconds=60)
    assert meanwhile >= 30
    check_nothing_is_lost(spool, postgresql_server.address)
    postgresql_server.stop()


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.parametrize("direct", [True, False], ids=["to the database", "by way of the server"])
def test_a_database_that_is_away_for_eight_seconds_costs_neither(
    direct: bool, postgresql_server: Server, store_script: StoreScript, convspec: CommandLine
) -> None:
    if not direct:
        postgresql_server.start()
    address = store_script.database("direct") if direct else postgresql_server.address

    def do(action: str) -> None:
        done = store_script(action, "--only", "database")
        assert done.code == 0, done.err

    database = Server(address, lambda: do("start"), lambda: do("stop"))
    spool, meanwhile = train_through_an_outage(convspec, database, seconds=8)
    assert meanwhile >= 3
    check_nothing_is_lost(spool, address)
    postgresql_server.stop()
