"""Steps a second with two processes of one thread beside one process of two threads, and what starting a process costs.

    python benchmarks/processes.py [--seconds 10]

Each row is a network on noise, trained by `convspec run`'s own code; warm-up steps are not counted. On a machine with two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from convspec.loading import load
from runners.experiment import Experiment
from runners.processes import processes
from runners.training.loop import Stopped

CASES = {"lenet_5": ((1, 28, 28), 10, 128), "vgg_11": ((3, 32, 32), 1000, 64)}
WARM_UP = 5


def rate(name: str, folder: Path, *, count: int, threads: int, seconds: float) -> tuple[float, float]:
    """Steps a second, and seconds until the first step is done."""
    _, classes, batch = CASES[name]
    files = f"images: {folder / 'x.npy'}, labels: {folder / 'y.npy'}, classes: {classes}"
    data = f"{{source: arrays, {files}, split: {{validation: 0, test: 0.1}}}}"
    training = f"{{epochs: 100000, batch: {batch}, optimizer: {{sgd: {{learning_rate: 0.0001}}}}}}"
    loaded = load(name, (f"data={data}", f"training={training}", "engine=torch", f"processes={count}"))
    began, times = time.perf_counter(), []

    def stop() -> bool:
        times.append(time.perf_counter())
        return len(times) > WARM_UP + 2 and times[-1] - times[WARM_UP] > seconds

    with processes(loaded, threads=threads, device="cpu", compiled=False) as together:
        experiment = Experiment.prepare(loaded, threads=threads, device="cpu", processes=together)
        with suppress(Stopped):
            experiment.train([], stop=stop)
    return (len(times) - 1 - WARM_UP) / (times[-1] - times[WARM_UP]), times[1] - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    import torch  # noqa: F401 - so that no case pays for it alone

    print("| network | batch | processes x threads | steps a second | first step after |\n|---|---|---|---|---|")
    for name, (shape, _, batch) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            pictures = np.random.default_rng(0).standard_normal((8 * batch, *shape), dtype=np.float32)
            np.save(Path(folder) / "x.npy", pictures)
            np.save(Path(folder) / "y.npy", np.arange(8 * batch) % 10)
            for count, threads in ((1, 1), (1, 2), (2, 1)):
                steps, first = rate(name, Path(folder), count=count, threads=threads, seconds=seconds)
                print(f"| {name} | {batch} | {count} x {threads} | {steps:.2f} | {first:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
