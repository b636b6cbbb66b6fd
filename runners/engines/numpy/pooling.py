"""Pooling: windows are reduced along each row first, then the results along the other dimensions, one after the other."""

from __future__ import annotations

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
from runners.engines.numpy.reductions import Maximum, Reduction, Total


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
        self.y, rank = site.y, len(site.input_shape) - 1
        windows, strides = extents(layer.window, rank), extents(layer.stride, rank)
        # Where windows cover all, the gradient takes the place of what it belongs to, which is then still in the cache.
        plain = x.shape == self.input.shape and _covers_everything(x.shape, site.output_shape, windows, strides)
        self.overwrites_input = with_dx and plain
        if self.overwrites_input:
            dx = self.dx = x
        elif with_dx:
            dx, self.dx = padded(shape, margins, dtype, new=channels_within)
        self.reductions: list[Reduction] = []
        for axis in range(rank, 0, -1):
            between = (*x.shape[:axis], site.output_shape[axis], *x.shape[axis + 1 : -1])
            y = self.y if axis == 1 else channels_within((*between, site.n), dtype)
            self.reductions.append(reduction(x, y, dx, axis=axis, window=windows[axis - 1], stride=strides[axis - 1]))
            x = y
            if with_dx:
                dx = x if plain else channels_within((*between, site.n), dtype, fill=0)
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


def _covers_everything(shape: Shape, output_shape: Shape, windows: Shape, strides: Shape) -> bool:
    """Whether every pixel of (channels, *extents, n) belongs to a window."""
    each = zip(shape[1:-1], output_shape[1:], windows, strides, strict=True)
    return all(step <= wide and (count - 1) * step + wide >= extent for extent, count, wide, step in each)


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
