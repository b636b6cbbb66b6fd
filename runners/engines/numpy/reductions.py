"""Windows along one axis, each reduced to one value, and the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from runners.engines.engine import Array


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
