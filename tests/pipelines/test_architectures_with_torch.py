"""The architectures of the literature train with PyTorch as with the numpy engine, at a reduced size."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.costs import CrossEntropy
from convspec.data import Description
from convspec.loading import load
from convspec.optimizers import Sgd
from convspec.plan import Plan, plan
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network as NumpyNetwork
from runners.place import Place
from runners.randomness import stream
from runners.training.costs import cost_function
from runners.training.optimizers import optimizer
from tests.conftest import ROOT
from tests.pipelines.test_architectures import REDUCED

if find_spec("torch"):
    from runners.engines.torch.network import Network
    from tests.pipelines.fifty_steps import fifty_steps

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed"),
]
Array = NDArray[Any]
cross_entropy = cost_function(CrossEntropy())
ALWAYS = ("lenet_5", "resnet_20", "dqn")
architectures = pytest.mark.parametrize(("name", "shape"), REDUCED.items(), ids=REDUCED)


def reduced(name: str, shape: Shape) -> Plan:
    loaded = load(name)
    return plan(loaded.pipeline.network, Description(shape, loaded.plan.data.classes))


def steps(network: Any, shape: Shape, dtype: Any, count: int) -> list[float]:
    """The costs of some steps, with the same pictures each time."""
    pictures = np.random.default_rng(0).standard_normal((4, *shape), dtype=np.float32).astype(dtype)
    rule, costs = optimizer(Sgd(learning_rate=0.001), network.values.size, dtype), []
    for turn in range(count):
        step = network.gradient(
            pictures,
            np.arange(4),
            cross_entropy,
            draw=lambda layer, chunk, turn=turn: stream(1, layer, turn, chunk),  # type: ignore[misc]
        )
        rule.update(network.values, step.gradient)
        network.running[:] = step.running
        costs.append(step.cost)
    return costs


@architectures
def test_three_steps_are_those_of_the_numpy_engine(name: str, shape: Shape) -> None:
    """In double precision: over four pictures of one pixel, normalization makes much of the last digit of single precision."""
    small = reduced(name, shape)
    start = initial_weights(small, 7, np.float64)
    ours = Network(small, start, dtype=np.float64, device="cpu")
    theirs = NumpyNetwork(small, start, dtype=np.float64)
    costs = [steps(network, shape, np.float64, 3) for network in (ours, theirs)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-6)
    found, expected = ours.weights, theirs.weights
    assert list(found) == list(expected)
    for weight, value in expected.items():
        changed = np.abs(value - start[weight]).max()
        assert np.abs(found[weight] - value).max() <= 1e-4 * changed + 1e-12, weight


@architectures
def test_the_cost_in_single_precision_is_that_of_the_numpy_engine(name: str, shape: Shape) -> None:
    small = reduced(name, shape)
    start = initial_weights(small, 7)
    costs = [
        steps(network, shape, np.float32, 1)
        for network in (Network(small, start, device="cpu"), NumpyNetwork(small, start))
    ]
    assert costs[0] == pytest.approx(costs[1], rel=1e-4)


@pytest.mark.parametrize(
    "names",
    [ALWAYS, pytest.param(tuple(name for name in REDUCED if name not in ALWAYS), marks=pytest.mark.slow)],
    ids=["small", "large"],
)
def test_two_processes_agree_with_one_after_fifty_steps(names: tuple[str, ...], tmp_path: Path) -> None:
    """In double precision and with a small learning rate: with a larger one, most of these networks magnify a change of the last
    digit of their first weights so much that one process does not agree with itself."""
    fifty_steps(Place(), names, tmp_path / "one")
    script = [sys.executable, "-P", "-c", "from tests.pipelines.fifty_steps import main; main()"]
    arguments = [str(tmp_path / "meeting"), str(tmp_path / "two"), *names]
    ranks = [
        subprocess.Popen([*script, rank, *arguments], env={**os.environ, "PYTHONPATH": str(ROOT)})
        for rank in ("0", "1")
    ]
    assert [rank.wait(500) for rank in ranks] == [0, 0]
    for name in names:
        start = initial_weights(reduced(name, REDUCED[name]), 7, np.float64)
        one, two = (np.load(tmp_path / count / f"{name}.npz") for count in ("one", "two"))
        for weight in one:
            changed = np.abs(one[weight] - start[weight]).max()
            assert np.abs(two[weight] - one[weight]).max() <= 1e-4 * changed + 1e-12, (name, weight)
        assert any(np.abs(one[weight] - start[weight]).max() > 1e-3 for weight in one)
