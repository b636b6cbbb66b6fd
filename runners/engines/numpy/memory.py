"""Arrays that begin at the start of a cache line, where vector instructions read them fastest, in one of two orders."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from runners.engines.engine import Array

LINE_BYTES = 64


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
