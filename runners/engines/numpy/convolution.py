"""Convolution as matrix products of the parameters with the patches of the picture."""

from __future__ import annotations

from math import prod

import numpy as np

from convspec.base import pair
from convspec.layers.convolution import Convolution
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation
from runners.engines.numpy import patches as PT
from runners.engines.numpy.patches import blocks, padded, patches


class ConvolutionOperation(Operation):
    """y[f] = sum over a patch of weight[f] * x + bias[f], for x (channels, height, width, n) and y (features, rows, columns, n)."""

    def __init__(self, layer: Convolution, site: Site) -> None:
        self.divisor = prod((site.input_shape[0], *pair(layer.size))) if layer.average else 1
        margins = layer.margins(site.input_shape)
        outer, self.input = padded((*site.input_shape, site.n), margins, site.values.dtype)
        # A constant row as large as the divisor keeps the bias out of the average.
        constant = self.divisor if layer.bias else None
        seen = patches(outer, pair(layer.size), pair(layer.stride))
        self.keep = PT.KEPT_BYTES >= seen.size * seen.itemsize
        self.blocks = blocks(seen, constant=constant, keep=self.keep)
        self.values = site.values.reshape(-1, layer.features)
        self.part = np.empty_like(self.values)
        self.y = site.y
        self.product = self.y if self.y.flags.c_contiguous else site.empty(site.output_shape)
        self.dy = site.empty(site.output_shape)
        self.input_gradient = _input_gradient(layer, site) if site.training and site.wants_dx else None

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        y = self.product.reshape(len(self.product), -1)
        for block in self.blocks:
            np.matmul(self.values.T, block.fill(), y[:, block.columns])
        if self.divisor != 1:
            np.divide(y, self.divisor, y)
        if self.product is not self.y:
            np.copyto(self.y, self.product)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        if self.divisor != 1:
            dy = np.divide(dy, self.divisor, self.dy)
        elif not dy.flags.c_contiguous:
            np.copyto(self.dy, dy)
            dy = self.dy
        if gradient is not None:
            self.fill_gradient(dy.reshape(len(dy), -1), gradient.reshape(self.values.shape))
        return None if self.input_gradient is None else self.input_gradient(dy)

    def fill_gradient(self, dy: Array, gradient: Array) -> None:
        """The gradient of the parameters; a single block still holds the patches of the way forward."""
        for i, block in enumerate(self.blocks):
            matrix = block.matrix if self.keep else block.fill()
            np.matmul(matrix, dy[:, block.columns].T, self.part if i else gradient)
            if i:
                np.add(gradient, self.part, gradient)


class Correlation:
    """The gradient of the input as a convolution of dy with the features turned by half a turn; for stride 1."""

    def __init__(self, layer: Convolution, site: Site) -> None:
        size = pair(layer.size)
        margins = layer.margins(site.input_shape)
        around = tuple(tuple(s - 1 - m for s, m in zip(size, side, strict=True)) for side in margins)
        outer, self.dy = padded((*site.output_shape, site.n), around, site.values.dtype)
        seen = patches(outer, size, (1, 1))[:, ::-1, ::-1]
        # With the features innermost, the parameters are the other factor as they are.
        self.blocks = blocks(seen.transpose(1, 2, 0, 3, 4, 5))
        self.weight = site.values[: site.input_shape[0] * prod(size) * layer.features].reshape(site.input_shape[0], -1)
        self.dx = site.empty(site.input_shape)

    def __call__(self, dy: Array) -> Array:
        np.copyto(self.dy, dy)
        dx = self.dx.reshape(len(self.dx), -1)
        for block in self.blocks:
            np.matmul(self.weight, block.fill(), dx[:, block.columns])
        return self.dx


class Scatter:
    """The gradient of the input as a sum over patches (col2im): each gives its share to the pixels that it covers."""

    def __init__(self, layer: Convolution, site: Site) -> None:
        size, stride = pair(layer.size), pair(layer.stride)
        _, rows, columns = site.output_shape
        self.outer, self.dx = padded((*site.input_shape, site.n), layer.margins(site.input_shape), site.values.dtype)
        self.weight = site.values[: site.input_shape[0] * prod(size) * layer.features].reshape(-1, layer.features)
        self.shares = site.empty((site.input_shape[0], *size, rows, columns))
        self.targets = [
            (
                self.shares[:, i, j],
                self.outer[:, i : i + rows * stride[0] : stride[0], j : j + columns * stride[1] : stride[1]],
            )
            for i in range(size[0])
            for j in range(size[1])
        ]

    def __call__(self, dy: Array) -> Array:
        np.matmul(self.weight, dy.reshape(len(dy), -1), self.shares.reshape(len(self.weight), -1))
        self.outer.fill(0)
        for share, target in self.targets:
            np.add(target, share, target)
        return self.dx


def _input_gradient(layer: Convolution, site: Site) -> Correlation | Scatter:
    """The cheaper of the two ways: copying the patches of dy against adding up those of x, which takes about five times as long."""
    size = pair(layer.size)
    fits = all(m < s for side in layer.margins(site.input_shape) for m, s in zip(side, size, strict=True))
    if pair(layer.stride) == (1, 1) and fits and site.output_shape[0] <= 5 * site.input_shape[0]:
        return Correlation(layer, site)
    return Scatter(layer, site)


@operation.register
def _(layer: Convolution, site: Site) -> Operation:
    return ConvolutionOperation(layer, site)
