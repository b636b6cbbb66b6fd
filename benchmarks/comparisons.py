"""How long `convspec compare` takes over many stored runs.

    python benchmarks/comparisons.py [--runs 10000] [--rounds 5]

Each row is a fresh SQLite store of MLflow's, filled through its own tables with runs as convspec records them (30 parameters,
8 tags, 6 figures, 4 of them over 10 epochs), in another number of architectures. What is timed is the whole command, as a process
of its own, and its processor time beside that of importing click, PyYAML and pydantic, as a busy machine slows both; MLflow's
`search_runs` over the same runs stands beside it, in a process that has imported MLflow already.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter, time

sys.path.insert(0, str(Path(__file__).parent.parent))

from runners.tracking import store

ROOT = Path(__file__).parent.parent
MAIN = "from runners.cli.entry import main; main()"
EPOCHS = 10
EXPERIMENT = "many"


def fill(uri: str, *, runs: int, architectures: int, tagged: bool) -> None:
    """Make a store with one experiment; without tags, architectures are told apart by their settings alone."""
    client = store.open_client(uri)
    experiment = client.create_experiment(EXPERIMENT, artifact_location=Path("/nowhere").as_uri())
    rng = random.Random(1)
    rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in ("runs", "params", "tags", "metrics", "latest")}
    for number in range(runs):
        seed, architecture = divmod(number, architectures)
        run_id = uuid.UUID(int=rng.getrandbits(128)).hex
        now = int(time() * 1000) + number
        name = f"a{architecture} seed {seed}"
        rows["runs"].append(
            (run_id, name, "LOCAL", "", "", "", "me", "FINISHED", now, now + 9, None, "active", "", experiment)
        )
        rows["params"] += [(key, value, run_id) for key, value in parameters(architecture, seed)]
        rows["tags"] += [(key, value, run_id) for key, value in tags(architecture, seed, tagged=tagged)]
        for key, value in figures(rng, architecture).items():
            steps = range(1, EPOCHS + 1) if "test" not in key else range(EPOCHS, EPOCHS + 1)
            rows["metrics"] += [(key, value, now, run_id, step, 0) for step in steps]
            rows["latest"].append((key, value, now, EPOCHS, 0, run_id))
    write(Path(uri.removeprefix("sqlite:///")), rows)


def parameters(architecture: int, seed: int) -> Iterator[tuple[str, str]]:
    for layer in range(1, 13):
        yield f"network.convolution_{layer}.features", str(8 + (architecture if layer == 1 else 0))
        yield f"network.convolution_{layer}.size", "3"
    yield from (("training.epochs", "20"), ("training.batch", "32"), ("engine", "auto"), ("precision", "float32"))
    yield from (("training.optimizer.adam.learning_rate", "0.001"), ("seed", str(seed)))


def tags(architecture: int, seed: int, *, tagged: bool) -> Iterator[tuple[str, str]]:
    yield from (("mlflow.user", "me"), ("mlflow.source.name", "many.yaml"), ("convspec.engine", "numpy"))
    yield from (
        ("convspec.parameters", str(1000 + 90 * architecture)),
        ("convspec.multiply_adds", str(50_000 + 7 * architecture)),
    )
    yield "convspec.data_sha256", "0" * 64
    if tagged:
        yield from (("convspec.architecture", f"a{architecture}"), ("convspec.seed", str(seed)))
        yield from (("convspec.kind", "member"), ("mlflow.parentRunId", "f" * 32))


def figures(rng: random.Random, architecture: int) -> dict[str, float]:
    accuracy = rng.gauss(0.95 + 0.02 * (architecture % 7) / 7, 0.006)
    names = ("accuracy/training", "accuracy/validation", "cost/training", "cost/validation", "cost/test")
    known = dict.fromkeys(names, accuracy) | {"accuracy/test": accuracy}
    return known | {"time/training_seconds": rng.uniform(1, 2)}


def write(path: Path, rows: dict[str, list[tuple[object, ...]]]) -> None:
    columns = {
        "runs": "runs (run_uuid, name, source_type, source_name, entry_point_name, source_version, user_id, status, start_time, "
        "end_time, deleted_time, lifecycle_stage, artifact_uri, experiment_id)",
        "params": "params (key, value, run_uuid)",
        "tags": "tags (key, value, run_uuid)",
        "metrics": "metrics (key, value, timestamp, run_uuid, step, is_nan)",
        "latest": "latest_metrics (key, value, timestamp, step, is_nan, run_uuid)",
    }
    with closing(sqlite3.connect(path)) as opened:
        for name, content in rows.items():
            places = ", ".join("?" * len(content[0]))
            opened.executemany(f"INSERT INTO {columns[name]} VALUES ({places})", content)
        opened.commit()


def measure(folder: Path, rounds: int) -> tuple[float, float, float]:
    """Medians: seconds of the command, of processor time in it, and how often the latter holds that of the imports alone."""
    seconds, used, ratios = [], [], []
    for _ in range(rounds):
        imports, _ = run(["-c", "import click, yaml, pydantic"], folder)
        command, taken = run(["-P", "-c", MAIN, "compare", EXPERIMENT], folder)
        seconds.append(taken)
        used.append(command)
        ratios.append(command / imports)
    return median(seconds), median(used), median(ratios)


def run(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Seconds of processor time and seconds that a Python process takes."""
    began, before = perf_counter(), processor_seconds()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    return processor_seconds() - before, perf_counter() - began


def processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def searched(uri: str) -> float:
    """Seconds that MLflow takes to give the same runs."""
    client = store.open_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    began, token = perf_counter(), None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        token = page.token
        if not token:
            return perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-search", action="store_true", help="leave MLflow's own search out")
    given = parser.parse_args()
    runs = given.runs
    import mlflow

    print(
        f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}, MLflow {mlflow.__version__}"
    )
    print(f"{runs:,} runs; medians of {given.rounds} commands.\n")
    head = (
        "architectures",
        "seeds",
        "told apart by",
        "file",
        "convspec compare",
        "of it processor",
        "times the imports",
        "MLflow's search_runs",
    )
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for architectures, tagged in ((20, True), (100, True), (1000, True), (1000, False), (runs, False)):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            uri = f"sqlite:///{folder / 'mlflow.db'}"
            fill(uri, runs=runs, architectures=architectures, tagged=tagged)
            size = (folder / "mlflow.db").stat().st_size / 1e6
            row = [
                f"{architectures:,}",
                f"{runs // architectures:,}",
                "tag" if tagged else "settings",
                f"{size:.0f} MB",
            ]
            search = "" if given.without_search else f"{searched(uri):.1f} s"
            taken, used, ratio = measure(folder, given.rounds)
            print(f"| {' | '.join(row)} | {taken:.2f} s | {used:.2f} s | {ratio:.1f} | {search} |", flush=True)


if __name__ == "__main__":
    main()
