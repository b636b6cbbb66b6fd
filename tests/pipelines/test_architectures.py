"""The architectures of the literature have their published sizes, and train at a reduced one."""

from __future__ import annotations

import numpy as np
import pytest

from convspec.base import Shape
from convspec.costs import CrossEntropy
from convspec.data import Description
from convspec.loading import load
from convspec.optimizers import Sgd
from convspec.plan import plan
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from runners.randomness import stream
from runners.training.costs import cost_function
from runners.training.optimizers import optimizer

PARAMETERS = {
    "lenet_5": 61_706,  # the usual form of LeCun et al. 1998: 156 + 2,416 + 48,120 + 10,164 + 850
    "alexnet": 61_100_840,  # torchvision's documentation of alexnet
    "vgg_11": 132_863_336,  # torchvision's documentation of vgg11; 133 million in table 2 of the paper
    "resnet_20": 272_474,  # 0.27 million in table 6 of the paper; with projections and their normalizations
    "mobilenet": 4_231_976,  # trainable parameters in Keras's summary of MobileNet; 4.2 million in table 8 of the paper
    "inception": 6_624_904,  # torchvision's documentation of googlenet
    "dqn": 1_684_128 + 512 * 18 + 18,  # Mnih et al. 2015: 8,224 + 32,832 + 36,928 + 1,606,144, and the head
}
MILLION_MULTIPLY_ADDS = {"alexnet": 714, "vgg_11": 7_609, "mobilenet": 569}
"""torchvision's documentation gives 0.71 and 7.61 thousand million; 569 is in table 8 of the paper on MobileNet."""

REDUCED: dict[str, Shape] = {
    "lenet_5": (1, 28, 28),
    "alexnet": (3, 64, 64),
    "vgg_11": (3, 32, 32),
    "resnet_20": (3, 16, 16),
    "mobilenet": (3, 32, 32),
    "inception": (3, 32, 32),
    "dqn": (4, 44, 44),
}


@pytest.mark.parametrize(("name", "count"), PARAMETERS.items(), ids=PARAMETERS)
def test_parameters_are_as_many_as_published(name: str, count: int) -> None:
    assert load(name).plan.parameter_count == count


@pytest.mark.parametrize(("name", "millions"), MILLION_MULTIPLY_ADDS.items(), ids=MILLION_MULTIPLY_ADDS)
def test_multiply_adds_are_as_many_as_published(name: str, millions: int) -> None:
    assert round(load(name).plan.multiply_adds / 1e6) == millions


def test_every_module_of_inception_pools_before_its_last_projection() -> None:
    plan = load("inception").plan
    modules = [layer for layer in plan.layers if layer.kind == "branches"]
    assert len(modules) == 9
    assert round(plan.multiply_adds / 1e7) == 150  # torchvision's documentation gives 1.5 thousand million
    for module in modules:
        pooling, projection, *_ = module.stacks[3]
        assert (pooling.kind, projection.kind) == ("pooling", "convolution")
        assert pooling.input_shape == pooling.output_shape


@pytest.mark.parametrize(("name", "shape"), REDUCED.items(), ids=REDUCED)
def test_it_learns_a_few_pictures_at_a_reduced_size(name: str, shape: Shape) -> None:
    loaded = load(name)
    reduced = plan(loaded.pipeline.network, Description(shape, loaded.plan.data.classes))
    network = Network(reduced, initial_weights(reduced, 7))
    generator = np.random.default_rng(0)
    pictures, truth = generator.standard_normal((4, *shape), dtype=np.float32), np.arange(4)
    cost, rule = cost_function(CrossEntropy()), optimizer(Sgd(learning_rate=0.001), network.values.size)
    costs = []
    for turn in range(4):
        step = network.gradient(
            pictures,
            truth,
            cost,
            draw=lambda layer, chunk, turn=turn: stream(1, layer, turn, chunk),  # type: ignore[misc]
        )
        rule.update(network.values, step.gradient)
        network.running[:] = step.running
        costs.append(step.cost)
    assert np.isfinite(costs).all()
    assert min(costs[1:]) < costs[0]
