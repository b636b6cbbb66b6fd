"""Many processes use one store at once, a fresh one too: none fails, and none loses a figure."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runners.tracking.store import open_client

Python = Callable[..., subprocess.Popen[str]]

PROCESSES = 8
FIGURES = 1000
WRITE_FROM_MANY_PROCESSES = """
import os, sys
from pathlib import Path
from runners.tracking import drain, events, record
from runners.tracking.spool import DatasetIdentity, Spool
from runners.tracking.store import open_client
drain._lighten()
import mlflow.store.tracking.sqlalchemy_store  # once, rather than in each of the eight
from runners.tracking.delivery import Delivery
home, uri, processes, figures = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def write(number):
    client = open_client(uri)
    spool = Spool.create(home, f"run-{number}")
    known = record.Record(uri, attempts=1)
    delivery = Delivery(client, spool.folder, known)
    parts = ("training", "validation", "test")
    datasets = tuple(DatasetIdentity("digits", f"abc-{part}", "digits", part) for part in parts)
    spool.start("many", name=f"run {number}", params={"number": number}, tags={}, datasets=datasets)
    for step in range(figures):
        spool.metrics({"cost/training": number * figures + step}, step=step)
        if step % 100 == 99:  # so often does a training of some seconds an epoch send what it has
            delivery.send(events.read(spool.folder, known.sent))
    spool.end("FINISHED")
    delivery.send(events.read(spool.folder, known.sent))

for number in range(processes):
    if os.fork() == 0:
        code = 1
        try:
            write(number)
            code = 0
        finally:
            os._exit(code)
sys.exit(sum(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(processes)))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def fresh(request: pytest.FixtureRequest, home: Path) -> str:
    """The address of a store that nobody has used yet."""
    if request.param == "sqlite":
        return f"sqlite:///{home / 'fresh.db'}"
    return str(request.getfixturevalue("store_script").database("many_writers"))


def test_eight_processes_that_begin_at_once_on_a_fresh_store_lose_none_of_a_thousand_figures_each(
    fresh: str, home: Path, python: Python
) -> None:
    writers = python(WRITE_FROM_MANY_PROCESSES, home, fresh, PROCESSES, FIGURES)
    _, said = writers.communicate(timeout=240)
    assert (writers.returncode, "database is locked" in said) == (0, False), said[-2000:]
    client = open_client(fresh)
    runs = client.search_runs([client.get_experiment_by_name("many").experiment_id])
    assert sorted(int(run.data.params["number"]) for run in runs) == list(range(PROCESSES))
    for run in runs:
        first = int(run.data.params["number"]) * FIGURES
        history = client.get_metric_history(run.info.run_id, "cost/training")
        assert [(each.step, each.value) for each in history] == [(step, first + step) for step in range(FIGURES)]
        assert run.info.status == "FINISHED"
        assert sorted(each.dataset.digest for each in run.inputs.dataset_inputs) == [
            "abc-test", "abc-training", "abc-validation",
        ]  # fmt: skip
