"""What computes a step of training in the benchmarks: both engines, and a PyTorch loop written by hand, on the same networks.

A step is a batch picked by random positions, forward, backward and Adam's update.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
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
from runners.training.learner import VectorLearner

Step = Callable[[], object]
Stage = tuple[int | str, ...]
"""("convolution", features, size), ("pooling",) of 2 x 2, or ("fully_connected", neurons); relu follows where it belongs."""

NUMPY, TORCH = "numpy", "torch engine"
BY_HAND, CHANNELS_LAST = "by hand", "by hand, channels last"


@dataclass(frozen=True)
class Case:
    """A network, the shape of its pictures and how many of them make a batch."""

    name: str
    shape: tuple[int, int, int]
    batch: int
    stages: Sequence[Stage]

    @property
    def classes(self) -> int:
        return int(self.stages[-1][1])


@dataclass(frozen=True)
class Examples:
    """See runners.engines.engine.Source."""

    pictures: Any
    truth: Any

    def __len__(self) -> int:
        return len(self.truth)

    def pictures_at(self, indices: Any) -> Any:
        return self.pictures[indices]


def stack(*stages: str) -> list[Stage]:
    """`c16x3` a convolution of 16 features of 3 x 3, `p` a pooling, `f64` a fully connected layer of 64 neurons."""
    found: list[Stage] = []
    for stage in stages:
        numbers = [int(number) for number in stage[1:].split("x") if number]
        found.append(({"c": "convolution", "p": "pooling", "f": "fully_connected"}[stage[0]], *numbers))
    return found


def names() -> list[str]:
    """The contenders that can be had here."""
    return [NUMPY, TORCH, BY_HAND, CHANNELS_LAST] if find_spec("torch") else [NUMPY]


def step_of(name: str, case: Case, *, threads: int) -> Step:
    """One step of training, again and again on the same batch."""
    if name == NUMPY:
        return _numpy(case, threads)
    return _torch_engine(case, threads) if name == TORCH else _by_hand(case, threads, name == CHANNELS_LAST)


def examples(case: Case) -> tuple[Any, Any, Any]:
    """Random pictures, their classes, and the positions of one batch."""
    generator = np.random.default_rng(7)
    count = 2 * case.batch
    pictures = generator.standard_normal((count, *case.shape), dtype=np.float32)
    return pictures, generator.integers(case.classes, size=count), generator.permutation(count)[: case.batch]


def layers_of(case: Case) -> list[Layer]:
    """The layers as a file would have them."""
    layers: list[Layer] = []
    for kind, *numbers in case.stages:
        if kind == "pooling":
            layers.append(Pooling(window=2, stride=2))
        elif kind == "convolution":
            layers += Convolution(features=numbers[0], size=numbers[1], padding="same"), Relu()
        else:
            layers += FullyConnected(neurons=numbers[0]), Relu()
    return layers[:-1]


def planned(case: Case) -> Plan:
    return plan(layers_of(case), Description(case.shape, tuple(str(i) for i in range(case.classes))))


def multiply_adds(case: Case) -> int:
    """Those of a step: forward, and twice as many backward, except that the data need no gradient."""
    made = planned(case)
    first = next(layer.multiply_adds for layer in made.layers if layer.multiply_adds)
    return case.batch * (3 * made.multiply_adds - first)


def training_of(case: Case) -> Training:
    return Training(epochs=1, batch=case.batch, cost=CrossEntropy(), optimizer=Adam())


def _numpy(case: Case, threads: int) -> Step:
    made = planned(case)
    network = Network(made, initial_weights(made, 7), threads=threads)
    return _learning(VectorLearner, network, case)


def _torch_engine(case: Case, threads: int) -> Step:
    from runners.engines.torch.learner import Learner
    from runners.engines.torch.network import Network as TorchNetwork

    made = planned(case)
    return _learning(Learner, TorchNetwork(made, initial_weights(made, 7), threads=threads, device="cpu"), case)


def _learning(learner: Callable[..., Any], network: Any, case: Case) -> Step:
    """What the training loop does in each step."""
    pictures, truth, batch = examples(case)
    cost = cost_function(CrossEntropy())
    made = learner(network, training_of(case), Examples(pictures, truth), lambda truth: cost)
    return lambda: made.step(batch, draw=lambda layer, chunk: np.random.default_rng(chunk))


def _by_hand(case: Case, threads: int, channels_last: bool) -> Step:
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


def machine() -> str:
    """Processor, cores and versions, in a line."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    processors = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = processors[0] if processors else platform.processor() or platform.machine()
    versions = [f"Python {platform.python_version()}", f"numpy {np.__version__}"]
    if find_spec("torch"):
        import torch

        versions.append(f"torch {torch.__version__}")
    return f"{processor}, {os.cpu_count()} cores; {', '.join(versions)}"
