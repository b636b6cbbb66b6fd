"""Fifty steps of architectures at a reduced size, on noise, in double precision, by one process or one of two."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convspec.data import Description
from convspec.loading import load
from convspec.optimizers import Sgd
from convspec.plan import plan
from convspec.training import Training
from runners.data import Examples
from runners.engines.initial import initial_weights
from runners.engines.torch.group import Group
from runners.engines.torch.learner import Learner
from runners.engines.torch.network import Network
from runners.engines.torch.shared import SharedLearner
from runners.place import Place
from runners.randomness import StepDraw, stream
from runners.training.costs import batch_function
from tests.pipelines.test_architectures import REDUCED

BATCH = 11
"""Which two processes cannot share evenly."""


def fifty_steps(place: Place, names: tuple[str, ...], folder: Path) -> None:
    """Leaves the weights of each network in `folder/NAME.npz`."""
    folder.mkdir(exist_ok=True)
    group = Group(place, "cpu") if place.size > 1 else None
    for name in names:
        network = train(name, group)
        if place.rank == 0:
            np.savez(folder / f"{name}.npz", **network.weights)


def train(name: str, group: Group | None) -> Network:
    small = plan(load(name).pipeline.network, Description(REDUCED[name], load(name).plan.data.classes))
    network = Network(small, initial_weights(small, 7, np.float64), dtype=np.float64, device="cpu", group=group)
    training = Training(epochs=1, batch=BATCH, optimizer=Sgd(learning_rate=0.0001, momentum=0.5))
    examples, cost_of = noise(REDUCED[name]), partial(batch_function, training.cost)
    if group is None:
        learner = Learner(network, training, examples, cost_of)
    else:
        learner = SharedLearner(network, training, examples, cost_of, group=group, seed=7)
        if group.rank:
            for _ in range(50):
                learner.follow_once()
            return network
    for step in range(50):
        chosen = stream(7, "order", step).permutation(len(examples))[:BATCH]
        learner.step(chosen, draw=StepDraw(7, 1, step))
    return network


def noise(shape: tuple[int, ...]) -> Examples:
    pictures: NDArray[np.float32] = np.random.default_rng(0).standard_normal((40, *shape), dtype=np.float32)
    return Examples((pictures,), np.arange(40), np.arange(40) % 4)


def main() -> None:
    rank, meeting, folder, *names = sys.argv[1:]
    fifty_steps(Place(int(rank), 2, int(rank), 2, Path(meeting)), tuple(names), Path(folder))
