"""Draws where good trials are dense: Optuna's tree-structured Parzen estimators."""

from __future__ import annotations

from collections.abc import Iterator

from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from convspec.candidates import Candidates
from convspec.knobs import Point
from convspec.search import Search, Tpe
from runners.search.optuna_study import KeptStudy, complete, quiet, running, stopped
from runners.search.proposals import Outcomes, Proposals
from runners.search.space import space_of


class TpeProposals(Proposals):
    """Knows all trials that are over, and takes those that are not for bad ones (a constant liar)."""

    def __init__(self, search: Search, candidates: Candidates) -> None:
        super().__init__(search, candidates)
        assert isinstance(search.strategy, Tpe)
        self.strategy, self.space = search.strategy, space_of(candidates.knobs)
        self.study = KeptStudy(search.objectives)

    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        with quiet():
            sampler = TPESampler(
                n_startup_trials=self.strategy.random_trials,
                multivariate=True,
                constant_liar=True,
                seed=self.seed(number, attempt),
            )
        known = number, len(outcomes)
        return self.study.ask(known, lambda: self._trials(outcomes), sampler, self.space)

    def _trials(self, outcomes: Outcomes) -> Iterator[FrozenTrial]:
        for number, point in enumerate(self.points):
            told = outcomes.get(number)
            if told is None:
                yield running(self.space, point)
            elif told.stopped:
                yield stopped(self.space, point, told)
            elif told.values is not None:
                yield complete(self.space, point, told.values)
