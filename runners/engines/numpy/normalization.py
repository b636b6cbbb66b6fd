"""Normalizations: the statistics of different pieces of x, and one way back for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod

import numpy as np

from convspec.base import Shape
from convspec.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    LocalResponseNormalization,
    Normalization,
)
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation


class Normalized(Operation, ABC):
    """y = (x - mean) / sqrt(variance + epsilon) * scale + shift.

    `pieces` is x seen so that mean and variance are taken over `axes`, and `scaled` so that the first axis is that of scales.
    """

    axes: tuple[int, ...] = (1,)

    def __init__(self, layer: Normalization, site: Site) -> None:
        self.epsilon = layer.epsilon
        self.input, self.y = site.empty(site.input_shape), site.y
        self.scale, self.shift = site.values.reshape(2, -1, 1, 1)
        self.normal, self.product = (site.empty(site.input_shape) for _ in range(2))
        self.pieces = self.pieces_of(site.input_shape, site.n)
        self.scaled = (self.scale.shape[0], prod(site.input_shape) // self.scale.shape[0], site.n)
        self.inverse = np.empty(0, site.values.dtype)
        self.dx = site.empty(site.input_shape) if site.training and site.wants_dx else None

    @abstractmethod
    def pieces_of(self, shape: Shape, n: int) -> Shape:
        """The shape of `pieces`."""

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        pieces, normal = self.input.reshape(self.pieces), self.normal.reshape(self.pieces)
        mean, variance = self.statistics(pieces, normal)
        self.inverse = 1 / np.sqrt(variance + self.epsilon)
        np.subtract(pieces, mean, normal)
        np.multiply(normal, self.inverse, normal)
        product = np.multiply(self.normal.reshape(self.scaled), self.scale, self.product.reshape(self.scaled))
        np.add(product, self.shift, product)
        np.copyto(self.y, self.product)
        return self.y, self.backward

    def statistics(self, pieces: Array, scratch: Array) -> tuple[Array, Array]:
        """Mean and variance, each with the axes of `pieces`; `scratch` is filled with whatever."""
        mean = pieces.mean(axis=self.axes, keepdims=True)
        np.subtract(pieces, mean, scratch)
        np.square(scratch, scratch)
        return mean, scratch.mean(axis=self.axes, keepdims=True)

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        dy = np.ascontiguousarray(dy).reshape(self.scaled)
        product = np.multiply(dy, self.normal.reshape(self.scaled), self.product.reshape(self.scaled))
        if gradient is not None:
            dscale, dshift = gradient.reshape(2, -1)
            np.sum(product, axis=(1, 2), out=dscale)
            np.sum(dy, axis=(1, 2), out=dshift)
        if self.dx is None:
            return None
        np.multiply(product, self.scale, product)
        np.multiply(dy, self.scale, self.dx.reshape(self.scaled))
        dx, pieces = self.dx.reshape(self.pieces), self.product.reshape(self.pieces)
        share = pieces.mean(axis=self.axes, keepdims=True)
        np.subtract(dx, dx.mean(axis=self.axes, keepdims=True), dx)
        np.subtract(dx, np.multiply(self.normal.reshape(self.pieces), share, pieces), dx)
        np.multiply(dx, self.inverse, dx)
        return self.dx


class LayerOperation(Normalized):
    """Over all values of an example."""

    def pieces_of(self, shape: Shape, n: int) -> Shape:
        return (1, prod(shape), n)


class GroupOperation(Normalized):
    """Over the channels of a group, for each example."""

    def __init__(self, layer: GroupNormalization, site: Site) -> None:
        self.groups = layer.groups
        super().__init__(layer, site)

    def pieces_of(self, shape: Shape, n: int) -> Shape:
        return (self.groups, prod(shape) // self.groups, n)


class BatchOperation(Normalized):
    """Over all pixels of a channel in the batch; outside training, by the running averages."""

    axes = (1, 2)

    def __init__(self, layer: BatchNormalization, site: Site) -> None:
        super().__init__(layer, site)
        self.momentum, self.training, self.running = layer.momentum, site.training, site.running
        self.after = np.empty_like(site.running)

    def pieces_of(self, shape: Shape, n: int) -> Shape:
        return (shape[0], prod(shape[1:]), n)

    def statistics(self, pieces: Array, scratch: Array) -> tuple[Array, Array]:
        if not self.training:
            mean, variance = self.running.reshape(2, -1, 1, 1)
            return mean, variance
        mean, variance = super().statistics(pieces, scratch)
        count = prod(pieces.shape[1:])
        newest = np.concatenate([mean.ravel(), variance.ravel() * (count / max(count - 1, 1))])
        np.add((1 - self.momentum) * self.running, self.momentum * newest, self.after)
        return mean, variance

    def running_after(self) -> list[Array]:
        return [self.after]


class LocalResponse(Operation):
    """y = x / d^beta, d = k + alpha / size * (sum of x^2 over the channels from size // 2 before to (size - 1) // 2 after)."""

    def __init__(self, layer: LocalResponseNormalization, site: Site) -> None:
        self.layer, self.y = layer, site.y
        self.input = site.empty(site.input_shape)
        self.divisor, self.power, self.product = (site.empty(site.input_shape) for _ in range(3))
        self.dx = site.empty(site.input_shape) if site.training and site.wants_dx else None
        self.before, self.after = layer.size // 2, (layer.size - 1) // 2

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        _sum_of_neighbours(np.square(self.input, self.product), self.divisor, before=self.before, after=self.after)
        np.multiply(self.divisor, self.layer.alpha / self.layer.size, self.divisor)
        np.add(self.divisor, self.layer.k, self.divisor)
        np.power(self.divisor, -self.layer.beta, self.power)
        np.multiply(self.input, self.power, self.y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        if self.dx is None:
            return None
        product, dx = self.product, self.dx
        np.multiply(dy, self.input, product)
        np.multiply(product, self.power, product)
        np.divide(product, self.divisor, product)
        _sum_of_neighbours(product, dx, before=self.after, after=self.before)
        np.multiply(dx, -2 * self.layer.beta * self.layer.alpha / self.layer.size, dx)
        np.multiply(dx, self.input, dx)
        np.add(dx, np.multiply(dy, self.power, product), dx)
        return dx


def _sum_of_neighbours(x: Array, y: Array, *, before: int, after: int) -> None:
    """Fills y with the sums of x over neighbours along the first axis, where there are any."""
    np.copyto(y, x)
    for step in range(1, min(before, len(x) - 1) + 1):
        np.add(y[step:], x[:-step], y[step:])
    for step in range(1, min(after, len(x) - 1) + 1):
        np.add(y[:-step], x[step:], y[:-step])


@operation.register
def _(layer: LayerNormalization, site: Site) -> Operation:
    return LayerOperation(layer, site)


@operation.register
def _(layer: GroupNormalization, site: Site) -> Operation:
    return GroupOperation(layer, site)


@operation.register
def _(layer: BatchNormalization, site: Site) -> Operation:
    return BatchOperation(layer, site)


@operation.register
def _(layer: LocalResponseNormalization, site: Site) -> Operation:
    return LocalResponse(layer, site)
