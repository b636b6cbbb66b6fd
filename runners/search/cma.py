"""A normal distribution that moves and changes its shape: Optuna's CMA-ES."""

from __future__ import annotations

from optuna.samplers import CmaEsSampler
from optuna.trial import Trial, TrialState

from convspec.candidates import Candidates
from convspec.knobs import Point
from convspec.search import Cma, Search
from runners.search.optuna_study import new_study, quiet
from runners.search.proposals import ATTEMPTS, Outcomes, Proposal, Proposals
from runners.search.space import parameters, point_of, space_of


class CmaProposals(Proposals):
    """Its distribution lives in a study that goes through the whole search; after an interruption it does so again."""

    def __init__(self, search: Search, candidates: Candidates) -> None:
        super().__init__(search, candidates)
        assert isinstance(search.strategy, Cma)
        self.strategy, self.space = search.strategy, space_of(candidates.knobs)
        with quiet():
            self.study = new_study(self.objectives)
        self._asked: Trial | None = None
        self._trials: list[Trial] = []
        self._told: set[int] = set()

    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        with quiet():
            self._tell(outcomes)
            self._dismiss()
            self.study.sampler = CmaEsSampler(
                seed=self.seed(number, attempt),
                popsize=self.strategy.population,
                with_margin=True,
                warn_independent_sampling=False,
            )
            self._asked = self.study.ask(self.space)
        return point_of(self.space, self._asked.params)

    def accept(self, proposal: Proposal) -> None:
        point, asked = proposal.candidate.point, self._asked
        if asked is None or point_of(self.space, asked.params) != point:
            with quiet():
                self._dismiss()
                self.study.enqueue_trial(parameters(self.space, point))
                asked = self.study.ask(self.space)
        self._trials.append(asked)
        self._asked = None

    def remember(self, proposal: Proposal, outcomes: Outcomes) -> None:
        for attempt in range(min(proposal.attempts + 1, ATTEMPTS)):
            self.choose(proposal.number, attempt, outcomes)
        self.accept(proposal)

    def _tell(self, outcomes: Outcomes) -> None:
        for number in sorted(outcomes.keys() - self._told):
            told = outcomes[number]
            state = TrialState.FAIL if told.values is None else TrialState.COMPLETE
            self.study.tell(self._trials[number], told.values, state=state)
            self._told.add(number)

    def _dismiss(self) -> None:
        """What was asked for last is not trained."""
        if self._asked is not None:
            self.study.tell(self._asked, state=TrialState.FAIL)
            self._asked = None
