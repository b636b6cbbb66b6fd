"""Receptive fields: which pixels of the data the values of a layer see, along one dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Sight(NamedTuple):
    """What `values` values side by side see: value i the `field` pixels from `first` + i * `stride` on, as far as they lie from
    `low` up to but not including `high`. What lies beyond is padding, or pixels that a layer before leaves out.

    Values of different channels at one place count as one: it sees what any of them sees. Exact but at edges of a feature with
    gaps or wholly in the padding, and of ways that join at different strides: there a value may see less.
    """

    values: int
    first: int
    stride: int
    field: int
    low: int
    high: int

    def through(self, values: int, *, window: int, stride: int, before: int) -> Sight:
        """What `values` values see whose windows over these are `stride` apart, the first beginning `before` ahead of them."""
        begin = self.first - before * self.stride
        field = self.field + (window - 1) * self.stride
        return Sight(values, begin, self.stride * stride, field, self.low, self.high)._trimmed()

    def _trimmed(self) -> Sight:
        """The same with `low` and `high` where what the values see really begins and ends: strides leave pixels out."""
        last = self.first + self.field - 1
        begin = max(0, -((last - self.low) // self.stride))
        end = min(self.values - 1, (self.high - 1 - self.first) // self.stride)
        low = max(self.low, self.first + begin * self.stride)
        return self._replace(low=low, high=min(self.high, self.first + end * self.stride + self.field))

    def of_everything(self) -> Sight:
        """What as many values see that each see all of these."""
        return self.through(self.values, window=2 * self.values - 1, stride=1, before=self.values - 1)

    @property
    def pixels(self) -> int:
        """The most pixels that one value sees, from its first to its last."""
        # Where the edges no longer cut, or cut least: the spans grow up to there, and shrink from there on.
        uncut = (-(-(self.low - self.first) // self.stride), (self.high - self.field - self.first) // self.stride)
        places = {min(max(place + step, 0), self.values - 1) for place in uncut for step in (-1, 0, 1)}
        return max(len(self.at(place)) for place in places)

    def at(self, place: int) -> range:
        """The pixels from the first to the last that the value at this place sees; none where it sees padding alone."""
        begin = self.first + place * self.stride
        return range(max(begin, self.low), min(begin + self.field, self.high))


def whole(extent: int) -> Sight:
    """What the pixels themselves see."""
    return Sight(extent, 0, 1, 1, 0, extent)


def together(ways: Sequence[Sight]) -> Sight:
    """What values see that are made of those at the same place of several ways. Ways that go at another stride than the one
    with the largest field count only as far as they see more at the first place."""
    widest = max(ways, key=lambda way: way.field)
    first = min(way.first for way in ways)
    field = max(way.first + way.field for way in ways) - first
    low, high = min(way.low for way in ways), max(way.high for way in ways)
    return Sight(max(way.values for way in ways), first, widest.stride, field, low, high)
