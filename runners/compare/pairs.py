"""Two architectures against each other, over the seeds that they were trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, inf, sqrt
from statistics import fmean
from typing import Literal, NamedTuple

from scipy.special import stdtr

Test = Literal["paired t", "Welch's t", "permutation", "none"]

NO_SPREAD = 1e-6
"""Values that differ by less than this share of their size are equal: a float32 figure is not more exact."""


class Pair(NamedTuple):
    """What the values of one architecture say about those of another.

    `difference` is how much larger the first one's are, on average over what was tested; `effect` is Cohen's d: that difference
    in standard deviations. `p` is two-sided, and None without a test. `is_paired` says whether seeds were paired.
    """

    test: Test
    difference: float
    p: float | None
    effect: float | None
    is_paired: bool = True


@dataclass(frozen=True)
class Spread:
    """How many values there are, their mean, and their standard deviation (of a sample); None for a single value."""

    count: int
    mean: float
    sd: float | None


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation, with no loss of digits where the values are close together."""
    mean = fmean(values)
    if len(values) < 2:
        return Spread(len(values), mean, None)
    return Spread(len(values), mean, sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)))


def pair(one: Mapping[int, float], other: Mapping[int, float]) -> Pair:
    """Compares values by seed. The choice among tests depends on the seeds alone, never on the values:

    - Over the seeds that both have, the paired t test, where these are two at least and half of the fewer ones: what a seed
      does to both (split, first weights, order) is taken out. `effect` is d_z, in standard deviations of the differences.
    - Otherwise Welch's t test of all values, where each has two; `effect` is d_av, in the mean standard deviation of the two.
    - Otherwise none.

    Where the differences do not vary at all, t would be infinite whatever their size, and two equal differences are common where
    a figure counts a few hundred test examples. So where all are 0, p is 1, and otherwise the exact permutation test stands in:
    p = 2 / 2^n for n pairs that all differ in the same direction.
    """
    shared = sorted(one.keys() & other.keys())
    if len(shared) >= max(2, min(len(one), len(other)) / 2):
        return _paired([one[seed] for seed in shared], [other[seed] for seed in shared])
    if min(len(one), len(other)) >= 2:
        return _apart(list(one.values()), list(other.values()))
    return Pair("none", fmean(one.values()) - fmean(other.values()), None, None)


def _paired(one: Sequence[float], other: Sequence[float]) -> Pair:
    found = spread([a - b for a, b in zip(one, other, strict=True)])
    assert found.sd is not None
    least = _least(one, other)
    if found.sd > least:
        effect = found.mean / found.sd
        return Pair("paired t", found.mean, _two_sided(effect * sqrt(found.count), found.count - 1), effect)
    if abs(found.mean) <= least:
        return Pair("permutation", 0.0, 1.0, 0.0)
    return Pair("permutation", found.mean, 2 / 2**found.count, inf if found.mean > 0 else -inf)


def _apart(one: Sequence[float], other: Sequence[float]) -> Pair:
    a, b = spread(one), spread(other)
    assert a.sd is not None
    assert b.sd is not None
    least, difference = _least(one, other), a.mean - b.mean
    if max(a.sd, b.sd) > least:
        u, v = a.sd**2 / a.count, b.sd**2 / b.count
        degrees = (u + v) ** 2 / (u**2 / (a.count - 1) + v**2 / (b.count - 1))
        effect = difference / sqrt((a.sd**2 + b.sd**2) / 2)
        return Pair("Welch's t", difference, _two_sided(difference / sqrt(u + v), degrees), effect, is_paired=False)
    if abs(difference) <= least:
        return Pair("permutation", 0.0, 1.0, 0.0, is_paired=False)
    p = 2 / comb(a.count + b.count, a.count)
    return Pair("permutation", difference, p, inf if difference > 0 else -inf, is_paired=False)


def _two_sided(t: float, degrees: float) -> float:
    return 2 * float(stdtr(degrees, -abs(t)))


def _least(one: Sequence[float], other: Sequence[float]) -> float:
    return NO_SPREAD * max(map(abs, (*one, *other)))
