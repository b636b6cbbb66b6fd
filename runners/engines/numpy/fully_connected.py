"""Fully connected: one matrix product forward, two backward."""

from __future__ import annotations

from math import prod

import numpy as np

from convspec.layers.fully_connected import FullyConnected
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation
from runners.engines.numpy.memory import aligned


class FullyConnectedOperation(Operation):
    """y = weight @ x + bias, with x (inputs, n) and y (neurons, n)."""

    def __init__(self, layer: FullyConnected, site: Site) -> None:
        inputs = prod(site.input_shape)
        self.x = aligned((inputs + layer.bias, site.n), site.values.dtype, fill=1)
        self.input = self.x[:inputs].reshape((*site.input_shape, site.n))
        self.values = site.values.reshape(-1, layer.neurons)
        self.weight = self.values[:inputs]
        self.y = site.y
        self.dx = site.empty((inputs,)) if site.training and site.wants_dx else None

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        np.matmul(self.values.T, self.x, self.y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        if gradient is not None:
            np.matmul(self.x, dy.T, gradient.reshape(self.values.shape))
        if self.dx is None:
            return None
        np.matmul(self.weight, dy, self.dx)
        return self.dx.reshape(self.input.shape)


@operation.register
def _(layer: FullyConnected, site: Site) -> Operation:
    return FullyConnectedOperation(layer, site)
