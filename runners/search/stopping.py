"""Verdicts between two epochs: whether a trial that does badly goes on. Optuna's pruners decide."""

from __future__ import annotations

from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner
from optuna.trial import Trial, TrialState

from convspec import search as specs
from convspec.search import Search, Stopping
from runners.search.optuna_study import new_study, quiet
from runners.search.proposals import Told


class Verdicts:
    """What epochs achieved, trial by trial. The same reports in the same order give the same verdicts."""

    def __init__(self, search: Search, *, epochs: int) -> None:
        assert search.stopping is not None
        with quiet():
            self.study = new_study(search.objectives)
            self.study.pruner = _pruner(search.stopping, epochs)
        self._trials: list[Trial] = []

    def begin(self, number: int) -> None:
        """A trial begins; they begin in the order of their numbers."""
        assert number == len(self._trials), "trials begin in order"
        with quiet():
            self._trials.append(self.study.ask())

    def goes_on(self, number: int, epoch: int, value: float) -> bool:
        """Whether a trial goes on behind an epoch with this objective."""
        with quiet():
            self._trials[number].report(value, epoch)
            return not self._trials[number].should_prune()

    def over(self, told: Told) -> None:
        """A trial has ended."""
        with quiet():
            if told.stopped or told.values is None:
                state = TrialState.PRUNED if told.stopped else TrialState.FAIL
                self.study.tell(self._trials[told.number], state=state)
            else:
                self.study.tell(self._trials[told.number], told.values)


def _pruner(stopping: Stopping, epochs: int) -> BasePruner:
    match stopping:
        case specs.Median(trials=trials, epochs=least):
            return MedianPruner(n_startup_trials=trials, n_warmup_steps=least)
        case specs.SuccessiveHalving(epochs=least, factor=factor):
            return SuccessiveHalvingPruner(min_resource=least, reduction_factor=factor)
        case specs.Hyperband(epochs=least, factor=factor):
            return HyperbandPruner(min_resource=least, max_resource=max(epochs, least), reduction_factor=factor)
    raise AssertionError(f"{stopping.kind} has a pruner")
