"""Arrays that begin at the start of a cache line, where vector instructions read them fastest."""

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
