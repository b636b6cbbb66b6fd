"""Five ways to find the best temperature of tea, from the one that assumes least to the one that assumes most.

Each drinks cups, begins at `start` if it begins anywhere, and returns the temperature that it takes for the best one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

import numpy as np

from runners.tea.landscape import COLDEST, HOTTEST, Tasting, drinkable

GRID = 0.5
"""Degrees between the cups of exhaustive search."""

POPULATION, GENERATIONS, PATIENCE = 10, 20, 6
"""Cups of a generation, generations at most, and generations without a better cup after which no more are bred."""
ELITE, MUTATION = 2, 4.0
"""Cups that live on, and the standard deviation of what is added to a child, in degrees."""

HEAT, COLD, COOLING = 1.0, 0.001, 0.94
"""The first heat, that of the end, both in lost enjoyment, and what heat is multiplied by after each cup."""
JUMP = 25.0
"""Standard deviation of a move at the first heat, in degrees; it shrinks as the square root of the heat does, to STILL."""
STILL = 0.5

RATE = 100.0
"""Degrees that a step of gradient descent goes for a slope of 1 a degree."""
NEAR = 0.1
"""Degrees between cups whose difference is a slope, and a step so small that the search ends."""
BEND = 1.0
"""Degrees between cups that show how a slope changes: nearer ones would show their rounding."""
MOST_STEPS = 200

Search = Callable[[Tasting, float, np.random.Generator], float]


@dataclass(frozen=True)
class Way:
    """A way to search, with what it takes for granted, the assumptions of the ways before it not repeated."""

    name: str
    search: Search
    assumptions: tuple[str, ...]


def exhaustive(taste: Tasting, start: float, generator: np.random.Generator) -> float:
    """Every temperature on a grid."""
    for step in range(round((HOTTEST - COLDEST) / GRID) + 1):
        taste(COLDEST + step * GRID)
    return taste.best


def genetic(taste: Tasting, start: float, generator: np.random.Generator) -> float:
    """Generations of cups: the best live on, children mix two parents that won against another, and mutate.

    Source: Holland 1975, "Adaptation in Natural and Artificial Systems"; with real numbers for genes.
    """
    first: list[float] = [start, *generator.uniform(COLDEST, HOTTEST, POPULATION - 1).tolist()]
    cups = sorted((taste(temperature), temperature) for temperature in first)
    without_better = 0
    for _ in range(GENERATIONS):
        best = cups[0][0]
        children = [_child(cups, generator) for _ in range(POPULATION - ELITE)]
        cups = sorted(cups[:ELITE] + [(taste(child), child) for child in children])
        without_better = 0 if cups[0][0] < best else without_better + 1
        if without_better == PATIENCE:
            break
    return cups[0][1]


def _child(cups: list[tuple[float, float]], generator: np.random.Generator) -> float:
    """A mixture of two parents; of two cups at random the better one is a parent. The cups are sorted, the best first."""
    first, second = (int(pair.min()) for pair in generator.integers(len(cups), size=(2, 2)))
    share = generator.uniform()
    mixed = share * cups[first][1] + (1 - share) * cups[second][1]
    return drinkable(mixed + MUTATION * float(generator.standard_normal()))


def annealing(taste: Tasting, start: float, generator: np.random.Generator) -> float:
    """A walk that goes to better cups always, and to worse ones the less readily the more it has cooled down.

    Source: Kirkpatrick et al. 1983, "Optimization by Simulated Annealing".
    """
    here, lost, heat = start, taste(start), HEAT
    while heat > COLD:
        jump = max(JUMP * (heat / HEAT) ** 0.5, STILL)
        there = drinkable(here + jump * generator.standard_normal())
        found = taste(there)
        if found <= lost or generator.uniform() < exp((lost - found) / heat):
            here, lost = there, found
        heat *= COOLING
    return taste.best


def gradient_descent(taste: Tasting, start: float, generator: np.random.Generator) -> float:
    """Down the slope, by steps in proportion to it: two cups a step, as tea knows no backpropagation."""
    here = start
    for _ in range(MOST_STEPS):
        there = drinkable(here - RATE * _slope(taste, here))
        if abs(there - here) < NEAR:
            return there
        here = there
    return here


def _slope(taste: Tasting, here: float) -> float:
    """Enjoyment lost with each degree, by two cups on both sides, NEAR apart."""
    low = min(max(here - NEAR / 2, COLDEST), HOTTEST - NEAR)
    return (taste(low + NEAR) - taste(low)) / NEAR


def with_curvature(taste: Tasting, start: float, generator: np.random.Generator) -> float:
    """To the lowest point of the parabola through three cups (Newton's step); down the slope where that has none."""
    here = start
    for _ in range(MOST_STEPS):
        middle = min(max(here, COLDEST + BEND), HOTTEST - BEND)
        below, lost, above = (taste(middle + side) for side in (-BEND, 0.0, BEND))
        slope, bend = (above - below) / (2 * BEND), (above - 2 * lost + below) / BEND**2
        there = drinkable(middle - (slope / bend if bend > 0 else RATE * slope))
        if abs(there - here) < NEAR:
            return there
        here = there
    return here


WAYS = (
    Way("exhaustive search", exhaustive, ("no valley is narrower than a step of the grid",)),
    Way("genetic algorithms", genetic, ("better cups are near good ones, or between two of them",)),
    Way("simulated annealing", annealing, ("a good valley can be reached by moves over ridges that are not too high",)),
    Way("gradient descent", gradient_descent, ("the slope shows the way: it is smooth", "there is one valley")),
    Way("gradient descent with curvature", with_curvature, ("near enough, it looks like a parabola",)),
)
"""From the fewest assumptions to the most; each makes those of the ways before it, too."""
