"""A small comparison, trained in seconds, and what the store holds of it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CommandLine

COMPARISON = """
experiment: small
data: {source: xs_and_os, examples: 200, noise: 0.4}
architectures:
  plain:
    - fully_connected: {neurons: 2}
  stage:
    - convolution: {features: 4, size: 3, name: edges}
    - relu
    - pooling: {window: 2, stride: 2}
    - fully_connected: {neurons: 2}
training: {epochs: 6, batch: 16, optimizer: {adam: {learning_rate: 0.004}}}
seeds: [1, 2, 3]
"""
MEMBERS = [f"{architecture} seed {seed}" for architecture in ("plain", "stage") for seed in (1, 2, 3)]


BREAKING = """
import sys
from pathlib import Path

if "runners.family.worker" in sys.orig_argv and Path(__file__).with_name("broken").exists():
    sys.modules["numpy"] = None
"""


def break_workers(folder: Path) -> Path:
    """A folder that, on PYTHONPATH, keeps workers from importing numpy as long as it holds a file `broken`."""
    (folder / "sitecustomize.py").write_text(BREAKING)
    (folder / "broken").touch()
    return folder


@dataclass(frozen=True)
class Row:
    """A run in the store: how it ended, its weights, and how many figures it has."""

    name: str
    status: str
    weights: str
    figures: int


def rows(folder: Path) -> list[Row]:
    """The runs of a folder's store, by name."""
    query = """
        SELECT name, status, (SELECT value FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = 'convspec.weights_sha256'),
        (SELECT count(*) FROM metrics WHERE metrics.run_uuid = runs.run_uuid) FROM runs ORDER BY name, status
    """
    store = sqlite3.connect(folder / "mlflow.db")
    found = [Row(*row) for row in store.execute(query)]
    store.close()
    return found


def table(report: dict[str, Any]) -> list[Any]:
    """What of a report must be the same however often it was interrupted: all but times."""
    kept = ("name", "mean", "sd", "interval", "p", "effect", "group", "values", "parameters")
    return [{key: each[key] for key in kept} for each in report["architectures"]]


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[CommandLine, Any]:
    """A folder in which the comparison ran from beginning to end, with one worker, and what it said."""
    convspec = CommandLine(tmp_path_factory.mktemp("uninterrupted"), environment)
    (convspec.folder / "small.yaml").write_text(COMPARISON)
    done = convspec("run", "small.yaml", "--workers", "1", "--json")
    assert done.code == 0, done.err
    return convspec, done.json
