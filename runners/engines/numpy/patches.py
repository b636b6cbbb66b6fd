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
from runners.engines.numpy.memory import aligned

BLOCK_BYTES = 1 << 17
"""Matrices are made for some positions of the output at a time: a block stays in the cache until it has been multiplied."""

MIN_COLUMNS = 128
"""Columns that a block has whatever its size: fewer make a slow matrix product."""

KEPT_BYTES = 1 << 19
"""Above this, making a matrix again for the way back takes less time than fetching the one of the way forward from memory."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Block:
    """Some positions of the output: the columns of the whole matrix, their patches as they are seen in the picture, and the
    matrix (values of a patch, columns) to which those are copied, once as such and once with the axes of `patches`."""

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
    outer = aligned((channels, top + height + bottom, left + width + right, n), dtype, fill=0)
    return outer, outer[:, top : top + height, left : left + width]


def patches(picture: Array, size: Pair, stride: Pair) -> Array:
    """Every patch of a picture (channels, height, width, n), as a view (channels, *size, rows, columns, n)."""
    channels, height, width, n = picture.shape
    rows, columns = (height - size[0]) // stride[0] + 1, (width - size[1]) // stride[1] + 1
    along_c, along_h, along_w, along_n = picture.strides
    strides = (along_c, along_h, along_w, along_h * stride[0], along_w * stride[1], along_n)
    return as_strided(picture, (channels, *size, rows, columns, n), strides)


class PatchMatrix:
    """The matrix (values of a patch, columns) of patches seen as (3 axes of a patch, rows, columns, n), in blocks.

    `constant` adds a row of that number below. A small matrix that is to be used twice is kept whole; the blocks of others
    share their memory, so that each has to be used before the next one is filled.
    """

    def __init__(self, seen: Array, *, constant: float | None = None, twice: bool = False) -> None:
        *patch, rows, columns, n = seen.shape
        self.values = prod(patch)
        lines = self.values + (constant is not None)
        self.kept = twice and seen.size * seen.itemsize <= KEPT_BYTES
        positions = max(MIN_COLUMNS, BLOCK_BYTES // (lines * seen.itemsize)) // n
        spans = _rectangles(rows, columns, max(1, positions))
        widest = max(len(range(rows)[r]) * len(range(columns)[c]) for r, c in spans)
        memory = aligned((lines, (rows * columns if self.kept else widest) * n), seen.dtype)
        if constant is not None:
            memory[self.values] = constant
        self.blocks: list[Block] = []
        place = 0
        for r, c in spans:
            part = seen[:, :, :, r, c]
            span = slice(place, place + prod(part.shape[3:]))
            matrix = memory[:, span] if self.kept else memory[:, : span.stop - span.start]
            self.blocks.append(Block(span, part, matrix[: self.values].reshape(part.shape), matrix))
            place = span.stop

    def again(self) -> Iterator[tuple[slice, Array]]:
        """The columns and the matrix of each block, for a second use."""
        for block in self.blocks:
            yield block.columns, block.matrix if self.kept else block.fill()


def _rectangles(rows: int, columns: int, most: int) -> list[tuple[slice, slice]]:
    """Positions in reading order, cut into whole rows if at least one has no more than `most`, otherwise into parts of rows."""
    if columns <= most:
        return [(part, slice(None)) for part in _cut(rows, most // columns)]
    return [(slice(row, row + 1), part) for row in range(rows) for part in _cut(columns, most)]


def _cut(length: int, most: int) -> list[slice]:
    """As few and as equal parts as possible."""
    count = -(-length // most)
    return [slice(start, stop) for start, stop in pairwise(length * i // count for i in range(count + 1))]
