"""Convolution of pictures at stride 1 with fewer multiplications: by Toom and Cook along each row, as a sum down the column."""

from __future__ import annotations

from typing import Any

import numpy as np

from convspec.base import extents
from convspec.layers.convolution import Convolution
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site
from runners.engines.numpy.memory import Scratch, aligned
from runners.engines.numpy.patches import padded, patches, wide_columns
from runners.engines.numpy.tiles import (
    by_row,
    flat,
    most_rows,
    news,
    pairs_in_tiles,
    row_blocks,
    stacked,
    tiles_across,
    tiles_of,
)
from runners.engines.numpy.toom_cook import OUTPUTS, toom_cook
from runners.engines.numpy.weight_gradient import PatchGradient
from runners.engines.numpy.winograd_gradients import Features, InputGradient, WeightGradient

SIZES = (3, 5)
"""Along a row. Even sizes are rare, smaller ones gain little, and larger ones round too much."""

FEWEST_VALUES, FEWEST_FEATURES, FEWEST_PRODUCTS = 32, 8, 3_000_000
"""Products of smaller matrices, or fewer of them, do not pay for what comes before and after them."""

LARGEST_SHARE = 0.75
"""Of the multiplications by definition, with what hangs over the right edge."""

LARGEST_GRADIENT = 4096
"""Values of a gradient for one product, from which adding up those of all rows takes longer than multiplying saves."""


def applies(layer: Convolution, site: Site) -> bool:
    """Whether a convolution is faster this way, judged by its shape alone."""
    if len(site.input_shape) != 3 or layer.groups != 1 or layer.average:
        return False
    (high, wide), (_, height, width) = extents(layer.size, 2), site.output_shape
    if {*extents(layer.stride, 2), *extents(layer.dilation, 2)} != {1} or wide not in SIZES:
        return False
    across = (wide + 1) * tiles_across(width)
    values = site.input_shape[0] * high
    return (
        across <= LARGEST_SHARE * wide * width
        and values >= FEWEST_VALUES
        and layer.features >= FEWEST_FEATURES
        and across * height * values * layer.features * site.n >= FEWEST_PRODUCTS
    )


class WinogradConvolution(Operation):
    """y (features, height, width, n) = weight * x + bias, for x (channels, height, width, n)."""

    def __init__(self, layer: Convolution, site: Site) -> None:
        high, wide = extents(layer.size, 2)
        channels, (features, height, width), dtype = site.input_shape[0], site.output_shape, site.values.dtype
        way, tiles = toom_cook(wide, dtype), tiles_across(width)
        (above, left), (below, right) = layer.margins(site.input_shape)
        margins = (above, left), (below, right + OUTPUTS * tiles - width)
        outer, self.input = padded((*site.input_shape, site.n), margins, dtype)
        self.features = Features(site.values, (channels, high, wide, features), way, has_bias=layer.bias)
        self.way, self.y = way, site.y
        seen = tiles_of(outer, way.products, tiles)
        self.x = aligned((way.products, len(seen), channels, tiles * site.n), dtype)
        self.blocks = self._blocks(seen, self.x, site.scratch)
        self.dy: Array | None = None
        if site.training:
            self.dy = site.scratch.empty("dy", (height, OUTPUTS, features, tiles, site.n), dtype)
            self.beyond = self.dy[:, OUTPUTS - (OUTPUTS * tiles - width) :, :, -1]  # what hangs over the right edge
        self.gradient: WeightGradient | PatchGradient | None = None
        if site.training and high * channels * features > LARGEST_GRADIENT:
            seen = patches(outer[:, :, : width + wide - 1], (high, wide), (1, 1), (1, 1))
            self.gradient = PatchGradient(seen, wide_columns(high * wide * channels), scratch=site.scratch)
        elif self.dy is not None:
            self.gradient = WeightGradient(self.features, self.x, self.dy, site.scratch)
        self.input_gradient: InputGradient | None = None
        if self.dy is not None and site.wants_dx:
            self.input_gradient = InputGradient(
                self.features, self.dy, site.input_shape, site.scratch, margins=(above, left)
            )

    def _blocks(self, seen: Array, x: Array, scratch: Scratch) -> list[tuple[Any, ...]]:
        """For each part: tiles and where they are copied to, their values; the matrices to multiply, the products and their
        sums; and where in y which of these go."""
        (products, _, _, columns), (_, high, _, features) = x.shape, self.features.form
        height, tiles, n = self.y.shape[1], *seen.shape[-2:]
        blocks = row_blocks(height, products * features * columns * x.itemsize)
        new = news(blocks, high)
        tiled = scratch.empty("tiles", (most_rows(new), *seen.shape[1:]), x.dtype)
        multiplied = scratch.empty("products", (most_rows(blocks), products, features, columns), x.dtype)
        sums = scratch.empty("sums", (most_rows(blocks), OUTPUTS, features, tiles, n), x.dtype)
        found: list[tuple[Any, ...]] = []
        for rows, arriving in zip(blocks, new, strict=True):
            copies, m, s = (
                tiled[: arriving.stop - arriving.start],
                multiplied[: rows.stop - rows.start],
                sums[: rows.stop - rows.start],
            )
            found.append(
                (
                    *(seen[arriving], copies, flat(copies), by_row(x[:, arriving])),
                    *(stacked(x, high)[:, rows], m.swapaxes(0, 1), flat(m), flat(s)),
                    pairs_in_tiles(self.y[:, rows], s.transpose(2, 0, 3, 1, 4)),
                )
            )
        return found

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        weight = self.features.at_products().swapaxes(1, 2)[:, None]
        bias = self.features.bias
        for seen, copies, tiled, values, matrices, products, by_product, by_result, placed in self.blocks:
            np.copyto(copies, seen)
            np.matmul(self.way.values, tiled, values)
            np.matmul(weight, matrices, products)
            np.matmul(self.way.results, by_product, by_result)
            for y, sums in placed:
                np.add(sums, bias, y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        assert self.dy is not None
        self.beyond.fill(0)
        for part, tiles in pairs_in_tiles(dy, self.dy.transpose(2, 0, 3, 1, 4)):
            np.copyto(tiles, part)
        if gradient is not None:
            lines = gradient.reshape(-1, len(dy))
            if self.features.has_bias:
                np.sum(dy, axis=(1, 2, 3), out=lines[-1])
            if isinstance(self.gradient, PatchGradient):
                self.gradient.fill(np.ascontiguousarray(dy).reshape(len(dy), -1), self.features.lines_of(lines))
            elif self.gradient is not None:
                self.gradient.fill(self.features.lines_of(lines))
        return None if self.input_gradient is None else self.input_gradient()
