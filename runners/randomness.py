"""Independent streams of random numbers, all following from the one seed of a pipeline."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from runners.engines.engine import Draw


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """The generator for one purpose: `stream(7, "dropout", "dropout_1", epoch, batch)`.

    Streams of different purposes are independent, and none depends on what was drawn from another, so training can go on
    from any step without replaying the ones before.
    """
    digest = sha256("\x1f".join(str(part) for part in purpose).encode()).digest()
    words = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))


def order_of(seed: int, *, epoch: int, count: int) -> NDArray[np.int64]:
    """The examples of an epoch, by their positions, in the order in which it takes them."""
    return stream(seed, "order", epoch).permutation(count)


def dropout(seed: int, *, epoch: int, batch: int) -> Draw:
    """What the layers of a network draw in one batch of an epoch."""
    return lambda layer, chunk: stream(seed, "dropout", layer, epoch, batch, chunk)
