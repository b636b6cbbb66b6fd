"""Random networks: planned shapes and parameters are those of PyTorch, and a network is refused where PyTorch refuses it."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings

from convspec.base import Shape
from convspec.data import Description
from convspec.layers import Convolution, FullyConnected, Layer, Pooling, Residual
from convspec.plan import PlanError, plan
from tests.engines.random_networks import CLASSES, RandomNetwork, networks
from tests.engines.test_torch_agreement import assert_close, both, cross_entropy, draw, examples

if find_spec("torch"):
    from tests.engines.meta import Rejected, shapes_of

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
]

often = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def planned(network: RandomNetwork) -> tuple[list[Shape], int] | None:
    """The shapes of all layers and the number of parameters; None where the plan refuses the network."""
    votes = tuple(f"class {index}" for index in range(CLASSES))
    try:
        made = plan(network.layers, Description(network.shape, votes, may_be_words=True))
    except PlanError:
        return None
    return [layer.output_shape for layer in made.every_layer], made.parameter_count


def by_torch(network: RandomNetwork) -> tuple[list[Shape], int] | None:
    """The same by PyTorch."""
    try:
        return shapes_of(network.layers, network.shape)
    except (Rejected, RuntimeError, ValueError):
        return None


def check(network: RandomNetwork) -> None:
    expected = by_torch(network)
    event("refused" if expected is None else "accepted")
    assert planned(network) == expected


@settings(often, max_examples=300)
@given(networks())
def test_a_random_network_is_planned_as_pytorch_has_it(network: RandomNetwork) -> None:
    check(network)


@pytest.mark.slow
@settings(often, max_examples=10_000)
@given(networks())
def test_many_random_networks_are_planned_as_pytorch_has_them(network: RandomNetwork) -> None:
    check(network)


@settings(often, max_examples=60)
@given(networks())
def test_both_engines_compute_what_is_planned(network: RandomNetwork) -> None:
    votes = tuple(f"class {index}" for index in range(CLASSES))
    try:
        made = plan(network.layers, Description(network.shape, votes, may_be_words=True))
    except PlanError:
        return
    x, truth = examples(made, 2, np.float64)
    told = []
    for net in both(made, np.float64):
        outputs = net.trace(x)
        assert [outputs[one.name].shape[1:] for one in made.every_layer] == [
            one.output_shape for one in made.every_layer
        ]
        net.values[:] = net.gradient(x, truth, cross_entropy, draw=draw).gradient
        told.append((outputs, net.weights))
    assert_close(told[0][0], told[1][0], 1e-8)
    assert_close(told[0][1], told[1][1], 1e-6)


VOTES = FullyConnected(neurons=CLASSES)


@pytest.mark.parametrize(
    ("layers", "shape", "expected"),
    [
        ([Convolution(features=2, size=3, stride=2, padding="same")], (1, 7, 8), ((2, 4, 4), 20 + 99)),
        ([Pooling(window=2, stride=2)], (3, 5), ((3, 3), 30)),
        ([Residual(layers=(Convolution(features=2, size=1, stride=2),))], (1, 5, 4), ((2, 3, 2), 4 + 2 + 39)),
        ([Convolution(features=2, size=4)], (1, 3), None),
        ([Pooling(window=(2, 2), stride=2)], (3, 5), None),
    ],
    ids=["same with stride", "hanging over", "projection", "too large", "a number too many"],
)
def test_the_comparison_knows_what_is_right(
    layers: list[Layer], shape: Shape, expected: tuple[Shape, int] | None
) -> None:
    """Shapes and parameters counted by hand, on both sides of it."""
    network = RandomNetwork((*layers, VOTES), shape)
    for found in (planned(network), by_torch(network)):
        assert (found and (found[0][-2], found[1])) == expected
