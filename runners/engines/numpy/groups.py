"""Convolution in groups: each feature sees some of the channels, one of them where the convolution is depthwise."""

from __future__ import annotations

from math import prod

import numpy as np

from convspec.base import extents
from convspec.layers.convolution import Convolution
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site
from runners.engines.numpy.patches import padded, patches


class GroupedConvolution(Operation):
    """One matrix product a group: its features (features of it, values of a patch) with the patches (values, positions)."""

    def __init__(self, layer: Convolution, site: Site) -> None:
        rank = len(site.input_shape) - 1
        size, stride, dilation = (extents(one, rank) for one in (layer.size, layer.stride, layer.dilation))
        channels, groups = site.input_shape[0], layer.groups
        self.outer, self.input = padded((*site.input_shape, site.n), layer.margins(site.input_shape), site.values.dtype)
        self.seen = patches(self.outer, size, stride, dilation)
        self.copies = site.empty(self.seen.shape[:-1])
        self.matrices = self.copies.reshape(groups, channels // groups * prod(size), -1)
        lines = self.matrices.shape[1]
        self.divisor = lines if layer.average else 1
        self.values = site.values.reshape(-1, layer.features)
        self.has_bias = layer.bias
        self.weight = self.values[:lines].reshape(lines, groups, -1).transpose(1, 0, 2)
        self.y, self.product = site.y, site.empty(site.output_shape)
        self.wants_dx = site.training and site.wants_dx
        self.in_groups = (groups, layer.features // groups, self.matrices.shape[2])
        if self.wants_dx:
            self.around, self.dx = padded(
                (*site.input_shape, site.n), layer.margins(site.input_shape), site.values.dtype
            )
            self.shares = site.empty(self.seen.shape[:-1])
            self.targets = patches(self.around, size, stride, dilation)

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        np.copyto(self.copies, self.seen)
        np.matmul(self.weight.transpose(0, 2, 1), self.matrices, self.product.reshape(self.in_groups))
        if self.divisor != 1:
            np.divide(self.product, self.divisor, self.product)
        if self.has_bias:
            np.add(self.product, self.values[-1].reshape(-1, *[1] * (self.product.ndim - 1)), self.product)
        np.copyto(self.y, self.product)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        scaled = np.ascontiguousarray(dy) if self.divisor == 1 else dy / self.divisor
        scaled = scaled.reshape(self.in_groups)
        if gradient is not None:
            self.fill_gradient(dy, scaled, gradient.reshape(self.values.shape))
        if not self.wants_dx:
            return None
        np.matmul(self.weight, scaled, self.shares.reshape(self.matrices.shape))
        self.around.fill(0)
        for place in np.ndindex(*self.seen.shape[1 : self.seen.ndim // 2]):
            at = (slice(None), *place)
            np.add(self.targets[at], self.shares[at], self.targets[at])
        return self.dx

    def fill_gradient(self, dy: Array, scaled: Array, gradient: Array) -> None:
        """The gradient of the weights of each group, and of the bias."""
        lines = self.matrices.shape[1]
        products = np.matmul(self.matrices, scaled.transpose(0, 2, 1))
        np.copyto(gradient[:lines].reshape(lines, *self.in_groups[:2]), products.transpose(1, 0, 2))
        if self.has_bias:
            np.sum(dy, axis=tuple(range(1, dy.ndim)), out=gradient[-1])
