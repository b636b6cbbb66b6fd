"""What the ways to find the best temperature of tea achieve: from one start in detail, and from many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from runners.randomness import stream
from runners.tea.landscape import COLDEST, HOTTEST, Landscape, Tasting
from runners.tea.ways import WAYS, Way

FOUND = 1.0
"""Degrees from the best temperature within which it counts as found."""


@dataclass(frozen=True)
class Trial:
    """One search: the cups that were drunk in their order, the temperature that was taken for the best, how far that is from
    the best one, in degrees, and the enjoyment lost there."""

    start: float
    cups: tuple[float, ...]
    temperature: float
    off: float
    lost: float

    @property
    def tries(self) -> int:
        return len(self.cups)

    @property
    def found(self) -> bool:
        return self.off <= FOUND


@dataclass(frozen=True)
class Performance:
    """What a way achieves in a landscape: one trial to look at, and others from many starts."""

    way: Way
    landscape: Landscape
    shown: Trial
    others: tuple[Trial, ...]

    @property
    def mean_tries(self) -> float:
        return fmean(trial.tries for trial in self.others)

    @property
    def share_found(self) -> float:
        """The share of the starts from which the best temperature is found."""
        return fmean(trial.found for trial in self.others)


def search(way: Way, landscape: Landscape, *, start: float, seed: int, number: int) -> Trial:
    """Searches once; what is drawn follows from the seed, the way and the number of the trial, whatever the landscape."""
    taste = Tasting(landscape)
    temperature = way.search(taste, start, stream(seed, "tea", way.name, number))
    lost = landscape.lost(temperature)
    return Trial(start, tuple(taste.temperatures), temperature, abs(temperature - landscape.best), lost)


def compare(landscapes: Sequence[Landscape], *, start: float, starts: int, seed: int) -> list[Performance]:
    """Every way in every landscape: from `start`, and from so many starts that are the same for all of them."""
    drawn = stream(seed, "tea", "starts").uniform(COLDEST, HOTTEST, starts).tolist()
    found = []
    for landscape in landscapes:
        for way in WAYS:
            shown = search(way, landscape, start=start, seed=seed, number=0)
            others = [
                search(way, landscape, start=one, seed=seed, number=number) for number, one in enumerate(drawn, start=1)
            ]
            found.append(Performance(way, landscape, shown, tuple(others)))
    return found


def assumptions_of(way: Way) -> tuple[str, ...]:
    """All that a way takes for granted, with what the ways before it do."""
    before = WAYS[: WAYS.index(way) + 1]
    return tuple(assumption for one in before for assumption in one.assumptions)
