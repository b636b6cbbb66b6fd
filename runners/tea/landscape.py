"""How much of a tea's enjoyment is lost at each temperature: with one valley, and with a second one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

COLDEST, HOTTEST = 0.0, 100.0
"""Temperatures at which tea is a drink, in degrees Celsius."""
BEST, MILD = 62.0, 20.0
"""Where hot tea is best, and the degrees by which a fault grows e-fold on its hot side."""
ICED, WIDE, DEPTH = 10.0, 8.0, 1.2
"""Where iced tea is best, how wide its valley is, both in degrees, and how deep."""


@dataclass(frozen=True)
class Landscape:
    """The enjoyment that is lost at a temperature in degrees; nothing is lost at `best`."""

    name: str
    lost: Callable[[float], float]
    best: float = BEST


def _hot_tea(temperature: float) -> float:
    """exp(a) - a - 1, where a is the error in units of MILD: colder tea is duller by the degree, hotter tea scalds more and
    more (the linex cost of Varian 1975). Smooth, with one valley."""
    error = (temperature - BEST) / MILD
    return exp(error) - error - 1


def _iced_tea_too(temperature: float) -> float:
    """The same with a second valley, less deep, where it would be iced tea."""
    return _hot_tea(temperature) - DEPTH * exp(-(((temperature - ICED) / WIDE) ** 2) / 2)


ONE_VALLEY = Landscape("one valley", _hot_tea)
TWO_VALLEYS = Landscape("a second valley", _iced_tea_too)
LANDSCAPES = (ONE_VALLEY, TWO_VALLEYS)


class Tasting:
    """Cups of tea that are drunk one after the other: every one is a try, and is counted."""

    def __init__(self, landscape: Landscape) -> None:
        self._landscape = landscape
        self.temperatures: list[float] = []
        self.losses: list[float] = []

    def __call__(self, temperature: float) -> float:
        """The enjoyment that is lost at a temperature, found by drinking a cup."""
        loss = self._landscape.lost(temperature)
        self.temperatures.append(temperature)
        self.losses.append(loss)
        return loss

    @property
    def tries(self) -> int:
        return len(self.temperatures)

    @property
    def best(self) -> float:
        """The temperature of the best cup so far."""
        return self.temperatures[self.losses.index(min(self.losses))]


def drinkable(temperature: float) -> float:
    """The nearest temperature at which tea is a drink."""
    return min(max(temperature, COLDEST), HOTTEST)
