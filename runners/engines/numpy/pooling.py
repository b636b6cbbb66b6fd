"""Pooling: windows are reduced along each row first, then the results along the other dimensions, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convspec.base import Shape, extents
from convspec.layers.pooling import GlobalPooling, Pooling
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation
from runners.engines.numpy.memory import channels_within
from runners.engines.numpy.patches import padded


class Reduction(ABC):
    """Windows along one axis of x, each reduced to one value of y. dx is None where no gradient will be asked for.

    `counts[i]` windows have a position i: fewer where the last ones hang over the edge. `x_at[i]` is position i of those.
    """

    def __init__(self, x: Array, y: Array, dx: Array | None, *, axis: int, window: int, stride: int) -> None:
        self.x, self.y, self.dx, self.axis, self.stride = x, y, dx, axis, stride
        extent, self.windows = x.shape[axis], y.shape[axis]
        self.counts = [min(self.windows, -(-(extent - i) // stride)) for i in range(min(window, extent))]
        self.later = range(1, len(self.counts))
        self.x_at = [self.position(i, x) for i in range(len(self.counts))]
        self.dx_at = [] if dx is None else [self.position(i, dx) for i in range(len(self.counts))]

    def position(self, i: int, array: Array) -> Array:
        """Position i of every window in an array like x."""
        return self.cut(array, slice(i, i + self.stride * (self.counts[i] - 1) + 1, self.stride))

    def first(self, count: int, array: Array) -> Array:
        """The first windows of an array like y."""
        return self.cut(array, slice(count))

    def cut(self, array: Array, part: slice) -> Array:
        return array[(slice(None),) * self.axis + (part,)]

    @abstractmethod
    def forward(self) -> None:
        """Fills y from x."""

    @abstractmethod
    def backward(self, dy: Array) -> None:
        """Fills dx from dy."""


class Maximum(Reduction):
    """The largest value of each window. The gradient goes to the first of several equal ones."""

    def __init__(self, x: Array, y: Array, dx: Array | None, *, axis: int, window: int, stride: int) -> None:
        super().__init__(x, y, dx, axis=axis, window=window, stride=stride)
        self.y_at = [self.first(count, y) for count in self.counts]
        # Position 1 is compared with the first value, each later one with the largest so far.
        self.so_far = [self.first(count, self.x_at[0] if i < 2 else y) for i, count in enumerate(self.counts)]
        self.exceeds = (
            [] if dx is None else [np.empty_like(view, bool, subok=False) for view in self.x_at[: len(self.y_at)]]
        )
        alone = self.counts[1] if self.later else 0
        self.lone_x, self.lone_y = (self.cut(array, slice(alone, None)) for array in (self.x_at[0], y))
        self.in_pairs = len(self.counts) == 2 and stride >= 2

    def forward(self) -> None:
        if self.lone_y.size:
            np.copyto(self.lone_y, self.lone_x)
        for i in self.later:
            if self.exceeds:
                np.greater(self.x_at[i], self.so_far[i], self.exceeds[i])
            np.maximum(self.so_far[i], self.x_at[i], out=self.y_at[i])

    def backward(self, dy: Array) -> None:
        if self.in_pairs:
            self.split_pairs(dy)
        elif self.dx is not None:
            self.dx.fill(0)
            rest = dy.copy()
            for i in reversed(self.later):
                left = self.first(self.counts[i], rest)
                share = left * self.exceeds[i]
                np.add(self.dx_at[i], share, self.dx_at[i])
                np.subtract(left, share, left)
            np.add(self.dx_at[0], rest, self.dx_at[0])

    def split_pairs(self, dy: Array) -> None:
        """The usual case, two values that no other window sees, without arrays in between."""
        count = self.counts[1]
        if count < self.windows:
            np.copyto(self.cut(self.dx_at[0], slice(count, None)), self.cut(dy, slice(count, None)))
            dy = self.first(count, dy)
        np.multiply(dy, self.exceeds[1], self.dx_at[1])
        np.subtract(dy, self.dx_at[1], self.first(count, self.dx_at[0]))


class Total(Reduction):
    """The sum of each window."""

    def forward(self) -> None:
        np.copyto(self.y, self.x_at[0])
        for i in self.later:
            y = self.first(self.counts[i], self.y)
            np.add(y, self.x_at[i], y)

    def backward(self, dy: Array) -> None:
        if self.dx is not None:
            self.dx.fill(0)
        for dx, count in zip(self.dx_at, self.counts, strict=False):
            np.add(dx, self.first(count, dy), dx)


class PoolingOperation(Operation):
    """y (channels, *positions, n) from x (channels, *extents, n). What lies beyond x is 0 for a sum and below everything for a
    maximum."""

    def __init__(self, layer: Pooling, site: Site) -> None:
        with_dx, dtype = site.training and site.wants_dx, site.values.dtype
        shape, margins = (*site.input_shape, site.n), layer.margins(site.input_shape)
        reduction, beyond = (Maximum, -np.inf) if layer.reduce == "max" else (Total, 0)
        x, self.input = padded(shape, margins, dtype, fill=beyond, new=channels_within)
        dx: Array | None = None
        self.dx: Array | None = None
        if with_dx:
            dx, self.dx = padded(shape, margins, dtype, new=channels_within)
        self.y, rank = site.y, len(site.input_shape) - 1
        windows, strides = extents(layer.window, rank), extents(layer.stride, rank)
        self.reductions: list[Reduction] = []
        for axis in range(rank, 0, -1):
            between = (*x.shape[:axis], site.output_shape[axis], *x.shape[axis + 1 : -1])
            y = self.y if axis == 1 else channels_within((*between, site.n), dtype)
            self.reductions.append(reduction(x, y, dx, axis=axis, window=windows[axis - 1], stride=strides[axis - 1]))
            x, dx = y, channels_within((*between, site.n), dtype, fill=0) if with_dx else None
        covered = _covered(layer, site.input_shape, site.output_shape).astype(dtype)
        self.covered = covered if layer.reduce == "average" else None

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        for reduction in self.reductions:
            reduction.forward()
        if self.covered is not None:
            np.divide(self.y, self.covered, self.y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        if self.dx is None:
            return None
        dy = dy if self.covered is None else dy / self.covered
        for reduction in reversed(self.reductions):
            reduction.backward(dy)
            assert reduction.dx is not None
            dy = reduction.dx
        return self.dx


class GlobalAverage(Operation):
    """y (channels, 1, ..., n) from x (channels, *extents, n)."""

    def __init__(self, site: Site) -> None:
        self.input, self.y = site.empty(site.input_shape), site.y
        self.axes = tuple(range(1, len(site.input_shape)))
        self.pixels = prod(site.input_shape[1:])
        self.dx = site.empty(site.input_shape) if site.training and site.wants_dx else None

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        np.sum(x, axis=self.axes, keepdims=True, out=self.y)
        np.divide(self.y, self.pixels, self.y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        return None if self.dx is None else np.divide(dy, self.pixels, self.dx)


def _covered(layer: Pooling, input_shape: Shape, output_shape: Shape) -> NDArray[np.integer[Any]]:
    """How many pixels each window really covers: (*positions, 1)."""
    rank, (margins, _) = len(input_shape) - 1, layer.margins(input_shape)
    windows, strides = extents(layer.window, rank), extents(layer.stride, rank)
    sides = []
    for count, stride, window, extent, before in zip(
        output_shape[1:], strides, windows, input_shape[1:], margins, strict=True
    ):
        start = np.arange(count) * stride - before
        sides.append(np.minimum(start + window, extent) - np.maximum(start, 0))
    return reduce(np.multiply.outer, sides)[..., np.newaxis]


@operation.register
def _(layer: Pooling, site: Site) -> Operation:
    return PoolingOperation(layer, site)


@operation.register
def _(layer: GlobalPooling, site: Site) -> Operation:
    if layer.reduce == "average":
        return GlobalAverage(site)
    return PoolingOperation(Pooling(window=site.input_shape[1:], stride=site.input_shape[1:]), site)
