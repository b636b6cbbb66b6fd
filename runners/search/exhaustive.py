"""Every combination in the order of the file."""

from __future__ import annotations

import sys
from typing import ClassVar

from convspec.candidates import Candidates
from convspec.knobs import Point, point_at
from convspec.search import Search
from runners.search.proposals import Outcomes, Proposal, Proposals


class ExhaustiveProposals(Proposals):
    """Counts through all points; the last knob turns fastest."""

    patience: ClassVar[int] = sys.maxsize

    def __init__(self, search: Search, candidates: Candidates) -> None:
        super().__init__(search, candidates)
        self._next = 0

    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        size, position = self.candidates.size, self._next
        assert size is not None, "an exhaustive search has an end"
        self._next += 1
        return point_at(self.candidates.knobs, position) if position < size else None

    def remember(self, proposal: Proposal, outcomes: Outcomes) -> None:
        self._next += proposal.attempts + 1
