"""Arrays that begin at the start of a cache line, where vector instructions read them fastest, in one of two orders; and memory
that is used again and again."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from runners.engines.engine import Array

LINE_BYTES = 64
LEAST_SCRATCH = 4 << 20


def aligned(shape: Sequence[int], dtype: DTypeLike, *, fill: float | None = None) -> Array:
    """An array of this shape, filled with a number or not at all."""
    size = prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + LINE_BYTES, np.uint8)
    start = -raw.ctypes.data % LINE_BYTES
    array: Array = raw[start : start + size].view(dtype).reshape(shape)
    if fill is not None:
        array.fill(fill)
    return array


def channels_within(shape: Sequence[int], dtype: DTypeLike, *, fill: float | None = None) -> Array:
    """An array (channels, *extents, n) in which the channels of a pixel stand beside each other in memory, so that all that
    belongs to one pixel, or row, is one long run."""
    channels, *extents, n = shape
    array: Array = np.moveaxis(aligned((*extents, channels, n), dtype, fill=fill), -2, 0)
    return array


def has_channels_within(array: Array) -> bool:
    """Whether an array (channels, *extents, n) is in the order of `channels_within`, without gaps."""
    return bool(array.ndim > 1 and np.moveaxis(array, 0, -2).flags.c_contiguous)


def is_dense(array: Array) -> bool:
    """Whether an array is in one of the two orders, without gaps."""
    return array.flags.c_contiguous or has_channels_within(array)


def new_like(array: Array, *, dtype: DTypeLike | None = None, fill: float | None = None) -> Array:
    """An array of the same shape, in the same order."""
    new = channels_within if has_channels_within(array) else aligned
    return new(array.shape, array.dtype if dtype is None else dtype, fill=fill)


class Scratch:
    """Memory for what operations need while they run: they run one after the other, and what the last one used is still in the
    cache. An array holds until the next operation is called, and begins with whatever was there."""

    def __init__(self) -> None:
        self._memory: dict[str, Array] = {}

    def empty(self, name: str, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """An array in the memory of this name; of two names an operation can use both."""
        size = prod(shape) * np.dtype(dtype).itemsize
        memory = self._memory.get(name)
        if memory is None or memory.size < size:
            # Memory that is not used costs nothing, and the next operation may need more.
            memory = self._memory[name] = aligned((max(size, LEAST_SCRATCH),), np.uint8)
        array: Array = memory[:size].view(dtype).reshape(shape)
        return array
