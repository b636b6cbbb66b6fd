"""Receptive fields: which pixels of the data the values of a layer see, along one dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

NEVER, BEFORE = 1 << 60, -1
"""The first and the last pixel of a value that sees padding alone: they do not count in a minimum and a maximum."""


class Sight(NamedTuple):
    """What values side by side see: the one at place i the pixels from `first[i]` to `last[i]`, which may have gaps between
    them. Places are about `stride` pixels apart.

    Values of different channels at one place count as one: it sees what any of them sees. The places of a flat list are those of
    the picture that it comes from.
    """

    first: tuple[int, ...]
    last: tuple[int, ...]
    stride: int

    def through(self, values: int, *, window: int, stride: int, before: int, gap: int) -> Sight:
        """What `values` values see whose windows over these are `stride` apart, the first beginning `before` ahead of them; a
        window looks at every `gap`-th of the places that it covers."""
        windows = [
            slice(begin if begin >= 0 else begin % gap, max(0, begin + window), gap)
            for begin in range(-before, values * stride - before, stride)
        ]
        first = tuple(min(self.first[places], default=NEVER) for places in windows)
        last = tuple(max(self.last[places], default=BEFORE) for places in windows)
        return Sight(first, last, self.stride * stride)

    def of_everything(self, values: int | None = None) -> Sight:
        """What so many values see, or as many as these, that each see all of these."""
        count = len(self.first) if values is None else values
        return Sight((min(self.first),) * count, (max(self.last),) * count, self.stride)

    @property
    def pixels(self) -> int:
        """The most pixels that one value sees, from its first to its last."""
        return max(max(0, last - first + 1) for first, last in zip(self.first, self.last, strict=True))

    def at(self, place: int) -> range:
        """The pixels from the first to the last that the value at this place sees; none where it sees padding alone."""
        return range(self.first[place], self.last[place] + 1) if self.last[place] >= 0 else range(0)


def whole(extent: int) -> Sight:
    """What the pixels themselves see."""
    return Sight(tuple(range(extent)), tuple(range(extent)), 1)


def together(ways: Sequence[Sight]) -> Sight:
    """What values see that are made of those at the same place of several ways."""
    widest = max(ways, key=lambda way: way.pixels)
    if len({len(way.first) for way in ways}) > 1:  # flat lists, whose places are those of different pictures
        return Sight((min(min(way.first) for way in ways),), (max(max(way.last) for way in ways),), widest.stride)
    first = tuple(map(min, *(way.first for way in ways))) if len(ways) > 1 else widest.first
    last = tuple(map(max, *(way.last for way in ways))) if len(ways) > 1 else widest.last
    return Sight(first, last, widest.stride)
