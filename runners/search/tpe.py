"""Draws where good trials are dense: Optuna's tree-structured Parzen estimators."""

from __future__ import annotations

from optuna.samplers import TPESampler
from optuna.trial import TrialState

from convspec.candidates import Candidates
from convspec.knobs import Point
from convspec.search import Search, Tpe
from runners.search.optuna_study import ask, new_study, quiet, running, stopped
from runners.search.proposals import Outcomes, Proposal, Proposals, Told
from runners.search.space import space_of


class TpeProposals(Proposals):
    """Knows all trials that are over, and takes those that are not for bad ones (a constant liar). Its study holds the trials in
    the order of their numbers."""

    def __init__(self, search: Search, candidates: Candidates) -> None:
        super().__init__(search, candidates)
        assert isinstance(search.strategy, Tpe)
        self.strategy, self.space = search.strategy, space_of(candidates.knobs)
        with quiet():
            self.study = new_study(search.objectives)
        self._places: list[
            int
        ] = []  # of each trial among those of the study, in which choices in vain have a place too
        self._told: set[int] = set()

    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        with quiet():
            self._bring_up_to_date(outcomes)
            sampler = TPESampler(
                n_startup_trials=self.strategy.random_trials,
                multivariate=True,
                constant_liar=True,
                seed=self.seed(number, attempt),
            )
        return ask(self.study, sampler, self.space)

    def remember(self, proposal: Proposal, outcomes: Outcomes) -> None:
        with quiet():
            self._bring_up_to_date(outcomes)

    def _bring_up_to_date(self, outcomes: Outcomes) -> None:
        for point in self.points[len(self._places) :]:
            self._places.append(len(self.study.get_trials(deepcopy=False)))
            self.study.add_trial(running(self.space, point))
        for number in sorted(outcomes.keys() - self._told):
            self._tell(outcomes[number])
            self._told.add(number)

    def _tell(self, told: Told) -> None:
        place = self._places[told.number]
        if told.stopped:
            self.study.tell(place, state=TrialState.FAIL)
            self.study.add_trial(stopped(self.space, self.points[told.number], told))
        elif told.values is None:
            self.study.tell(place, state=TrialState.FAIL)
        else:
            self.study.tell(place, told.values)
