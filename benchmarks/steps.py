"""How many steps of training a second: both engines beside a hand-written PyTorch loop, on the same networks.

    python benchmarks/steps.py [ROUNDS]

A step is a batch picked by random positions, forward, backward and Adam's update. The contenders take turns; each is given the
number of threads with which it is fastest, and PyTorch the faster of its two memory layouts. What counts is the median of all
rounds. Needs `pip install torch==2.13.0` for the comparison; without it only the numpy engine is measured.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from convspec.costs import CrossEntropy
from convspec.data import Description
from convspec.layers import Convolution, FullyConnected, Layer, Pooling, Relu
from convspec.optimizers import Adam
from convspec.plan import Plan, plan
from convspec.training import Training
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from runners.training.costs import cost_function
from runners.training.optimizers import optimizer

SECONDS = 0.3
"""How long a contender works before the next one has its turn."""

Step = Callable[[], object]
Stage = tuple[int | str, ...]
"""("convolution", features, size), ("pooling",) of 2 x 2, or ("fully_connected", neurons); relu follows where it belongs."""


@dataclass(frozen=True)
class Case:
    name: str
    shape: tuple[int, int, int]
    batch: int
    stages: Sequence[Stage]

    @property
    def classes(self) -> int:
        return int(self.stages[-1][1])


def _stack(*stages: str) -> list[Stage]:
    """`c16x3` a convolution of 16 features of 3 x 3, `p` a pooling, `f64` a fully connected layer of 64 neurons."""
    found: list[Stage] = []
    for stage in stages:
        numbers = [int(number) for number in stage[1:].split("x") if number]
        found.append(({"c": "convolution", "p": "pooling", "f": "fully_connected"}[stage[0]], *numbers))
    return found


DIGITS = _stack("c16x3", "p", "c32x3", "p", "f64", "f10")
VGG = _stack("c32x3", "c32x3", "p", "c64x3", "c64x3", "p", "c128x3", "c128x3", "p", "f256", "f10")
CASES = [
    Case("X and O, 9 x 9, batch 32", (1, 9, 9), 32, _stack("c8x3", "p", "c16x3", "p", "f2")),
    Case("digits, 8 x 8, batch 32", (1, 8, 8), 32, DIGITS),
    Case("digits, 8 x 8, batch 128", (1, 8, 8), 128, DIGITS),
    Case("LeNet style, 28 x 28, batch 64", (1, 28, 28), 64, _stack("c16x5", "p", "c32x5", "p", "f128", "f10")),
    Case("VGG style, 32 x 32 x 3, batch 64", (3, 32, 32), 64, VGG),
]


def examples(case: Case) -> tuple[Any, Any, Any]:
    """Random pictures, their classes, and the positions of one batch."""
    generator = np.random.default_rng(7)
    pictures = generator.standard_normal((1024, *case.shape), dtype=np.float32)
    return pictures, generator.integers(case.classes, size=1024), generator.permutation(1024)[: case.batch]


@dataclass(frozen=True)
class Examples:
    """See runners.engines.engine.Source."""

    pictures: Any
    truth: Any

    def __len__(self) -> int:
        return len(self.truth)

    def pictures_at(self, indices: Any) -> Any:
        return self.pictures[indices]


def planned(case: Case) -> Plan:
    layers: list[Layer] = []
    for kind, *numbers in case.stages:
        if kind == "pooling":
            layers.append(Pooling(window=2, stride=2))
            continue
        layers += _weighted(str(kind), numbers), Relu()
    return plan(layers[:-1], Description(case.shape, tuple(str(i) for i in range(case.classes))))


def numpy_step(case: Case, threads: int) -> Step:
    made = planned(case)
    network = Network(made, initial_weights(made, 7), threads=threads)
    adam, cost = optimizer(Adam(), network.values.size), cost_function(CrossEntropy())
    pictures, truth, batch = examples(case)

    def step() -> None:
        adam.update(network.values, network.gradient(pictures[batch], truth[batch], cost).gradient)

    return step


def torch_engine_step(case: Case, threads: int) -> Step:
    from runners.engines.torch.learner import Learner
    from runners.engines.torch.network import Network as TorchNetwork

    made = planned(case)
    network = TorchNetwork(made, initial_weights(made, 7), threads=threads, device="cpu")
    pictures, truth, batch = examples(case)
    training = Training(epochs=1, batch=case.batch, cost=CrossEntropy(), optimizer=Adam())
    cost = cost_function(CrossEntropy())
    learner = Learner(network, training, Examples(pictures, truth), lambda truth: cost)
    return lambda: learner.step(batch, draw=lambda layer, chunk: np.random.default_rng(chunk))


def _weighted(kind: str, numbers: Sequence[Any]) -> Layer:
    if kind == "convolution":
        return Convolution(features=numbers[0], size=numbers[1], padding="same")
    return FullyConnected(neurons=numbers[0])


def torch_step(case: Case, threads: int, *, channels_last: bool) -> Step:
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    channels, height, width = case.shape
    for kind, *numbers in case.stages:
        if kind == "pooling":
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            height, width = -(-height // 2), -(-width // 2)
        elif kind == "convolution":
            features, size = int(numbers[0]), int(numbers[1])
            layers += nn.Conv2d(channels, features, size, padding=size // 2), nn.ReLU()
            channels = features
        else:
            layers += nn.Flatten(), nn.Linear(prod((channels, height, width)), int(numbers[0])), nn.ReLU()
            channels, height, width = int(numbers[0]), 1, 1
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = nn.Sequential(*layers[:-1]).to(memory_format=layout)  # type: ignore[call-overload]
    adam, cost = torch.optim.Adam(network.parameters()), nn.CrossEntropyLoss()
    pictures, truth, batch = (torch.from_numpy(array) for array in examples(case))
    pictures = pictures.contiguous(memory_format=layout)

    def step() -> None:
        torch.set_num_threads(threads)
        adam.zero_grad()
        cost(network(pictures[batch]), truth[batch]).backward()
        adam.step()

    return step


def contenders(case: Case) -> dict[str, Step]:
    threads = sorted({1, os.cpu_count() or 1} | set(range(1, min(os.cpu_count() or 1, 4) + 1)))
    found: dict[str, Step] = {f"numpy, {n}": numpy_step(case, n) for n in threads}
    if find_spec("torch"):
        found |= {f"torch engine, {n}": torch_engine_step(case, n) for n in threads}
        for n, channels_last in product(threads, (False, True)):
            layout = ", channels last" if channels_last else ""
            found[f"by hand, {n}{layout}"] = torch_step(case, n, channels_last=channels_last)
    return found


def steps_a_second(step: Step) -> float:
    step()
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < SECONDS:
        step()
        count += 1
    return count / passed


def measure(case: Case, rounds: int) -> dict[str, float]:
    """Median steps a second of each contender."""
    rates: dict[str, list[float]] = {}
    steps = contenders(case)
    for _ in range(rounds):
        for name, step in steps.items():
            rates.setdefault(name, []).append(steps_a_second(step))
    return {name: median(found) for name, found in rates.items()}


def processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main(rounds: int) -> None:
    with_torch = find_spec("torch") is not None
    versions = [f"Python {platform.python_version()}", f"numpy {np.__version__}"]
    if with_torch:
        import torch

        versions.append(f"torch {torch.__version__}")
    print(f"{processor()}, {os.cpu_count()} cores; {', '.join(versions)}; median of {rounds} rounds of {SECONDS} s\n")
    if not with_torch:
        print("PyTorch is not installed (pip install torch==2.13.0): only the numpy engine is measured.\n")
    print("| steps a second | numpy (threads) | torch engine (threads) | PyTorch by hand (threads, layout) |", end="")
    print(" numpy ratio | torch ratio |\n|---|---:|---:|---:|---:|---:|")
    for case in CASES:
        rates = measure(case, rounds)
        best = [_best(rates, kind) for kind in ("numpy", "torch engine", "by hand")]
        cells = [f"{rate:.1f} ({how})" if rate else "-" for rate, how in best]
        by_hand = best[-1][0]
        ratios = [f"{rate / by_hand:.2f}" if by_hand else "-" for rate, _ in best[:-1]]
        print(f"| {' | '.join([case.name, *cells, *ratios])} |", flush=True)


def _best(rates: dict[str, float], kind: str) -> tuple[float, str]:
    """The rate of the fastest contender of a kind, and how it was run."""
    found = [(rate, name.partition(", ")[2]) for name, rate in rates.items() if name.startswith(kind)]
    return max(found, default=(0.0, ""))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
