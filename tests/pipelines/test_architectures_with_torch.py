"""The architectures of the literature train with PyTorch as with the numpy engine, at a reduced size."""

from __future__ import annotations

from importlib.util import find_spec
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
from runners.randomness import stream
from runners.training.costs import cost_function
from runners.training.optimizers import optimizer
from tests.pipelines.test_architectures import REDUCED

if find_spec("torch"):
    from runners.engines.torch.network import Network

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed"),
]
Array = NDArray[Any]
cross_entropy = cost_function(CrossEntropy())
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
