"""What every test may use: the command line in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-P", "-c", "from runners.cli.entry import main; main()"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("torch") and find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: `make test-torch` installs it")
    if item.get_closest_marker("ray") and find_spec("ray") is None:
        pytest.skip("Ray is not installed: `make test-ray` installs it")


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
