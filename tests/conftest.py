"""What every test may use: the command line in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-P", "-c", "from runners.cli.entry import main; main()"]


def pytest_configure() -> None:
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a shell's background job, which would have all commands ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("torch") and find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: `make test-torch` installs it")
    if item.get_closest_marker("postgresql") and not postgresql_is_installed():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    if item.get_closest_marker("ray") and find_spec("ray") is None:
        pytest.skip("Ray is not installed: `make test-ray` installs it")


def postgresql_is_installed() -> bool:
    """Whether the server's programs are there, and the package to talk to it."""
    programs = any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")
    return bool(programs) and find_spec("psycopg") is not None


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object that standard output holds."""
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """Runs `convspec` as a process of its own in one folder."""

    folder: Path
    environment: Mapping[str, str]

    def __call__(self, *arguments: str, timeout: float = 120) -> Finished:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same without waiting for the end."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment that finds this checkout and keeps caches to itself."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    cache = str(tmp_path_factory.mktemp("cache"))
    return kept | {
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": cache,
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


@pytest.fixture
def convspec(tmp_path: Path, environment: dict[str, str]) -> CommandLine:
    """The command line in an empty folder."""
    return CommandLine(tmp_path, environment)


@dataclass(frozen=True)
class StoreScript:
    """Runs `deploy/store.py` on one folder."""

    folder: Path

    def __call__(self, action: str, *arguments: object, folder: Path | None = None) -> Finished:
        words = ["store.py", action, str(folder or self.folder), *map(str, arguments), "--json"]
        command = [sys.executable, str(ROOT / "deploy" / words[0]), *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    def database(self, name: str) -> str:
        """The address of a database; a new one but for the server's own, `convspec`."""
        import psycopg

        port = self("status").json["ports"]["database_port"]
        address = f"postgresql://convspec:{(self.folder / 'password').read_text()}@127.0.0.1:{port}"
        if name != "convspec":
            with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
        return f"{address}/{name}"


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def store_script() -> Iterator[StoreScript]:
    """The script that starts a store for many, with PostgreSQL running; only for tests marked `postgresql`."""
    folder = Path(tempfile.mkdtemp(prefix="convspec-store-"))
    folder.chmod(0o755)  # the user postgres must get in
    script = StoreScript(folder)
    started = script("start", "--only", "database", "--port", free_port(), "--database-port", free_port())
    assert started.code == 0, started.err
    yield script
    script("stop")
    shutil.rmtree(folder)
