"""What tests of the engine share: a layer alone at a site of its own, and a whole network with random parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.data import Description
from convspec.layers import Layer
from convspec.layers.layer import Parameter, end_of
from convspec.plan import Plan, plan
from runners.engines.initial import initial_weights
from runners.engines.numpy.layer import Operation, Site, named_parameters, one_after_another, operation
from runners.engines.numpy.network import Network

Array = NDArray[Any]


DRAWN = ("weight", "projection", "variance")
"""Parameters whose first values are of use to tests; the others begin with constants."""


@dataclass(frozen=True)
class Alone:
    """One layer in double precision, with pictures (n, ...) in and out as everybody has them."""

    layer: Layer
    operation: Operation
    values: Array
    running: Array
    input_shape: Shape

    @property
    def parameters(self) -> dict[str, Array]:
        """Views of the parameters by name."""
        running = tuple(one for one in self.layer.parameters(self.input_shape) if one.kind == "running")
        learned_ones = named_parameters(self.layer, learned(self.layer, self.input_shape), self.values)
        return learned_ones | one_after_another(running, self.running)

    def forward(self, x: Array) -> Array:
        y, _ = self.operation.forward(np.moveaxis(x, 0, -1), lambda name: np.random.default_rng(3))
        return np.moveaxis(y, -1, 0).copy()

    def backward(self, x: Array, dy: Array) -> tuple[Array, Array]:
        """The gradient of the input (n, ...) and of the parameters in the order of `values`."""
        _, back = self.operation.forward(np.moveaxis(x, 0, -1), lambda name: np.random.default_rng(3))
        gradient = np.full_like(self.values, np.nan)
        dx = back(np.moveaxis(dy, 0, -1), gradient)
        assert dx is not None
        return np.moveaxis(dx, -1, 0).copy(), gradient


def learned(layer: Layer, shape: Shape) -> tuple[Parameter, ...]:
    """The parameters of a layer that are not running averages."""
    return tuple(one for one in layer.parameters(shape) if one.kind == "learned")


@pytest.fixture
def alone() -> Callable[..., Alone]:
    """Makes a layer for `n` pictures of a shape, with random parameters."""

    def make(layer: Layer, shape: Shape, n: int = 3, *, training: bool = True) -> Alone:
        generator = np.random.default_rng(1)
        values = generator.standard_normal(sum(prod(parameter.shape) for parameter in learned(layer, shape)))
        count = sum(prod(one.shape) for one in layer.parameters(shape) if one.kind == "running")
        running = generator.uniform(0.5, 2, count)
        site = Site("here", shape, layer.output_shape(shape), n, values, training=training, running=running)
        return Alone(layer, operation(layer, site), values, running, shape)

    return make


@pytest.fixture
def planned() -> Callable[..., Plan]:
    """Plans layers for pictures of a shape."""

    def make(layers: Sequence[Layer], shape: Shape = (1, 8, 8)) -> Plan:
        (classes,) = end_of(layers, shape)
        return plan(layers, Description(shape, tuple(f"class {i}" for i in range(classes)), may_be_words=True))

    return make


@pytest.fixture
def network(planned: Callable[..., Plan]) -> Callable[..., Network]:
    """Makes a network with random parameters, biases too."""

    def make(layers: Sequence[Layer], shape: Shape = (1, 8, 8), **options: Any) -> Network:
        made = planned(layers, shape)
        generator = np.random.default_rng(2)
        weights = {
            name: value if name.endswith(DRAWN) else 0.1 * generator.standard_normal(value.shape)
            for name, value in initial_weights(made, 7, np.float64).items()
        }
        return Network(made, weights, **{"dtype": np.float64, **options})

    return make
