"""A server that goes away in the middle of `convspec run` neither stops training nor costs a figure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runners.tracking import events, record
from runners.tracking.store import open_client
from runners.tracking.ui import ui_command
from tests.conftest import CommandLine, StoreScript, free_port

START_SECONDS = 120.0


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


def epochs_spooled(folder: Path) -> int:
    """How many epochs a run has trained, by what it has left in its spool."""
    return sum(event["event"] == "metrics" for spool in record.spools(folder) for event, _ in events.read(spool))


def train_through_an_outage(
    convspec: CommandLine, server: Server, *, seconds: float, epochs: int
) -> tuple[int, dict[str, object]]:
    """Stop the server `seconds` long while a run trains; how many epochs it trained meanwhile, and its result."""
    server.start()
    arguments = ("run", "digits", "--set", f"training.epochs={epochs}", "--tracking-uri", server.address, "--json")
    training = convspec.start(*arguments)
    try:
        _until(lambda: any(_run_id(spool) for spool in record.spools(convspec.folder)), START_SECONDS)
        server.stop()
        before = epochs_spooled(convspec.folder)
        time.sleep(seconds)
        meanwhile = epochs_spooled(convspec.folder) - before
        server.start()
        out, err = training.communicate(timeout=300)
    finally:
        training.kill()
    assert (training.returncode, "Traceback" in err) == (0, False), err
    return meanwhile, json.loads(out)


def _run_id(spool: Path) -> str:
    known = record.load(spool)
    return "" if known is None else known.run_id


def check_nothing_is_lost(convspec: CommandLine, address: str, result: dict[str, object], *, epochs: int) -> None:
    client = open_client(address)
    run_id = str(result["run_id"])
    assert result["note"] == ""
    assert client.get_run(run_id).info.status == "FINISHED"
    for figure in ("cost/training", "cost/validation", "accuracy/training", "accuracy/validation"):
        assert [each.step for each in client.get_metric_history(run_id, figure)] == list(range(1, epochs + 1))
    assert {each.path for each in client.list_artifacts(run_id)} >= {"pipeline.yaml", "plan.json", "pictures"}
    assert record.spools(convspec.folder) == []


def test_a_server_that_is_away_for_eight_seconds_costs_neither_training_nor_a_figure(
    sqlite_server: Server, convspec: CommandLine
) -> None:
    meanwhile, result = train_through_an_outage(convspec, sqlite_server, seconds=8, epochs=500)
    assert meanwhile >= 10  # an epoch takes some hundredths of a second
    check_nothing_is_lost(convspec, sqlite_server.address, result, epochs=500)


@pytest.mark.slow
@pytest.mark.postgresql
def test_a_server_over_postgresql_that_is_away_for_a_minute_costs_neither(
    postgresql_server: Server, convspec: CommandLine
) -> None:
    meanwhile, result = train_through_an_outage(convspec, postgresql_server, seconds=60, epochs=2500)
    assert meanwhile >= 100
    check_nothing_is_lost(convspec, postgresql_server.address, result, epochs=2500)
    postgresql_server.stop()


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.parametrize("direct", [True, False], ids=["to the database", "by way of the server"])
def test_a_database_that_is_away_for_eight_seconds_costs_neither(
    direct: bool, postgresql_server: Server, store_script: StoreScript, convspec: CommandLine
) -> None:
    postgresql_server.start()
    address = store_script.database("convspec") if direct else postgresql_server.address

    def act(action: str) -> Callable[[], None]:
        return lambda: assert_done(store_script(action, "--only", "database"))

    def assert_done(done: object) -> None:
        assert done.code == 0, done

    database = Server(address, act("start"), act("stop"))
    meanwhile, result = train_through_an_outage(convspec, database, seconds=8, epochs=500)
    assert meanwhile >= 10
    check_nothing_is_lost(convspec, address, result, epochs=500)
    postgresql_server.stop()
