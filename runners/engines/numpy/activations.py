"""Activations: each value on its own goes through one function; the gradient needs the output alone."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from convspec.layers.activations import Relu, Sigmoid, Tanh
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation


class Activation(Operation):
    """An elementwise function, computed in place where the next layer's array allows it."""

    def __init__(self, site: Site) -> None:
        self.y = site.empty(site.output_shape) if site.training and site.output_is_overwritten else site.y
        self.overwrites_input = self.y.flags.c_contiguous
        self.input = self.y if self.overwrites_input else site.empty(site.input_shape)
        self.dx = site.empty(site.input_shape) if site.training and site.wants_dx else None

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.apply(x, self.y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        if self.dx is not None:
            self.apply_gradient(dy, self.dx)
        return self.dx

    @abstractmethod
    def apply(self, x: Array, y: Array) -> None:
        """Fills y, which may be x."""

    @abstractmethod
    def apply_gradient(self, dy: Array, dx: Array) -> None:
        """Fills dx."""


class ReluOperation(Activation):
    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.zeros = site.zeros(site.output_shape)  # compared with a single zero, maximum takes twice as long
        self.positive = np.empty(self.y.shape if site.training else 0, bool)

    def apply(self, x: Array, y: Array) -> None:
        np.maximum(x, self.zeros, out=y)

    def apply_gradient(self, dy: Array, dx: Array) -> None:
        np.greater(self.y, 0, self.positive)
        np.multiply(dy, self.positive, dx)


class SigmoidOperation(Activation):
    def apply(self, x: Array, y: Array) -> None:
        np.maximum(x, -80, out=y)  # keeps exp(-x) within float32
        np.negative(y, y)
        np.exp(y, y)
        np.add(y, 1, y)
        np.reciprocal(y, y)

    def apply_gradient(self, dy: Array, dx: Array) -> None:
        np.subtract(1, self.y, dx)
        np.multiply(dx, self.y, dx)
        np.multiply(dx, dy, dx)


class TanhOperation(Activation):
    def apply(self, x: Array, y: Array) -> None:
        np.tanh(x, y)

    def apply_gradient(self, dy: Array, dx: Array) -> None:
        np.square(self.y, dx)
        np.subtract(1, dx, dx)
        np.multiply(dx, dy, dx)


@operation.register
def _(layer: Relu, site: Site) -> Operation:
    return ReluOperation(site)


@operation.register
def _(layer: Sigmoid, site: Site) -> Operation:
    return SigmoidOperation(site)


@operation.register
def _(layer: Tanh, site: Site) -> Operation:
    return TanhOperation(site)
