"""Tiles of a picture, row by row: how `winograd` looks at its arrays, and in which parts it works.

Arrays are (rows, products, ...) where one product is transformed into another of the same row, and (products, rows, ...) where
matrices meet: those then hold neighbouring rows one after the other, so that the rows that a feature covers are one matrix
without being copied together.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

from numpy.lib.stride_tricks import as_strided

from runners.engines.engine import Array
from runners.engines.numpy.toom_cook import OUTPUTS

BLOCK_BYTES = 640 << 10
"""Of the products of the rows that are computed together: what is made of them is then still in the cache."""


def tiles_across(width: int) -> int:
    """How many tiles cover so many results."""
    return -(-width // OUTPUTS)


def row_blocks(rows: int, row_bytes: int) -> list[slice]:
    """As few and as equal parts as possible whose products stay below BLOCK_BYTES, or single rows."""
    count = -(-rows // max(1, BLOCK_BYTES // row_bytes))
    return [slice(start, stop) for start, stop in pairwise(rows * i // count for i in range(count + 1))]


def news(blocks: list[slice], high: int) -> list[slice]:
    """The rows that each block sees and none before it did, where each of its rows sees `high` of them."""
    edges = [0, *(block.stop + high - 1 for block in blocks)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def most_rows(blocks: list[slice]) -> int:
    return max(int(block.stop - block.start) for block in blocks)


def tiles_of(picture: Array, products: int, tiles: int) -> Array:
    """What each tile of a picture (channels, height, width, n) sees, as a view (height, products, channels, tiles, n)."""
    channels, height, _, n = picture.shape
    along_c, down, across, along_n = picture.strides
    strides = (down, across, along_c, OUTPUTS * across, along_n)
    return as_strided(picture, (height, products, channels, tiles, n), strides)


def in_tiles(picture: Array) -> Array:
    """Results (channels, height, tiles * OUTPUTS, n) by tile, as a view (channels, height, tiles, OUTPUTS, n)."""
    channels, height, width, n = picture.shape
    along_c, down, across, along_n = picture.strides
    strides = (along_c, down, OUTPUTS * across, across, along_n)
    return as_strided(picture, (channels, height, width // OUTPUTS, OUTPUTS, n), strides)


def pairs_in_tiles(picture: Array, by_tile: Array) -> list[tuple[Array, Array]]:
    """Views of results (channels, height, width, n) beside the same ones by tile (channels, height, tiles, OUTPUTS, n): of
    all whole tiles, and of one that hangs over the right edge."""
    whole, rest = divmod(picture.shape[2], OUTPUTS)
    found = [(in_tiles(picture[:, :, : whole * OUTPUTS]), by_tile[:, :, :whole])]
    if rest:
        found.append((picture[:, :, None, whole * OUTPUTS :], by_tile[:, :, whole:, :rest]))
    return found


def by_row(array: Array) -> Array:
    """An array (products, rows, channels, columns) as (rows, products, channels * columns)."""
    products, rows, channels, columns = array.shape
    along_p, down, _, across = array.strides
    return as_strided(array, (rows, products, channels * columns), (down, along_p, across))


def stacked(array: Array, high: int) -> Array:
    """The matrices of `high` rows each of an array (products, rows, channels, columns), as a view (products, places,
    high * channels, columns)."""
    products, rows, channels, columns = array.shape
    along_p, down, along_c, across = array.strides
    return as_strided(array, (products, rows - high + 1, high * channels, columns), (along_p, down, along_c, across))


def flat(array: Array) -> Array:
    """An array (rows, products, ...) as (rows, products, values)."""
    return array.reshape(*array.shape[:2], prod(array.shape[2:]))
