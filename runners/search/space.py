"""The knobs of a search as Optuna's distributions, and points as its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from convspec.knobs import Coordinate, Knob, Point, Steps

Space = dict[str, BaseDistribution]
"""A distribution for each knob, by its path."""


def space_of(knobs: Sequence[Knob]) -> Space:
    """One distribution for each knob. Lists of numbers that rise count as steps in order, other lists as categories."""
    return {knob.path: _distribution(knob) for knob in knobs}


def _distribution(knob: Knob) -> BaseDistribution:
    extent = knob.extent
    if isinstance(extent, Steps):
        if extent.in_order:
            return IntDistribution(0, extent.size - 1)
        return CategoricalDistribution(tuple(range(extent.size)))
    if extent.whole:
        return IntDistribution(int(extent.low), int(extent.high), log=extent.log)
    return FloatDistribution(float(extent.low), float(extent.high), log=extent.log)


def parameters(space: Space, point: Point) -> dict[str, Coordinate]:
    """A point as parameters by the paths of the knobs."""
    return dict(zip(space, point, strict=True))


def point_of(space: Space, values: Mapping[str, Any]) -> Point:
    """The point that parameters stand for."""
    return tuple(values[path] for path in space)
