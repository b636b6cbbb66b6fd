"""Patches of a picture as the columns of a matrix (im2col), so that a convolution becomes a matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike

from runners.engines.engine import Array
from runners.engines.numpy.memory import aligned

SMALL_PRODUCT = 1_000_000
"""Multiply-adds up to which OpenBLAS multiplies matrices as they are; larger ones it first copies to an order of its own."""

FEWEST_COLUMNS = 64
"""Narrower blocks cost more in calls than a small product saves."""

WIDE_COLUMNS = 512
"""Columns of a block where a small product is out of reach or does not help: enough work for a call, and still in the cache."""

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


def patches(picture: Array, size: Pair, stride: Pair, dilation: Pair) -> Array:
    """Every patch of a picture (channels, height, width, n), as a view (channels, *size, rows, columns, n)."""
    channels, height, width, n = picture.shape
    rows = (height - (size[0] - 1) * dilation[0] - 1) // stride[0] + 1
    columns = (width - (size[1] - 1) * dilation[1] - 1) // stride[1] + 1
    along_c, along_h, along_w, along_n = picture.strides
    within = along_h * dilation[0], along_w * dilation[1]
    strides = (along_c, *within, along_h * stride[0], along_w * stride[1], along_n)
    return as_strided(picture, (channels, *size, rows, columns, n), strides)


def narrow_columns(lines: int, rows: int) -> int:
    """How many columns of a matrix with so many lines make a small product with a factor of so many rows."""
    columns = SMALL_PRODUCT // (lines * rows)
    return columns if columns >= FEWEST_COLUMNS else WIDE_COLUMNS


class PatchMatrix:
    """The matrix (values of a patch, columns) of patches seen as (3 axes of a patch, rows, columns, n), in blocks of about as
    many `columns` as asked.

    `constant` adds a row of that number below. To `keep` the matrix makes it available as a `whole`; otherwise the blocks
    share their memory, so that each has to be used before the next one is filled.
    """

    def __init__(self, seen: Array, columns: int, *, constant: float | None = None, keep: bool = False) -> None:
        *patch, high, wide, n = seen.shape
        values = prod(patch)
        cuts = _rectangles(high, wide, max(1, columns // n))
        largest = max(prod(seen[:, :, :, rows, across].shape[3:]) for rows, across in cuts)
        memory = aligned((values + (constant is not None), high * wide * n if keep else largest), seen.dtype)
        if constant is not None:
            memory[values] = constant
        self.whole = memory if keep else None
        self.blocks: list[Block] = []
        place = 0
        for rows, across in cuts:
            part = seen[:, :, :, rows, across]
            span = slice(place, place + prod(part.shape[3:]))
            matrix = memory[:, span] if keep else memory[:, : span.stop - span.start]
            self.blocks.append(Block(span, part, matrix[:values].reshape(part.shape), matrix))
            place = span.stop


def _rectangles(rows: int, columns: int, most: int) -> list[tuple[slice, slice]]:
    """Positions in reading order, cut into whole rows if at least one has no more than `most`, otherwise into parts of rows."""
    if columns <= most:
        return [(part, slice(None)) for part in _cut(rows, most // columns)]
    return [(slice(row, row + 1), part) for row in range(rows) for part in _cut(columns, most)]


def _cut(length: int, most: int) -> list[slice]:
    """As few and as equal parts as possible."""
    count = -(-length // most)
    return [slice(start, stop) for start, stop in pairwise(length * i // count for i in range(count + 1))]
