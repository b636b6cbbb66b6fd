"""Convolution as matrix products of the parameters with the patches of the picture."""

from __future__ import annotations

from math import prod

import numpy as np

from convspec.base import extents
from convspec.layers.convolution import Convolution
from runners.engines.engine import Array
from runners.engines.numpy.groups import GroupedConvolution
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation
from runners.engines.numpy.memory import is_dense
from runners.engines.numpy.patches import Block, PatchMatrix, narrow_columns, padded, patches, wide_columns
from runners.engines.numpy.weight_gradient import PatchGradient, fill_gradient
from runners.engines.numpy.winograd import WinogradConvolution, applies

KEPT_BYTES = 1 << 20
"""Above this, making the matrix again for the way back takes less time than fetching that of the way forward from memory."""

ADDING_TO_COPYING = 4
"""How much longer it takes to add up the patches of a picture than to copy them."""


class ConvolutionOperation(Operation):
    """y = weight * x + bias at every patch; x is (channels, *extents, n) and y (features, *positions, n)."""

    def __init__(self, layer: Convolution, site: Site) -> None:
        rank = len(site.input_shape) - 1
        size, stride, dilation = (extents(one, rank) for one in (layer.size, layer.stride, layer.dilation))
        self.divisor = prod((site.input_shape[0], *size)) if layer.average else 1
        outer, self.input = padded((*site.input_shape, site.n), layer.margins(site.input_shape), site.values.dtype)
        # The row of constants that brings in the bias is as large as the divisor, so that the bias is not divided.
        constant = self.divisor if layer.bias else None
        seen = patches(outer, size, stride, dilation)
        self.values = site.values.reshape(-1, layer.features)
        keep = site.training and seen.size * seen.itemsize <= KEPT_BYTES
        columns = narrow_columns(len(self.values), layer.features)
        self.matrix = PatchMatrix(seen, columns, constant=constant, keep=keep)
        again = site.training and not keep
        self.made_again = PatchGradient(seen, wide_columns(len(self.values)), constant=constant) if again else None
        self.y = site.y
        self.product = self.y if is_dense(self.y) else site.empty(site.output_shape)
        self.products = [(block, *_factor_and_product(block, self.product)) for block in self.matrix.blocks]
        self.input_gradient = _input_gradient(layer, site) if site.training and site.wants_dx else None

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        for block, factor, product in self.products:
            block.fill()
            np.matmul(self.values.T, factor, product)
        if self.divisor != 1:
            np.divide(self.product, self.divisor, self.product)
        if self.product is not self.y:
            np.copyto(self.y, self.product)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        dy = dy if self.divisor == 1 else dy / self.divisor
        if gradient is not None:
            self.fill_gradient(dy, gradient.reshape(self.values.shape))
        return None if self.input_gradient is None else self.input_gradient(dy)

    def fill_gradient(self, dy: Array, gradient: Array) -> None:
        """The gradient of the parameters, from the matrix of the way forward or from another one."""
        if self.made_again is not None:
            self.made_again.fill(np.ascontiguousarray(dy).reshape(len(dy), -1), gradient)
        elif self.matrix.whole is not None:
            fill_gradient(self.matrix.whole, dy, gradient)


class Correlation:
    """The gradient of the input as a convolution of dy with the features turned by half a turn; for stride 1."""

    def __init__(self, layer: Convolution, site: Site) -> None:
        channels, rank = site.input_shape[0], len(site.input_shape) - 1
        size, span = extents(layer.size, rank), layer.span(rank)
        before, after = (
            tuple(wide - 1 - margin for wide, margin in zip(span, side, strict=True))
            for side in layer.margins(site.input_shape)
        )
        outer, self.dy = padded((*site.output_shape, site.n), (before, after), site.values.dtype)
        seen = patches(outer, size, (1,) * rank, extents(layer.dilation, rank))
        turned = seen[(slice(None), *[slice(None, None, -1)] * rank)]
        # Features come last in a patch of dy, as they do in the parameters: these are the other factor as they stand.
        lines = prod(size) * layer.features
        features_last = (*range(1, rank + 1), 0, *range(rank + 1, turned.ndim))
        columns = narrow_columns(lines, channels)
        self.matrix = PatchMatrix(turned.transpose(features_last), columns, scratch=site.scratch)
        self.weight = site.values[: channels * lines].reshape(channels, lines)
        self.dx = site.empty(site.input_shape)

    def __call__(self, dy: Array) -> Array:
        np.copyto(self.dy, dy)
        dx = self.dx.reshape(len(self.dx), -1)
        for block in self.matrix.blocks:
            np.matmul(self.weight, block.fill(), dx[:, block.columns])
        return self.dx


class Scatter:
    """The gradient of the input as a sum over patches (col2im): each adds its share to the pixels that it covers."""

    def __init__(self, layer: Convolution, site: Site) -> None:
        rank = len(site.input_shape) - 1
        size, stride, dilation = (extents(one, rank) for one in (layer.size, layer.stride, layer.dilation))
        patch = (site.input_shape[0], *size)
        self.outer, self.dx = padded((*site.input_shape, site.n), layer.margins(site.input_shape), site.values.dtype)
        self.weight = site.values[: prod(patch) * layer.features].reshape(-1, layer.features)
        self.shares = site.empty((*patch, *site.output_shape[1:]))
        covered = patches(self.outer, size, stride, dilation)
        places = [(slice(None), *place) for place in np.ndindex(*size)]
        self.targets = [(covered[place], self.shares[place]) for place in places]

    def __call__(self, dy: Array) -> Array:
        np.matmul(self.weight, dy.reshape(len(dy), -1), self.shares.reshape(len(self.weight), -1))
        self.outer.fill(0)
        for target, share in self.targets:
            np.add(target, share, target)
        return self.dx


def _factor_and_product(block: Block, y: Array) -> tuple[Array, Array]:
    """What the features are multiplied by, and where the product goes: one matrix for all columns of a block, or one for each
    position, where y has the channels within a pixel."""
    if y.flags.c_contiguous:
        return block.matrix, y.reshape(len(y), -1)[:, block.columns]
    features, n = len(y), y.shape[-1]
    positions = slice(block.columns.start // n, block.columns.stop // n)
    by_position = block.matrix.reshape(len(block.matrix), -1, n).swapaxes(0, 1)
    return by_position, np.moveaxis(y, 0, -2).reshape(-1, features, n)[positions]


def _input_gradient(layer: Convolution, site: Site) -> Correlation | Scatter:
    """The cheaper way: copying the patches of dy (with stride 1 and margins below the size), or adding up those of x."""
    rank = len(site.input_shape) - 1
    fits = all(m < s for side in layer.margins(site.input_shape) for m, s in zip(side, layer.span(rank), strict=True))
    cheaper = layer.features <= ADDING_TO_COPYING * site.input_shape[0]
    dense = set(extents(layer.stride, rank)) == {1}
    return Correlation(layer, site) if dense and fits and cheaper else Scatter(layer, site)


@operation.register
def _(layer: Convolution, site: Site) -> Operation:
    if applies(layer, site):
        return WinogradConvolution(layer, site)
    return ConvolutionOperation(layer, site) if layer.groups == 1 else GroupedConvolution(layer, site)
