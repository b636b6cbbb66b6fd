"""`convspec run pipelines/digits.yaml` against the hand-written script, as whole processes, each on a fresh store.

    python benchmarks/digits.py [RUNS]

Runs alternate, so that a machine whose speed drifts slows both. Needs `pip install torch==2.13.0` beside convspec.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
CONVSPEC = [
    sys.executable,
    "-c",
    "from runners.cli.entry import main; main()",
    "run",
    str(ROOT / "pipelines/digits.yaml"),
]
BY_HAND = [sys.executable, str(Path(__file__).parent / "handwritten.py")]


def seconds(command: list[str], cache: str | None = None) -> float:
    """Wall time of a command in an empty folder; `cache` keeps the per-user cache of earlier runs."""
    with TemporaryDirectory() as folder:
        environment = os.environ | {"XDG_CACHE_HOME": cache or f"{folder}/cache", "PYTHONPATH": str(ROOT)}
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return time.perf_counter() - started


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with TemporaryDirectory() as cache:
        seconds(CONVSPEC, cache)
        cases = {
            "by hand": lambda: seconds(BY_HAND),
            "convspec, first use by this user": lambda: seconds(CONVSPEC),
            "convspec": lambda: seconds(CONVSPEC, cache),
        }
        seconds(BY_HAND)
        times: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(runs):
            for name, run in cases.items():
                times[name].append(run())
    versions = ", ".join(f"{package} {version(package)}" for package in ("torch", "mlflow", "numpy"))
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"
    )
    print(f"{runs} alternating runs each, an empty folder and store each time; seconds of the whole process\n")
    reference = times["by hand"]
    for name, values in times.items():
        ratios = [value / other for value, other in zip(values, reference, strict=True)]
        print(
            f"{name:34s} median {statistics.median(values):6.2f}  (min {min(values):.2f}, max {max(values):.2f})"
            f"  ratio to by hand {statistics.median(ratios):.3f}"
        )


if __name__ == "__main__":
    main()
