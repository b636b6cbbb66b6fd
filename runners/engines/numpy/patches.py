"""Patches of a picture as the columns of a matrix (im2col), so that a convolution becomes a matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike

from runners.engines.engine import Array

BLOCK_BYTES = 1 << 20
"""Matrices are made for some rows of the output at a time, so that a block stays in the cache until it has been multiplied."""

KEPT_BYTES = 1 << 19

Pair = tuple[int, int]


@dataclass(frozen=True)
class Block:
    """Some rows of the output: which columns of the whole matrix they are, where their patches are seen in the picture, and the
    matrix (values of a patch, columns) to which they are copied, seen once as such and once with the axes of `patches`."""

    columns: slice
    patches: Array
    copies: Array
    matrix: Array

    def fill(self) -> Array:
        np.copyto(self.copies, self.patches)
        return self.matrix


def padded(shape: Sequence[int], margins: tuple[Pair, Pair], dtype: DTypeLike) -> tuple[Array, Array]:
    """A picture (channels, height, width, n) with zeros around it, and the part within the margins."""
    (top, left), (bottom, right) = margins
    channels, height, width, n = shape
    outer = np.zeros((channels, top + height + bottom, left + width + right, n), dtype)
    return outer, outer[:, top : top + height, left : left + width]


def patches(picture: Array, size: Pair, stride: Pair) -> Array:
    """A view (channels, size, size, rows, columns, n) of every patch of a picture (channels, height, width, n)."""
    channels, height, width, n = picture.shape
    rows, columns = ((extent - s) // step + 1 for extent, s, step in zip((height, width), size, stride, strict=True))
    along_c, along_h, along_w, along_n = picture.strides
    strides = (along_c, along_h, along_w, along_h * stride[0], along_w * stride[1], along_n)
    return as_strided(picture, (channels, *size, rows, columns, n), strides)


def blocks(seen: Array, *, constant: float | None = None, keep: bool = False) -> list[Block]:
    """Blocks for patches seen as (3 axes of a patch, rows, columns, n), with a row of constants below each matrix if asked.

    Each block has memory of its own where they are to be kept, otherwise they share it and one must be used before the next is filled.
    """
    *patch, rows, columns, n = seen.shape
    values = int(np.prod(patch))
    lines = values + (constant is not None)
    count = -(-rows // max(1, BLOCK_BYTES // (lines * columns * n * seen.itemsize)))
    edges = [rows * i // count for i in range(count + 1)]
    memory = np.empty(lines * (rows if keep else -(-rows // count)) * columns * n, seen.dtype)
    found = []
    for start, stop in pairwise(edges):
        part = seen[:, :, :, start:stop]
        span = slice(start * columns * n, stop * columns * n)
        width = span.stop - span.start
        place = lines * span.start if keep else 0
        matrix = memory[place : place + lines * width].reshape(lines, width)
        matrix[values:] = constant
        found.append(Block(span, part, matrix[:values].reshape(part.shape), matrix))
    return found
