"""Generations that cross and mutate the best of all before: Optuna's NSGA-II."""

from __future__ import annotations

from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial

from convspec.candidates import Candidates
from convspec.knobs import Point
from convspec.search import Genetic, Search
from runners.search.optuna_study import KeptStudy, complete, quiet, worst
from runners.search.proposals import Outcomes, Proposals
from runners.search.space import space_of

GENERATION = "NSGAIISampler:generation"
"""Where the sampler looks for the generation of a trial."""


class GeneticProposals(Proposals):
    """Trial i belongs to generation i // population, and knows of all generations before it and of nothing else."""

    def __init__(self, search: Search, candidates: Candidates) -> None:
        super().__init__(search, candidates)
        assert isinstance(search.strategy, Genetic)
        self.strategy, self.space = search.strategy, space_of(candidates.knobs)
        self.study = KeptStudy(search.objectives)
        self._selected = -1

    def is_ready(self, number: int, outcomes: Outcomes) -> bool:
        return all(earlier in outcomes for earlier in range(self._first(number)))

    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        first = self._first(number)
        if self._selected != first and number != first:
            # Optuna gives who selects the parents another order of them than those who ask later: as before an interruption
            self._asked(first, 0, outcomes)
        self._selected = first
        return self._asked(number, attempt, outcomes)

    def _asked(self, number: int, attempt: int, outcomes: Outcomes) -> Point:
        strategy = self.strategy
        with quiet():
            sampler = NSGAIISampler(
                population_size=strategy.population,
                crossover_prob=strategy.crossover,
                mutation_prob=strategy.mutation,
                seed=self.seed(number, attempt),
            )
        first = self._first(number)
        return self.study.ask(first, lambda: self._ancestors(first, outcomes), sampler, self.space)

    def _first(self, number: int) -> int:
        """The first number of the generation that a number belongs to."""
        return number - number % self.strategy.population

    def _ancestors(self, first: int, outcomes: Outcomes) -> list[FrozenTrial]:
        known = [outcomes[earlier] for earlier in range(first)]
        lost = worst(self.objectives, known)
        return [
            complete(
                self.space,
                self.points[one.number],
                one.values or lost,
                {GENERATION: one.number // self.strategy.population},
            )
            for one in known
        ]
