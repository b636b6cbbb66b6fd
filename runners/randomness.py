"""Independent streams of random numbers, all following from the one seed of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray


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


@dataclass(frozen=True)
class StepDraw:
    """The random numbers of one step of training, for a layer and a chunk of its batch; see runners.engines.engine.Draw."""

    seed: int
    epoch: int
    batch: int

    def __call__(self, layer: str, chunk: int) -> np.random.Generator:
        return stream(self.seed, "dropout", layer, self.epoch, self.batch, chunk)
