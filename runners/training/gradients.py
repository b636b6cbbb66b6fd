"""The gradient of a batch shortened to a length, and the cost and gradient of all examples together."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt
from typing import NamedTuple

import numpy as np

from convspec.costs import Cost
from convspec.training import SLICE
from runners.data import Examples
from runners.engines.engine import Array, Draw, EngineNetwork
from runners.training.costs import cost_function, weight_of
from runners.training.judge import Judge


class Measured(NamedTuple):
    """What all examples tell of a network: the mean cost, its gradient in the order of `values`, the judge's tally, and
    whether a layer drew random numbers, so that the next time tells something else."""

    cost: float
    gradient: Array
    tally: float
    random: bool


def shorten(gradient: Array, most: float) -> None:
    """Shortens a gradient in place to the length `most` where it is longer: clipping by norm."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = sqrt(np.dot(gradient, gradient))
        if length == inf:
            length = float(np.linalg.norm(gradient.astype(np.float64)))
        if length > most:
            np.multiply(gradient, most / length, gradient)


def measure(
    network: EngineNetwork,
    examples: Examples,
    cost: Cost,
    *,
    judge: Judge,
    draw: Callable[[int], Draw],
    before: Callable[[], None],
) -> Measured:
    """Goes through all examples in their order, a slice at a time. `draw` gives the random numbers of a slice; `before` is
    called before each of them."""
    function, weight = cost_function(cost), weight_of(cost, examples.truth)
    total, tally, gradient, drawn = 0.0, 0.0, np.zeros(network.values.size), [0]
    for index, begin in enumerate(range(0, len(examples), SLICE)):
        before()
        chosen = np.arange(begin, min(begin + SLICE, len(examples)))
        truth = examples.truth[chosen]
        step = network.gradient(examples.pictures_at(chosen), truth, function, draw=_counted(draw(index), drawn))
        share = len(chosen) / weight
        total, tally = total + step.cost * share, tally + judge.tally(step.votes, truth)
        gradient += step.gradient * share
    return Measured(total, gradient.astype(network.values.dtype), tally, drawn[0] > 0)


def _counted(draw: Draw, drawn: list[int]) -> Draw:
    def counting(layer: str, chunk: int) -> np.random.Generator:
        drawn[0] += 1
        return draw(layer, chunk)

    return counting
