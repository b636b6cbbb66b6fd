"""Patches of a picture as the columns of a matrix (im2col), so that a convolution becomes a matrix product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike

from runners.engines.engine import Array

BLOCK_BYTES = 1 << 17
"""Matrices are made for some rows of the output at a time: a block stays in the cache until it has been multiplied."""

KEPT_BYTES = 1 << 19
"""Above this, making a matrix again for the way back takes less time than fetching the one of the way forward from memory."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Block:
    """Some rows of the output: the columns of the whole matrix, their patches as they are seen in the picture, and the matrix
    (values of a patch, columns) to which those are copied, once as such and once with the axes of `patches`."""

    columns: slice
    patches: Array
    copies: Array
    matrix: Array

    def fill(self) -> Array:
        """The matrix of what the picture holds now."""
        np.copyto(self.copies, self.patches)
        return self.matrix


def padded(shape: Sequence[int], margins: tuple[Pair, Pair], dtype: DTypeLike) -> tuple[Array, Array]:
    """A picture (channels, height, width, n) with zeros around it, and the part within those margins."""
    (top, left), (bottom, right) = margins
    channels, height, width, n = shape
    outer = np.zeros((channels, top + height + bottom, left + width + right, n), dtype)
    return outer, outer[:, top : top + height, left : left + width]


def patches(picture: Array, size: Pair, stride: Pair) -> Array:
    """Every patch of a picture (channels, height, width, n), as a view (channels, *size, rows, columns, n)."""
    channels, height, width, n = picture.shape
    rows, columns = (height - size[0]) // stride[0] + 1, (width - size[1]) // stride[1] + 1
    along_c, along_h, along_w, along_n = picture.strides
    strides = (along_c, along_h, along_w, along_h * stride[0], along_w * stride[1], along_n)
    return as_strided(picture, (channels, *size, rows, columns, n), strides)


class PatchMatrix:
    """The matrix (values of a patch, columns) of patches seen as (3 axes of a patch, rows, columns, n), in blocks of rows.

    `constant` adds a row of that number below. A small matrix that is to be used twice is kept whole; the blocks of others share
    their memory, so that each has to be used before the next one is filled.
    """

    def __init__(self, seen: Array, *, constant: float | None = None, twice: bool = False) -> None:
        *patch, rows, columns, n = seen.shape
        self.values = prod(patch)
        lines = self.values + (constant is not None)
        row_bytes = lines * columns * n * seen.itemsize
        self.kept = twice and rows * row_bytes <= KEPT_BYTES
        count = -(-rows // max(1, BLOCK_BYTES // row_bytes))
        edges = [rows * i // count for i in range(count + 1)]
        memory = np.empty((rows if self.kept else -(-rows // count)) * lines * columns * n, seen.dtype)
        self.blocks: list[Block] = []
        for start, stop in pairwise(edges):
            span = slice(start * columns * n, stop * columns * n)
            place = lines * span.start if self.kept else 0
            matrix = memory[place : place + lines * (span.stop - span.start)].reshape(lines, -1)
            matrix[self.values :] = constant
            part = seen[:, :, :, start:stop]
            self.blocks.append(Block(span, part, matrix[: self.values].reshape(part.shape), matrix))

    def again(self) -> Iterator[tuple[slice, Array]]:
        """The columns and the matrix of each block, for a second use."""
        for block in self.blocks:
            yield block.columns, block.matrix if self.kept else block.fill()
