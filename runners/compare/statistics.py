"""Which architecture is better, as far as the seeds can tell.

Every pair is tested, and Holm's correction goes over all pairs, though the table shows only those with the best one. For which
one is the best is chosen by looking at the same values: the largest of several means is too large, and tested against the others
alone it would look better than equals far more often than in 5 % of experiments. With all pairs corrected for, at most 5 % of
experiments call any architecture better than an equal one, whichever is looked at afterwards, and whatever is equal to what else.
(Tukey's and Hsu's methods are sharper, but ask that all differences vary equally, which those of a large and a tiny network
do not.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite, sqrt

from scipy.special import stdtrit

from runners.compare.family import Family
from runners.compare.pairs import Pair, Spread, Test, spread
from runners.compare.power import seeds_needed
from runners.compare.words import verdict

Values = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Row:
    """One architecture: its values over seeds, and how it stands to the best.

    `sd` is that of a sample; `interval` holds the true mean with the probability of the level (Student's t); both are None for a
    single seed. `difference`, `p` (Holm), `p_alone` (not corrected), `effect` (Cohen's d) and `test` are those against the
    best, None or "none" where there is no test. `group` counts from 1: an architecture that cannot be told from the best of a
    group is in it. `needed` is the number of seeds that would tell it from that one in 80 % of experiments.
    """

    name: str
    count: int
    mean: float
    sd: float | None
    interval: tuple[float, float] | None
    group: int | None
    test: Test = "none"
    difference: float | None = None
    p: float | None = None
    p_alone: float | None = None
    effect: float | None = None
    needed: int | None = None
    words: str = ""


@dataclass(frozen=True)
class Comparison:
    """Architectures in order of their means, the best first. `best` is the first that has more than one seed, if any has."""

    rows: tuple[Row, ...]
    best: str
    level: float
    higher_is_better: bool


def compare(values: Values, *, higher_is_better: bool, level: float = 0.95) -> Comparison:
    """Compares `values[architecture][seed]`.

    Raises ValueError where an architecture has no value, or one that is not finite.
    """
    for name, of_seeds in values.items():
        if not of_seeds or not all(map(isfinite, of_seeds.values())):
            raise ValueError(f"{name} has no values, or some that are not finite")
    spreads = {name: spread(list(of_seeds.values())) for name, of_seeds in values.items()}
    sign = 1 if higher_is_better else -1
    ranked = sorted(values, key=lambda name: (-sign * spreads[name].mean, name))
    tested = [name for name in ranked if spreads[name].count > 1]
    family = Family({name: values[name] for name in tested}, sign=sign, alpha=1 - level)
    best = next(iter([*tested, *ranked]), "")
    rows = [_row(name, spreads[name], family, best, level) for name in ranked]
    return Comparison(tuple(rows), best, level, higher_is_better)


def _row(name: str, of_seeds: Spread, family: Family, best: str, level: float) -> Row:
    """A row with its words; without a test, it says no more than mean and interval."""
    group = family.group(name)
    reach = interval(of_seeds, level=level)
    row = Row(name, of_seeds.count, of_seeds.mean, of_seeds.sd, reach, family.number(name))
    if group and name != best:
        test, difference, alone, effect, _ = family.pair(name, best)
        p = family.p(name, best)
        row = replace(row, test=test, difference=difference, p=p, p_alone=alone, effect=effect)
    needed, is_same = None, False
    if group and name != group[0]:
        found = family.pair(name, group[0])
        is_same = found.test == "permutation" and found.difference == 0
        needed = None if is_same else _needed(found, of_seeds.count, family.alpha_of_one)
    row = replace(row, needed=needed)
    return replace(row, words=verdict(row, best, group=group if family.is_real else (), is_same=is_same))


def interval(of_seeds: Spread, *, level: float) -> tuple[float, float] | None:
    """The interval that holds the true mean with the probability `level`, by Student's t; None for a single value."""
    if of_seeds.sd is None:
        return None
    reach = float(stdtrit(of_seeds.count - 1, (1 + level) / 2)) * of_seeds.sd / sqrt(of_seeds.count)
    return of_seeds.mean - reach, of_seeds.mean + reach


def _needed(found: Pair, count: int, alpha: float) -> int | None:
    assert found.effect is not None
    needed = seeds_needed(found.effect, alpha=alpha, is_paired=found.is_paired)
    return None if needed is None else max(needed, count + 1)
