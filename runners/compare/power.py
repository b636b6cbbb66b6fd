"""How many seeds it takes to tell two architectures apart: the power of t tests, from the non-central t distribution."""

from __future__ import annotations

from math import ceil, inf, log2, sqrt

from scipy.special import nctdtr, stdtrit

POWER = 0.8
"""The share of experiments that are meant to find a difference that is there."""
_FAR = 8.0  # from here on the tail on the wrong side is less than 1e-15, which scipy does not compute
MOST_SEEDS = 1000
"""Beyond this many, nobody counts."""


def power(effect: float, count: int, *, alpha: float, is_paired: bool = True) -> float:
    """The share of experiments with `count` seeds in which a two-sided t test at `alpha` finds a true difference of `effect`
    standard deviations (of the paired differences, or of each architecture's values). Cohen 1988, chapter 2.
    """
    degrees = (count - 1) * (1 if is_paired else 2)
    shift = abs(effect) * sqrt(count if is_paired else count / 2)
    critical = stdtrit(degrees, 1 - alpha / 2)
    wrong_way = nctdtr(degrees, shift, -critical) if shift < _FAR else 0.0
    return float(1 - nctdtr(degrees, shift, critical) + wrong_way)


def seeds_needed(effect: float, *, alpha: float, is_paired: bool = True) -> int | None:
    """The fewest seeds with a power of 80 %; None where they are more than 1,000. Without any spread (`effect` infinite), those
    with which the permutation test of pairs can reach `alpha`.
    """
    if abs(effect) == inf:
        return max(2, 1 + ceil(log2(1 / alpha)))
    if power(effect, MOST_SEEDS, alpha=alpha, is_paired=is_paired) < POWER:
        return None
    low, high = 1, MOST_SEEDS  # low is too few, high is enough
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(effect, middle, alpha=alpha, is_paired=is_paired) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high
