"""The slope of a cost by finite differences: what a slope is by definition, at some forward passes for each weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from runners.engines.engine import Array

EPSILON = float(np.finfo(np.float64).eps)

STEP = EPSILON ** (1 / 3)
"""The step for a weight up to 1, 6e-6: there the error that curvature makes, which grows with the square of the step, meets
the error that rounding makes, which grows as the step shrinks (Press et al. 1992, Numerical Recipes, section 5.7)."""

ROUNDED = 16
"""Last digits of a cost that a difference may be wrong by. Twice what was found on the shipped architectures."""

PASSES = 4
"""Costs that a difference takes."""


class Difference(NamedTuple):
    """The slope at a weight; how far differences at one step and at two disagree; how much of that rounding may have made."""

    slope: float
    doubt: float
    rounding: float


def difference(cost: Callable[[], float], values: Array, index: int, *, here: float, shrink: float = 1.0) -> Difference:
    """The slope of `cost` for `values[index]`, which is moved by -2, -1, 1 and 2 steps and put back. `here` is the cost where
    it stands; `shrink` makes the step smaller.

    The central differences at one step and at two are extrapolated to none (Richardson). A kink that lies within them makes
    them disagree. One where the weight stands does not, but there the slopes to the right and to the left differ by as much
    at one step as at two; where the cost only bends, by half as much.
    """
    kept = float(values[index])
    step = STEP * max(1.0, abs(kept)) * shrink

    def moved(steps: int) -> float:
        values[index] = kept + steps * step
        return cost()

    try:
        far_below, below, above, far_above = (moved(steps) for steps in (-2, -1, 1, 2))
    finally:
        values[index] = kept
    near, far = (above - below) / (2 * step), (far_above - far_below) / (4 * step)
    bend, far_bend = (above - 2 * here + below) / step, (far_above - 2 * here + far_below) / (2 * step)
    doubt = max(abs(near - far), abs(far_bend - 2 * bend))
    return Difference((4 * near - far) / 3, doubt, ROUNDED * EPSILON * max(1.0, abs(here)) / step)
