"""The ways back of a convolution by Toom and Cook: from dy, cut into tiles, to the features and to x."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from convspec.base import Shape
from runners.engines.engine import Array
from runners.engines.numpy.memory import Scratch, aligned
from runners.engines.numpy.tiles import by_row, flat, in_tiles, most_rows, row_blocks, stacked
from runners.engines.numpy.toom_cook import OUTPUTS, ToomCook


class Features:
    """The parameters: lines (channels, high, wide) by features, in that `form`, and a line for the bias below."""

    def __init__(self, values: Array, form: tuple[int, int, int, int], way: ToomCook, *, has_bias: bool) -> None:
        self.values, self.form, self.way = values.reshape(-1, form[-1]), form, way
        self.has_bias = has_bias
        self.bias: Array | float = self.values[-1].reshape(-1, 1, 1, 1, 1) if has_bias else 0.0

    def lines_of(self, array: Array) -> Array:
        """What stands for the weights in an array like all parameters."""
        return array[: prod(self.form[:3])]

    def at_products(self) -> Array:
        """The features at every product: (products, high * channels, features)."""
        by_tap = self.lines_of(self.values).reshape(self.form).transpose(2, 1, 0, 3)
        by_product = self.way.taps @ np.ascontiguousarray(by_tap).reshape(len(by_tap), -1)
        return by_product.reshape(self.way.products, -1, self.form[-1])

    def turned(self) -> Array:
        """(products, channels, high * features), the lowest row of a feature first."""
        channels, high, _, features = self.form
        by_line = self.at_products().reshape(-1, high, channels, features)
        return by_line[:, ::-1].swapaxes(1, 2).reshape(-1, channels, high * features)


class WeightGradient:
    """The gradient of the weights from the values of x at every product (products, rows, channels, columns) and dy (rows,
    OUTPUTS, features, tiles, n).

    The features are put beside each other first: multiplied by columns, matrices are then several times as fast.
    """

    def __init__(self, features: Features, x: Array, dy: Array, scratch: Scratch) -> None:
        self.features = features
        (products, _, channels, columns), (_, high, _, count) = x.shape, features.form
        blocks = row_blocks(len(dy), products * columns * count * x.itemsize)
        most = most_rows(blocks)
        beside = scratch.empty("tiles", (most, OUTPUTS, *dy.shape[3:], count), x.dtype)
        multiplied = scratch.empty("products", (most, products, columns, count), x.dtype)
        each = scratch.empty("sums", (products, most, high * channels, count), x.dtype)
        self.total = scratch.empty("total", (products, high * channels, count), x.dtype)
        self.blocks = []
        for rows in blocks:
            here = slice(rows.stop - rows.start)
            b, m, one = beside[here], multiplied[here], each[:, here]
            part = dy[rows].transpose(0, 1, 3, 4, 2)
            self.blocks.append((part, b, flat(b), flat(m), stacked(x, high)[:, rows], m.swapaxes(0, 1), one))

    def fill(self, gradient: Array) -> None:
        way, (channels, high, wide, count) = self.features.way, self.features.form
        for index, (dy, beside, results, products, matrices, by_column, each) in enumerate(self.blocks):
            np.copyto(beside, dy)
            np.matmul(way.results.T, results, products)
            np.matmul(matrices, by_column, each)
            if index == 0:
                np.sum(each, axis=1, out=self.total)
            else:
                np.add(self.total, each.sum(axis=1), self.total)
        taps = (way.taps.T @ self.total.reshape(way.products, -1)).reshape(wide, high, channels, count)
        np.copyto(gradient.reshape(self.features.form), taps.transpose(2, 1, 0, 3))


class InputGradient:
    """The gradient of x (channels, height, width, n) from dy (rows, OUTPUTS, features, tiles, n): through the products to the
    values of each tile, and added up where tiles overlap."""

    def __init__(
        self, features: Features, dy: Array, input_shape: Shape, scratch: Scratch, *, margins: tuple[int, int]
    ) -> None:
        self.features = features
        (channels, height, width), (above, left) = input_shape, margins
        (_, _, count, tiles, n), high, products = dy.shape, features.form[1], features.way.products
        self.outer = aligned((channels, height, OUTPUTS * (tiles - 1) + products, n), dy.dtype, fill=0)
        self.overlap = self.outer[:, :, OUTPUTS * tiles :]
        self.dx = self.outer[:, :, left : left + width]
        blocks = row_blocks(height, products * max(channels, count) * tiles * n * dy.itemsize)
        rolling = Rolling(scratch, blocks, (products, count, tiles * n), dy, high=high, above=above)
        values = scratch.empty("products", (most_rows(blocks), products, channels, tiles * n), dy.dtype)
        tiled = scratch.empty("tiles", (most_rows(blocks), products, channels, tiles, n), dy.dtype)
        firsts = range(0, products, OUTPUTS)
        self.blocks = []
        for rows, window in zip(blocks, rolling.windows, strict=True):
            here = slice(rows.stop - rows.start)
            v, t = values[here], tiled[here]
            targets = [in_tiles(self.outer[:, rows, j : j + OUTPUTS * tiles]) for j in firsts]
            shares = [t[:, j : j + OUTPUTS].transpose(2, 0, 3, 1, 4) for j in firsts]
            self.blocks.append((window, v.swapaxes(0, 1), flat(v), flat(t), targets, shares))

    def __call__(self) -> Array:
        way, weight = self.features.way, self.features.turned()[:, None]
        self.overlap.fill(0)
        for window, values, by_product, tiled, targets, shares in self.blocks:
            np.matmul(weight, window.fill(way.results.T), values)
            np.matmul(way.values.T, by_product, tiled)
            np.copyto(targets[0], shares[0])
            for target, share in zip(targets[1:], shares[1:], strict=True):
                np.add(target, share, target)
        return self.dx


@dataclass(frozen=True)
class Window:
    """The products of the rows of dy that a block of rows of x sees: those that the block before saw, too, are moved up, rows
    beyond the edges are zeros, and the others are computed. `matrices` is (products, rows of x, high * features, columns)."""

    moved: tuple[Array, Array]
    beyond: tuple[Array, Array]
    dy: Array
    products: Array
    matrices: Array

    def fill(self, results: Array) -> Array:
        """The matrices, from what dy holds now; blocks are filled one after the other."""
        np.copyto(*self.moved)
        for rows in self.beyond:
            rows.fill(0)
        np.matmul(results, self.dy, self.products)
        return self.matrices


class Rolling:
    """The products of dy (rows, OUTPUTS, features, tiles, n) in memory for one block of rows of x: in that of a whole picture
    they would be written to the main memory, and fetched from there, before they are multiplied."""

    def __init__(
        self, scratch: Scratch, blocks: list[slice], form: tuple[int, int, int], dy: Array, *, high: int, above: int
    ) -> None:
        products, count, columns = form
        shared = high - 1  # rows of dy that a row of x and the one below it both see, beside each other's own
        memory = scratch.empty("window", (products, most_rows(blocks) + shared, count, columns), dy.dtype)
        self.windows: list[Window] = []
        before = 0
        for rows in blocks:
            length = rows.stop - rows.start + shared
            moved = min(shared, before)
            first = rows.start + above - shared  # the row of dy that is the first in the window
            begin, end = (min(max(first + row, 0), len(dy)) for row in (moved, length))
            place = slice(begin - first, end - first) if begin < end else slice(length, length)
            beyond = memory[:, moved : place.start], memory[:, place.stop : length]
            self.windows.append(
                Window(
                    (memory[:, :moved], memory[:, before - moved : before]),
                    beyond,
                    flat(dy[begin:end]),
                    by_row(memory[:, place]),
                    stacked(memory[:, :length], high),
                )
            )
            before = length
