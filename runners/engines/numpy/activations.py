"""Activations: each value on its own goes through one function, with softmax that of all channels together."""

from __future__ import annotations

from abc import abstractmethod
from math import pi, sqrt

import numpy as np

from convspec.layers.activations import Gelu, LeakyRelu, Relu, Sigmoid, Silu, Softmax, Tanh
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation
from runners.engines.numpy.memory import is_dense, new_like


class Activation(Operation):
    """A function that keeps the shape, computed in place where the next layer's array allows it; its gradient needs the output
    alone."""

    def __init__(self, site: Site) -> None:
        self.y = site.empty(site.output_shape) if site.training and site.output_is_overwritten else site.y
        self.overwrites_input = is_dense(self.y)
        self.input = self.y if self.overwrites_input else site.empty(site.input_shape)
        self.dx = new_like(self.input) if site.training and site.wants_dx else None

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
        self.zeros = new_like(self.y, fill=0)  # compared with a single zero, maximum takes twice as long
        self.positive = new_like(self.y, dtype=bool) if site.training else np.empty(0, bool)

    def apply(self, x: Array, y: Array) -> None:
        np.maximum(x, self.zeros, out=y)

    def apply_gradient(self, dy: Array, dx: Array) -> None:
        np.greater(self.y, 0, self.positive)
        np.multiply(dy, self.positive, dx)


class LeakyReluOperation(Activation):
    def __init__(self, layer: LeakyRelu, site: Site) -> None:
        super().__init__(site)
        self.slope = layer.slope
        self.factors = new_like(self.y)

    def apply(self, x: Array, y: Array) -> None:
        np.less(x, 0, self.factors, casting="unsafe")
        np.multiply(self.factors, self.slope - 1, self.factors)
        np.add(self.factors, 1, self.factors)
        np.multiply(x, self.factors, y)

    def apply_gradient(self, dy: Array, dx: Array) -> None:
        np.multiply(dy, self.factors, dx)


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


class Smooth(Activation):
    """x * share(x), whose slope is kept on the way forward, because the output does not tell the input."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.share, self.slope = (new_like(self.y) for _ in range(2))

    def apply_gradient(self, dy: Array, dx: Array) -> None:
        np.multiply(dy, self.slope, dx)


class SiluOperation(Smooth):
    def apply(self, x: Array, y: Array) -> None:
        """With s = sigmoid(x), y = x * s and the slope is s + y * (1 - s)."""
        share, slope = self.share, self.slope
        np.maximum(x, -80, out=share)  # keeps exp(-x) within float32
        np.negative(share, share)
        np.exp(share, share)
        np.add(share, 1, share)
        np.reciprocal(share, share)
        np.multiply(x, share, y)
        np.subtract(1, share, slope)
        np.multiply(slope, y, slope)
        np.add(slope, share, slope)


class GeluOperation(Smooth):
    def __init__(self, site: Site) -> None:
        from scipy.special import erf  # takes long to import, and only this layer needs it

        super().__init__(site)
        self.erf = erf

    def apply(self, x: Array, y: Array) -> None:
        """With s = (1 + erf(x / sqrt(2))) / 2, y = x * s and the slope is s + x * exp(-x^2 / 2) / sqrt(2 pi)."""
        share, slope = self.share, self.slope
        np.multiply(x, sqrt(0.5), share)
        np.square(share, slope)
        np.negative(slope, slope)
        np.exp(slope, slope)
        np.multiply(slope, 1 / sqrt(2 * pi), slope)
        np.multiply(slope, x, slope)
        self.erf(share, share)
        np.add(share, 1, share)
        np.multiply(share, 0.5, share)
        np.add(slope, share, slope)
        np.multiply(x, share, y)


class SoftmaxOperation(Activation):
    """y = exp(x) / sum(exp(x)) over the first axis."""

    def apply(self, x: Array, y: Array) -> None:
        np.subtract(x, x.max(axis=0), y)
        np.exp(y, y)
        np.divide(y, y.sum(axis=0), y)

    def apply_gradient(self, dy: Array, dx: Array) -> None:
        np.multiply(dy, self.y, dx)
        np.subtract(dy, dx.sum(axis=0), dx)
        np.multiply(dx, self.y, dx)


@operation.register
def _(layer: Relu, site: Site) -> Operation:
    return ReluOperation(site)


@operation.register
def _(layer: Sigmoid, site: Site) -> Operation:
    return SigmoidOperation(site)


@operation.register
def _(layer: Tanh, site: Site) -> Operation:
    return TanhOperation(site)


@operation.register
def _(layer: LeakyRelu, site: Site) -> Operation:
    return LeakyReluOperation(layer, site)


@operation.register
def _(layer: Gelu, site: Site) -> Operation:
    return GeluOperation(site)


@operation.register
def _(layer: Silu, site: Site) -> Operation:
    return SiluOperation(site)


@operation.register
def _(layer: Softmax, site: Site) -> Operation:
    return SoftmaxOperation(site)
