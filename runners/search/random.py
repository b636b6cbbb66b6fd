"""Every trial drawn on its own."""

from __future__ import annotations

from optuna.samplers import RandomSampler

from convspec.candidates import Candidates
from convspec.knobs import Point
from convspec.search import Search
from runners.search.optuna_study import KeptStudy
from runners.search.proposals import Outcomes, Proposals
from runners.search.space import space_of


class RandomProposals(Proposals):
    """Optuna's random sampler, seeded anew for every number."""

    def __init__(self, search: Search, candidates: Candidates) -> None:
        super().__init__(search, candidates)
        self.space, self.study = space_of(candidates.knobs), KeptStudy(search.objectives)

    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        return self.study.ask("random", list, RandomSampler(self.seed(number, attempt)), self.space)
