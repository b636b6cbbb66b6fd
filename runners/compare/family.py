"""All pairs of a comparison, tested together: Holm's correction, and the groups that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from runners.compare.pairs import Pair, pair

MOST_PAIRED = 100
"""Architectures of which every pair is tested; of more, each is tested against the best of groups alone, which are corrected for
all pairs as well (Bonferroni)."""


class Family:
    """Tests among `values[architecture][seed]`, the best architecture first, each with two seeds at least.

    `sign` is 1 where more is better, and -1 where less is; `alpha` is the share of experiments without a difference in which
    any may be found.
    """

    def __init__(self, values: Mapping[str, Mapping[int, float]], *, sign: int, alpha: float) -> None:
        self.alpha = alpha
        self._values, self._sign = values, sign
        self._tests = len(values) * (len(values) - 1) // 2
        self._pairs: dict[tuple[str, str], Pair] = {}
        self._corrected: dict[tuple[str, str], float] = {}
        if len(values) <= MOST_PAIRED:
            self._test_all()
        self._groups = self._grouped()
        self._place = {name: number for number, group in enumerate(self._groups) for name in group}

    @property
    def alpha_of_one(self) -> float:
        """What each test may at least be held to."""
        return self.alpha / max(1, self._tests)

    @property
    def is_real(self) -> bool:
        """Whether there is anything to be tested."""
        return self._tests > 0

    def pair(self, one: str, other: str) -> Pair:
        """One architecture against another that stands before it."""
        if (one, other) not in self._pairs:
            self._pairs[one, other] = pair(self._values[one], self._values[other])
        return self._pairs[one, other]

    def p(self, one: str, other: str) -> float:
        """How likely so large a difference is where there is none, corrected for all tests."""
        alone = self.pair(one, other).p
        assert alone is not None
        return self._corrected.get((one, other), min(1.0, alone * self._tests))

    def group(self, name: str) -> Sequence[str]:
        """The architectures that are in one group with this one, the best first; none for one that is not tested."""
        return self._groups[self._place[name]] if name in self._place else ()

    def number(self, name: str) -> int | None:
        """The group's number, from 1."""
        return self._place[name] + 1 if name in self._place else None

    def _test_all(self) -> None:
        names = [(worse, better) for better, worse in combinations(self._values, 2)]
        alone = [self.pair(*each).p or 0.0 for each in names]
        self._corrected = dict(zip(names, holm(alone), strict=True))

    def _grouped(self) -> list[list[str]]:
        """The best of those left, with all that cannot be told from it, is the next group."""
        left, groups = list(self._values), []
        while left:
            leader = left[0]
            group = [name for name in left if name == leader or not self._is_worse(name, leader)]
            groups.append(group)
            left = [name for name in left if name not in set(group)]
        return groups

    def _is_worse(self, name: str, leader: str) -> bool:
        return self.p(name, leader) <= self.alpha and self._sign * self.pair(name, leader).difference < 0


def holm(alone: Sequence[float]) -> list[float]:
    """Each p corrected for all of them, in the order given (Holm 1979): the smallest of n times n, the next times n - 1, ...;
    none less than one before it.
    """
    corrected, largest = [0.0] * len(alone), 0.0
    for done, index in enumerate(sorted(range(len(alone)), key=alone.__getitem__)):
        largest = max(largest, min(1.0, alone[index] * (len(alone) - done)))
        corrected[index] = largest
    return corrected
