"""How long commands take to start, beside what Python and the libraries take: `python benchmarks/startup.py [ROUNDS]`.

Every round runs each command once, as a process of its own, so that a busy moment of the machine meets all of them alike.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).parent.parent
PYTHON, LIBRARIES = "python -c pass", "import click, yaml, pydantic"
MAIN = "from runners.cli.entry import main; main()"
PIPELINE = str(ROOT / "pipelines" / "digits.yaml")
COMMANDS = {
    PYTHON: ["-c", "pass"],
    LIBRARIES: ["-c", LIBRARIES],
    "--help": ["-P", "-c", MAIN, "--help"],
    "check": ["-P", "-c", MAIN, "check", PIPELINE],
    "show": ["-P", "-c", MAIN, "show", PIPELINE],
    "schema": ["-P", "-c", MAIN, "schema"],
}
LIMITS = {"--help": (PYTHON, 2.5), "check": (LIBRARIES, 1.6), "show": (LIBRARIES, 1.6), "schema": (LIBRARIES, 1.6)}


def measure(rounds: int) -> dict[str, float]:
    """The median seconds of every command; a first round, which may have to compile, does not count."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds + 1):
        for name, arguments in COMMANDS.items():
            start = perf_counter()
            subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
            seconds[name].append(perf_counter() - start)
    return {name: median(taken[1:]) for name, taken in seconds.items()}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    taken = measure(rounds)
    versions = ", ".join(f"{name} {version(name)}" for name in ("click", "PyYAML", "pydantic"))
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}, {versions}")
    print(f"Medians of {rounds} interleaved runs.\n")
    print(f"{'':30}{'ms':>8}  {'ratio':>6}  {'limit':>6}")
    for name, seconds in taken.items():
        row = f"{name:30}{1000 * seconds:8.1f}"
        if name in LIMITS:
            base, limit = LIMITS[name]
            row += f"  {seconds / taken[base]:6.2f}  {limit:6.2f}  times {base}"
        print(row)


if __name__ == "__main__":
    main()
