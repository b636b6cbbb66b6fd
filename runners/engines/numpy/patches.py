"""Patches of a picture as the columns of a matrix (im2col), so that a convolution becomes a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike

from runners.engines.engine import Array
from runners.engines.numpy.memory import Scratch, aligned

SMALL_PRODUCT = 1_000_000
"""Multiply-adds up to which OpenBLAS multiplies matrices as they are; larger ones it first copies to an order of its own."""

FEWEST_COLUMNS = 64
"""Narrower blocks cost more in calls than a small product saves."""

WIDE_COLUMNS = 512
"""Columns of a block where a small product is out of reach or does not help: enough work for a call, and still in the cache."""

WIDE_VALUES = 1 << 16
"""Of such a block, where more columns than that are as many: calls for less work cost more than it does, to threads above all."""

Extents = tuple[int, ...]


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


def padded(
    shape: Sequence[int],
    margins: tuple[Extents, Extents],
    dtype: DTypeLike,
    *,
    fill: float = 0,
    new: Callable[..., Array] = aligned,
) -> tuple[Array, Array]:
    """A picture (channels, *extents, n) with zeros around it, or another number, and the part within those margins; in the
    order in memory that `new` gives it."""
    channels, *extents, n = shape
    sides = list(zip(*margins, extents, strict=True))
    outer = new((channels, *(before + inside + after for before, after, inside in sides), n), dtype, fill=fill)
    return outer, outer[(slice(None), *(slice(before, before + inside) for before, _, inside in sides))]


def patches(picture: Array, size: Extents, stride: Extents, dilation: Extents) -> Array:
    """Every patch of a picture (channels, *extents, n), as a view (channels, *size, *positions, n)."""
    channels, *extents, n = picture.shape
    along_c, *along, along_n = picture.strides
    each = list(zip(extents, size, stride, dilation, strict=True))
    positions = [(extent - (wide - 1) * gap - 1) // step + 1 for extent, wide, step, gap in each]
    within = [stretch * gap for stretch, gap in zip(along, dilation, strict=True)]
    between = [stretch * step for stretch, step in zip(along, stride, strict=True)]
    return as_strided(picture, (channels, *size, *positions, n), (along_c, *within, *between, along_n))


def narrow_columns(lines: int, rows: int) -> int:
    """How many columns of a matrix with so many lines make a small product with a factor of so many rows."""
    columns = SMALL_PRODUCT // (lines * rows)
    return columns if columns >= FEWEST_COLUMNS else WIDE_COLUMNS


def wide_columns(lines: int) -> int:
    """How many columns of a matrix with so many lines are multiplied at a time where no small product is wanted."""
    return max(WIDE_COLUMNS, WIDE_VALUES // lines)


class PatchMatrix:
    """The matrix (values of a patch, columns) of patches seen as (channels, *size, *positions, n), whose first axes may stand in
    another order, in blocks of about as many `columns` as asked.

    `constant` adds a row of that number below. To `keep` the matrix makes it available as a `whole`; otherwise the blocks
    share their memory, so that each has to be used before the next one is filled; without a constant it is of `scratch`.
    """

    def __init__(
        self,
        seen: Array,
        columns: int,
        *,
        constant: float | None = None,
        keep: bool = False,
        scratch: Scratch | None = None,
    ) -> None:
        axes = seen.ndim // 2  # of a patch
        values, positions, n = prod(seen.shape[:axes]), seen.shape[axes:-1], seen.shape[-1]
        cuts = [(slice(None),) * axes + box for box in _boxes(positions, max(1, columns // n))]
        largest = max(prod(seen[cut].shape[axes:]) for cut in cuts)
        shape = values + (constant is not None), prod(positions) * n if keep else largest
        if scratch is None or keep or constant is not None:
            memory = aligned(shape, seen.dtype)
        else:
            memory = scratch.empty("patches", shape, seen.dtype)
        if constant is not None:
            memory[values] = constant
        self.whole = memory if keep else None
        self.blocks: list[Block] = []
        place = 0
        for cut in cuts:
            part = seen[cut]
            span = slice(place, place + prod(part.shape[axes:]))
            matrix = memory[:, span] if keep else memory[:, : span.stop - span.start]
            self.blocks.append(Block(span, part, matrix[:values].reshape(part.shape), matrix))
            place = span.stop


def _boxes(positions: Extents, most: int) -> list[tuple[slice, ...]]:
    """Positions in reading order, cut into whole rows if at least one has no more than `most`, otherwise into parts of rows."""
    length, *inner = positions
    if not inner or prod(inner) <= most:
        everything = (slice(None),) * len(inner)
        return [(part, *everything) for part in _cut(length, most // prod(inner))]
    return [(slice(row, row + 1), *box) for row in range(length) for box in _boxes(tuple(inner), most)]


def _cut(length: int, most: int) -> list[slice]:
    """As few and as equal parts as possible."""
    count = -(-length // most)
    return [slice(start, stop) for start, stop in pairwise(length * i // count for i in range(count + 1))]
