"""What a source delivers: pictures as they are stored, with their truth, and the examples of each part of a split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.data import Description

Stored = NDArray[Any]
"""(n, channels, *extents), of bytes or other numbers, in memory or mapped from a file."""
Labels = NDArray[np.int64]
Truth = NDArray[Any]
"""Labels (n,), or (n, k) float32 where the truth is k numbers."""
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Labelled:
    """Examples (n, channels, *extents) as they are stored, and the truth about each."""

    pictures: Stored
    truth: Truth


@dataclass(frozen=True)
class Collection:
    """All that a source holds; `own_test` is kept apart by the source itself.

    Stored values become those of the description by division by `white`. `checksum` is the SHA-256 of what was read.
    """

    examples: Labelled
    checksum: str
    white: float = 1.0
    own_test: Labelled | None = None


@dataclass(frozen=True)
class Examples:
    """Some rows of a store of pictures, with the truth about each; pictures are taken from it batch by batch.

    The store may be several arrays, which count as if they were laid end to end.
    """

    stores: tuple[Stored, ...]
    rows: Rows
    truth: Truth
    white: float = 1.0

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def shape(self) -> Shape:
        """(channels, *extents) of an example."""
        return self.stores[0].shape[1:]

    def pictures_at(self, indices: NDArray[np.integer[Any]] | slice) -> NDArray[np.float32]:
        """(k, channels, *extents) of these examples, a fresh array; nothing else of the store is read."""
        taken = self._take(self.rows[indices])
        if self.white == 1:
            return np.asarray(taken, np.float32)
        return np.divide(taken, np.float32(self.white), dtype=np.float32)

    def _take(self, rows: Rows) -> Stored:
        if len(self.stores) == 1:
            return np.asarray(self.stores[0][rows])
        taken = np.empty((len(rows), *self.shape), self.stores[0].dtype)
        first = 0
        for store in self.stores:
            here = (rows >= first) & (rows < first + len(store))
            taken[here] = store[rows[here] - first]
            first += len(store)
        return taken


@dataclass(frozen=True)
class Dataset:
    """A source divided: each example stands in exactly one of the three parts, any of which may be empty.

    `checksum` is the SHA-256, in hexadecimal, of what was read.
    """

    description: Description
    train: Examples
    validation: Examples
    test: Examples
    checksum: str
