"""The camera of four pixels: every picture there is of its four kinds, over and over, with noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convspec.data import Description, FourPixels
from runners.data.checksum import checksum_of_arrays
from runners.data.dataset import Collection, Labelled
from runners.data.noise import add_noise
from runners.data.read import read

EVERY_PICTURE = np.array(
    [
        [[1, 1], [1, 1]],  # solid
        [[1, -1], [1, -1]],  # vertical
        [[1, -1], [-1, 1]],  # diagonal
        [[1, 1], [-1, -1]],  # horizontal
    ],
    np.float32,
)
EVERY_PICTURE = np.concatenate([EVERY_PICTURE, -EVERY_PICTURE])
"""(8, 2, 2): the four kinds, then the negative of each."""


@read.register
def _four_pixels(source: FourPixels, description: Description, *, folder: Path, seed: int) -> Collection:
    number = np.arange(source.examples)
    pictures = EVERY_PICTURE[number % 8, np.newaxis]
    add_noise(pictures, source.noise, seed=seed)
    labels = number % 4
    return Collection(Labelled(pictures, labels), checksum_of_arrays([pictures, labels]))
