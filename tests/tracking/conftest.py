"""A real MLflow store for every test: made once by MLflow itself, then copied, as `runners.tracking.template` does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runners.tracking import events, process, record
from runners.tracking.spool import Spool

if TYPE_CHECKING:
    from mlflow import MlflowClient

ROOT = Path(__file__).parents[2]
MLFLOWS_WARNINGS = ("The ``noload`` loader strategy:DeprecationWarning", ".*Any type hint is inferred:UserWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two warnings that MLflow causes while it is imported say nothing about us; every other one stays an error."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for warning in MLFLOWS_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:{warning}"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the empty migrated store is kept for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _environment(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # MLflow exports the store that was opened last
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*paths, str(ROOT)]))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder in which somebody works."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def uri(home: Path) -> str:
    """The default store of that folder."""
    return f"sqlite:///{home / 'mlflow.db'}"


@pytest.fixture
def client(uri: str) -> MlflowClient:
    """The store, opened."""
    from runners.tracking.store import open_client

    return open_client(uri)


@pytest.fixture
def spool(home: Path) -> Spool:
    """The spool of a run that is yet to start."""
    return Spool.create(home, "digits")


@pytest.fixture
def deliver(client: MlflowClient, uri: str) -> Callable[..., record.Record]:
    """Sends a spool from `offset` on, as the delivering process does, and gives what it noted."""

    def send(folder: Path, *, offset: int | None = None, forget_run: bool = False) -> record.Record:
        from runners.tracking.delivery import Delivery

        known = record.load(folder) or record.Record(uri)
        known.attempts += 1
        known.sent = known.sent if offset is None else offset
        known.run_id = "" if forget_run else known.run_id
        Delivery(client, folder, known).send(events.read(folder, known.sent))
        return known

    return send


@pytest.fixture
def python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a Python program with arguments; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, **{**pipes, **options}))
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def start(spool: Spool) -> Callable[..., None]:
    """Starts the run of `spool` with little to say about it."""

    def begin(**changes: object) -> None:
        said = {"name": "digits seed 7", "params": {"seed": 7}, "tags": {"mlflow.user": "ada"}}
        spool.start("digits", **{**said, **changes})  # type: ignore[arg-type]

    return begin


@pytest.fixture
def recorded(spool: Spool, uri: str) -> Callable[..., process.Outcome]:
    """Delivers `spool` by a process of its own, once all is said."""

    def wait(store: str = uri, **options: float) -> process.Outcome:
        drainer = process.start_drainer(spool, store, **options)
        outcome = drainer.wait()
        drainer.close()
        return outcome

    return wait
