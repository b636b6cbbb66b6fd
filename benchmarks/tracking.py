"""What tracking costs a training, and what an outage of the server costs it.

    python benchmarks/tracking.py cost [--rounds 5]      # with and without tracking; SQLite, and a server over PostgreSQL
    python benchmarks/tracking.py outage [--rounds 2]    # the server is stopped for a minute in the middle of a run

`cost` trains the same network alternately without tracking and with it. The time that tracking takes on the training
thread (recording, checkpoint) is measured by itself, too, as the rest drowns in the noise of a machine with other work.
Needs PostgreSQL (apt-get install postgresql).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from convspec.loading import Loaded, load
from runners.environment import cores
from runners.experiment import Experiment
from runners.recording import Recording
from runners.tracking.process import start_drainer
from runners.tracking.spool import Spool
from runners.tracking.store import open_client

ROOT = Path(__file__).resolve().parent.parent
HEAD = (
    "| network | epochs | store | clock without | with | more | processor without | with "
    "| in the recording: clock | processor | delivery, ms of processor a run |\n"
    "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)
CONVSPEC = [sys.executable, "-P", "-c", "from runners.cli.entry import main; main()"]


@dataclass
class Store:
    """`deploy/store.py` on a folder of its own."""

    folder: Path
    ports: tuple[int, int]

    def __call__(self, action: str, *arguments: str) -> dict[str, Any]:
        ports = ["--port", str(self.ports[0]), "--database-port", str(self.ports[1])]
        command = [sys.executable, str(ROOT / "deploy" / "store.py"), action, str(self.folder), *ports, *arguments]
        done = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, text=True)
        return dict(json.loads(done.stdout))


@contextmanager
def running_store() -> Iterator[Store]:
    """A server over PostgreSQL for as long as it is needed."""
    folder = Path(tempfile.mkdtemp(prefix="convspec-benchmark-"))
    folder.chmod(0o755)
    store = Store(folder, (free_port(), free_port()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or the servers would outlive this process
    try:
        found = store("start")
        if "error" in found:
            sys.exit(1)
        yield store
    finally:
        store("stop")
        shutil.rmtree(folder)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stopwatch:
    """A recording that knows how long the training thread was in it, and how long that kept a processor busy."""

    def __init__(self, recording: Recording) -> None:
        self.recording, self.seconds, self.busy = recording, 0.0, 0.0

    def on_start(self, trainer: Any) -> None:
        self.recording.on_start(trainer)

    def on_batch(self, progress: Any) -> None:
        self.recording.on_batch(progress)

    def on_epoch(self, epoch: Any, checkpoint: Callable[[], Any]) -> None:
        began, busy = time.perf_counter(), time.thread_time()
        self.recording.on_epoch(epoch, checkpoint)
        self.seconds += time.perf_counter() - began
        self.busy += time.thread_time() - busy


@dataclass(frozen=True)
class Taken:
    """Seconds of a training: by the clock, of processor; of those, in the recording; of processor for delivering it."""

    clock: float
    processor: float
    recording: float = 0.0
    recording_processor: float = 0.0
    delivery_processor: float = 0.0


def train(loaded: Loaded, uri: str | None, home: Path) -> Taken:
    experiment = Experiment.prepare(loaded, threads=cores())
    if uri is None:
        began, busy = time.perf_counter(), time.process_time()
        experiment.train([], stop=lambda: False)
        return Taken(time.perf_counter() - began, time.process_time() - busy)
    spool = Spool.create(home, "benchmark")
    children = _children()
    drainer = start_drainer(spool, uri)
    recording = Recording(spool, loaded, experiment.dataset, experiment.engine)
    watch = Stopwatch(recording)
    began, busy = time.perf_counter(), time.process_time()
    recording.announce(threads=cores(), keep_files=True)
    experiment.train([watch], stop=lambda: False)
    clock, busy = time.perf_counter() - began, time.process_time() - busy
    spool.end("FINISHED")
    outcome = drainer.wait()
    drainer.close()
    assert outcome.sent, outcome.message
    return Taken(clock, busy, watch.seconds, watch.busy, _children() - children)


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def cases(folder: Path) -> dict[str, Loaded]:
    """A small network with short epochs, and one with an epoch of about a second."""
    pictures = np.random.default_rng(0).standard_normal((2500, 1, 28, 28), dtype=np.float32)
    np.save(folder / "x.npy", pictures)
    np.save(folder / "y.npy", np.arange(2500) % 10)
    files = f"images: {folder / 'x.npy'}, labels: {folder / 'y.npy'}, classes: 10"
    data = f"data={{source: arrays, {files}, split: {{validation: 0.1, test: 0.1}}}}"
    training = "training={epochs: 6, batch: 64, optimizer: {sgd: {learning_rate: 0.001}}}"
    return {
        "digits": load("digits", ("training.epochs=30", "engine=numpy")),
        "lenet_5, 2,000 pictures": load("lenet_5", (data, training, "engine=numpy")),
    }


def cost(rounds: int) -> None:
    """Medians of as many alternating rounds, in milliseconds an epoch."""
    print(HEAD, flush=True)
    with running_store() as store, tempfile.TemporaryDirectory() as scratch:
        uris = {"SQLite": f"sqlite:///{scratch}/mlflow.db", "server, PostgreSQL": f"http://127.0.0.1:{store.ports[0]}"}
        for name, loaded in cases(Path(scratch)).items():
            epochs = loaded.pipeline.training.epochs
            train(loaded, None, Path(scratch))  # the first one finds caches cold
            for kind, uri in uris.items():
                open_client(uri)
                pairs = [(train(loaded, None, Path(scratch)), train(loaded, uri, Path(scratch))) for _ in range(rounds)]
                bare, full = (
                    {field: statistics.median(getattr(one, field) for one in some) for field in Taken.__annotations__}
                    for some in zip(*pairs, strict=True)
                )
                more = statistics.median(tracked.clock / plain.clock - 1 for plain, tracked in pairs)
                cells = [bare["clock"], full["clock"], bare["processor"], full["processor"]]
                cells += [full["recording"], full["recording_processor"]]
                first, second, *rest = (f"{1000 * seconds / epochs:.2f}" for seconds in cells)
                delivery = f"{1000 * full['delivery_processor']:.0f}"
                row = [name, str(epochs), kind, first, second, f"{100 * more:+.1f} %", *rest, delivery]
                print(f"| {' | '.join(row)} |", flush=True)


def outage(rounds: int, *, epochs: int, seconds: float) -> None:
    print(f"| round | epochs | training, s | with the server away for {seconds:g} s | more | figures lost |")
    print("|---:|---:|---:|---:|---:|---:|")
    with running_store() as store, tempfile.TemporaryDirectory() as home:
        ratios = []
        for number in range(1, rounds + 1):
            calm = finish(begin(store, Path(home), epochs))
            process = begin(store, Path(home), epochs)
            time.sleep(10)
            store("stop", "--only", "server")
            time.sleep(seconds)
            store("start")
            stormy = finish(process)
            lost = count_lost(store, stormy["run_id"], epochs)
            before, after = (result["metrics"]["time/training_seconds"] for result in (calm, stormy))
            ratios.append(after / before - 1)
            print(
                f"| {number} | {epochs} | {before:.1f} | {after:.1f} | {100 * ratios[-1]:+.1f} % | {lost} |", flush=True
            )
        print(f"median {100 * statistics.median(ratios):+.1f} %")


def begin(store: Store, home: Path, epochs: int) -> subprocess.Popen[str]:
    address = f"http://127.0.0.1:{store.ports[0]}"
    words = [
        "run",
        "digits",
        "--set",
        f"training.epochs={epochs}",
        "--tracking-uri",
        address,
        "--json",
        "--threads",
        "1",
    ]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(home)}
    return subprocess.Popen([*CONVSPEC, *words], cwd=home, env=environment, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate()
    assert process.returncode == 0, out
    return dict(json.loads(out))


def count_lost(store: Store, run_id: str, epochs: int) -> int:
    """How many of the figures that every epoch has are not in the store exactly once."""
    client = open_client(f"http://127.0.0.1:{store.ports[0]}")
    names = ("cost/training", "cost/validation", "accuracy/training", "accuracy/validation")
    steps = [sorted(found.step for found in client.get_metric_history(run_id, name)) for name in names]
    return sum(len(set(range(1, epochs + 1)) - set(found)) + len(found) - len(set(found)) for found in steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "outage"])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--epochs", type=int, default=6000, help="of the run with an outage")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the server is away")
    given = parser.parse_args()
    if given.what == "cost":
        cost(given.rounds or 5)
    else:
        outage(given.rounds or 2, epochs=given.epochs, seconds=given.seconds)


if __name__ == "__main__":
    main()
