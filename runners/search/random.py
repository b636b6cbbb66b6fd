"""Every trial drawn on its own."""

from __future__ import annotations

from optuna.samplers import RandomSampler

from convspec.knobs import Point
from runners.search.optuna_study import ask, new_study, quiet
from runners.search.proposals import Outcomes, Proposals
from runners.search.space import space_of


class RandomProposals(Proposals):
    """Optuna's random sampler, seeded anew for every number."""

    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        with quiet():
            return ask(
                new_study(self.objectives), RandomSampler(self.seed(number, attempt)), space_of(self.candidates.knobs)
            )
