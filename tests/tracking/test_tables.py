"""Many runs read at once: from MLflow's tables the same as from its client."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from runners.tracking import database
from runners.tracking.reading import Reader, reader
from runners.tracking.tables import By, Found
from tests.compare.recorded import Store


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


def comparable(runs: list[Found]) -> list[Found]:
    """What both ways tell: MLflow's own tags, and parameters that all share, are told by its client alone."""
    params = set.intersection(*({*run.params.items()} for run in runs if run.tags.get("convspec.kind") != "comparison"))
    kept = ("convspec.", "mlflow.parentRunId")
    return [
        replace(
            run,
            tags={key: value for key, value in run.tags.items() if key.startswith(kept)},
            params={key: value for key, value in run.params.items() if (key, value) not in params or key == "seed"},
        )
        for run in runs
    ]


@pytest.mark.parametrize("by", ["experiment", "run", "parent"])
def test_tables_tell_what_the_client_tells(store: Store, home: Path, by: By) -> None:
    parent = store.comparison()
    store.run("digits seed 3", {"accuracy/test": 0.5}, params={"seed": 3, "training.epochs": 7}, status="FAILED")
    deleted = store.run("digits seed 4", {"accuracy/test": 0.5})
    store.client.delete_run(deleted)
    value = {"experiment": "letters", "run": parent[:8], "parent": parent}[by]
    with reader(store.uri, home) as runs:
        fast = runs.select(by, value)
    slow = Reader(store.uri, None).select(by, value)
    assert len(fast) == {"experiment": 14, "run": 1, "parent": 12}[by]
    if by == "run":
        assert [run.run_id for run in fast] == [run.run_id for run in slow] == [parent]
    else:
        assert comparable(fast) == comparable(slow)


def test_only_parameters_that_differ_are_read(store: Store, home: Path) -> None:
    store.comparison()
    with reader(store.uri, home) as runs:
        found = runs.select("experiment", "letters")
    assert {key for run in found for key in run.params} == {"seed", "network.convolution_1.features"}


def test_figures_that_are_not_finite_come_back(store: Store, home: Path) -> None:
    figures = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": -2.5}
    store.run("digits seed 1", figures)
    with reader(store.uri, home) as runs:
        (found,) = runs.select("experiment", "letters")
    assert math.isnan(found.metrics.pop("a"))
    assert found.metrics == {"b": math.inf, "c": -math.inf, "d": -2.5}


def test_experiments_are_named_and_unknown_ones_are_empty(store: Store, home: Path) -> None:
    with reader(store.uri, home) as runs:
        assert runs.experiments() == ["Default", "letters"]
        assert runs.select("experiment", "nothing") == []
    assert Reader(store.uri, None).experiments() == ["Default", "letters"]


def test_tables_of_another_shape_are_left_to_the_client(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.run("digits seed 1", {"accuracy/test": 0.5})
    with reader(store.uri, home) as runs:
        monkeypatch.setattr("runners.tracking.tables._WHERE", {"run": "r.no_such_column LIKE :value"})
        (found,) = runs.select("run", run_id)
    assert found.metrics == {"accuracy/test": 0.5}


def test_a_store_is_only_read(store: Store, home: Path) -> None:
    with reader(store.uri, home) as runs:
        runs.select("experiment", "letters")
        path = database.path_of(store.uri)
        with closing(sqlite3.connect(path, timeout=0)) as other:
            other.execute("BEGIN EXCLUSIVE")
