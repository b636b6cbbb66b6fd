"""Noise on generated pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runners.randomness import stream

_ROWS = 4096  # noised at a time, so that a million pictures need little more memory than they take themselves


def add_noise(pictures: NDArray[np.float32], strength: float, *, seed: int) -> None:
    """Adds, in place, to every pixel of (n, channels, height, width) a normal draw of standard deviation `strength`."""
    if strength == 0:
        return
    generator = stream(seed, "data", "noise")
    for first in range(0, len(pictures), _ROWS):
        some = pictures[first : first + _ROWS]
        some += np.float32(strength) * generator.standard_normal(some.shape, np.float32)
