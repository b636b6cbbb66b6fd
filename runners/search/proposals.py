"""What every strategy has in common: proposals by number, none of them twice, all of them candidates that can be trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from random import Random
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from convspec.candidates import MOST_COUNTED, Candidate, Candidates, random_point
from convspec.knobs import Point, point_at
from convspec.search import Objective, Search

ATTEMPTS = 100
"""Points that a strategy may choose for one number before chance takes over."""
LAST_RESORT = 1000
"""Points drawn at random where all that a strategy chose were invalid or known already, and there are too many to go through."""


class Told(NamedTuple):
    """What came of a trial: its objectives in their order, or None where it failed. `stopped`: it ended early, after
    `epochs`, and the objective is the last that was measured."""

    number: int
    values: tuple[float, ...] | None
    stopped: bool = False
    epochs: int = 0


class Waiting(NamedTuple):
    """The next proposal depends on trials that are not over yet."""


class Exhausted(NamedTuple):
    """There is no further candidate."""

    reason: str


Outcomes = Mapping[int, Told]
"""Trials that are over, by their numbers."""


Rejected = Mapping[str, Sequence[Point]]
"""Points that are no candidates, by the reason."""


class Proposal(NamedTuple):
    """A candidate for a number, how many points were chosen in vain before it, and those of them that were rejected, behind the
    proposal before."""

    number: int
    candidate: Candidate
    attempts: int
    rejected: Rejected = MappingProxyType({})


class Proposals(ABC):
    """The list of trials of one search. Number i follows from the search's seed, from the proposals before it and from those
    outcomes alone that the strategy waits for: so it is the same in whatever order trials end."""

    patience: ClassVar[int] = ATTEMPTS

    def __init__(self, search: Search, candidates: Candidates) -> None:
        self.search, self.candidates = search, candidates
        self.points: list[Point] = []
        self.rejected: Counter[str] = Counter()
        self._in_vain: dict[str, list[Point]] = {}
        self._digests: dict[str, int] = {}
        self._known: dict[Point, str] = {}

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return self.search.objectives

    def propose(self, outcomes: Outcomes) -> Proposal | Waiting | Exhausted:
        """The next trial; what cannot be built, is beyond the budget or was proposed already costs no number."""
        number = len(self.points)
        if not self.is_ready(number, outcomes):
            return Waiting()
        if self.is_spent:
            return self._exhausted(number)
        for attempt in range(self.patience):
            point = self.choose(number, attempt, outcomes)
            if point is None:
                return self._all_tried()
            found = self._new(point)
            if found is not None:
                return self._accept(number, found, attempt)
            if self.is_spent:
                break
        for attempt, point in enumerate(self._last_resort(number), self.patience):
            found = self._new(point)
            if found is not None:
                return self._accept(number, found, attempt)
        return self._exhausted(number)

    @property
    def is_spent(self) -> bool:
        """Whether every point there is was proposed, or cannot be."""
        return len(self._known) == self.candidates.size

    def _exhausted(self, number: int) -> Exhausted:
        if not self.is_spent:
            return Exhausted(f"no new candidate was found for trial {number} in {ATTEMPTS + LAST_RESORT:,} draws")
        return self._all_tried()

    def _all_tried(self) -> Exhausted:
        size = self.candidates.size
        return Exhausted("the one combination is tried" if size == 1 else f"all {size:,} combinations are tried")

    def recall(self, proposal: Proposal, outcomes: Outcomes) -> None:
        """Takes the next trial over as it was proposed before an interruption, when these outcomes were known."""
        self.remember(proposal, outcomes)
        for reason, points in proposal.rejected.items():
            self.rejected[reason] += len(points)
            self._known |= dict.fromkeys(points, "")
        self._keep(proposal)

    @abstractmethod
    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        """A point for a number, another one at each attempt; None where there are no more."""

    def is_ready(self, number: int, outcomes: Outcomes) -> bool:
        """Whether everything is known that a number depends on."""
        return True

    def accept(self, proposal: Proposal) -> None:
        """A strategy with a memory keeps here what was chosen; others need not."""
        return

    def remember(self, proposal: Proposal, outcomes: Outcomes) -> None:
        """A strategy with a memory goes here through what it went through before; others need not."""
        return

    def seed(self, number: int, attempt: int) -> int:
        """A seed of 31 bits for one attempt at one number."""
        text = f"{self.search.seed} {number} {attempt}"
        return int.from_bytes(sha256(text.encode()).digest()[:4], "big") >> 1

    def _accept(self, number: int, candidate: Candidate, attempts: int) -> Proposal:
        proposal = Proposal(number, candidate, attempts, self._in_vain)
        self._in_vain = {}
        self.accept(proposal)
        self._keep(proposal)
        return proposal

    def _keep(self, proposal: Proposal) -> None:
        self.points.append(proposal.candidate.point)
        self._digests.setdefault(proposal.candidate.digest, proposal.number)
        self._known[proposal.candidate.point] = proposal.candidate.digest

    def _new(self, point: Point) -> Candidate | None:
        """The candidate of a point, unless there is none or it was proposed already."""
        if point in self._known and (self._known[point] in self._digests or not self._known[point]):
            return None
        found = self.candidates.at(point)
        digest = found.digest if isinstance(found, Candidate) else ""
        self._known[point] = digest
        if not isinstance(found, Candidate):
            self.rejected[found.reason] += 1
            self._in_vain.setdefault(found.reason, []).append(point)
            return None
        return None if digest in self._digests else found

    def _last_resort(self, number: int) -> Iterator[Point]:
        """Every point that is not known yet in random order, or some drawn at random."""
        if self.is_spent:
            return
        chance, knobs, size = Random(self.seed(number, -1)), self.candidates.knobs, self.candidates.size
        if size is not None and size <= MOST_COUNTED:
            yield from (point_at(knobs, position) for position in chance.sample(range(size), size))
        else:
            yield from (random_point(knobs, chance) for _ in range(LAST_RESORT))
