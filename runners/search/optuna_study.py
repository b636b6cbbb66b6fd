"""Optuna's side of a search: a study in memory that holds trials as we know them, and asks a sampler."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import optuna
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from convspec.knobs import Point
from convspec.search import Objective
from runners.search.proposals import Told
from runners.search.space import Space, parameters, point_of

NAME = "search"


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna neither tells of its studies nor warns that some of it is experimental."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def new_study(objectives: Iterable[Objective], trials: Iterable[FrozenTrial] = ()) -> Study:
    """A study in memory with these trials; what is not said of its sampler is said when it is asked."""
    directions = [StudyDirection.MAXIMIZE if one.rises else StudyDirection.MINIMIZE for one in objectives]
    study = optuna.create_study(directions=directions, study_name=NAME)
    study.add_trials(trials)
    return study


class KeptStudy:
    """The study that was asked last, as long as what it holds stays the same: trials that failed in it change nothing."""

    def __init__(self, objectives: Iterable[Objective]) -> None:
        self.objectives = tuple(objectives)
        self._key: object = None
        self._study: Study | None = None

    def ask(
        self, key: object, trials: Callable[[], Iterable[FrozenTrial]], sampler: BaseSampler, space: Space
    ) -> Point:
        """The point that a sampler chooses behind these trials; `key` says whether they are the same as before."""
        if self._study is None or key != self._key:
            with quiet():
                self._key, self._study = key, new_study(self.objectives, trials())
        return ask(self._study, sampler, space)


def ask(study: Study, sampler: BaseSampler, space: Space) -> Point:
    """The point that a sampler chooses in a study, which stays as it was but for a trial that failed."""
    with quiet():
        study.sampler = sampler
        trial = study.ask(space)
        study.tell(trial, state=TrialState.FAIL)
    return point_of(space, trial.params)


def complete(
    space: Space, point: Point, values: Iterable[float], attributes: dict[str, object] | None = None
) -> FrozenTrial:
    """A trial with its objectives."""
    return create_trial(
        state=TrialState.COMPLETE,
        params=parameters(space, point),
        distributions=space,
        values=list(values),
        system_attrs=attributes,
    )


def running(space: Space, point: Point) -> FrozenTrial:
    """A trial that is not over yet."""
    return create_trial(state=TrialState.RUNNING, params=parameters(space, point), distributions=space)


def stopped(space: Space, point: Point, told: Told) -> FrozenTrial:
    """A trial that ended early, with the last objective that was measured."""
    assert told.values is not None, "a trial is stopped by what was measured"
    return create_trial(
        state=TrialState.PRUNED,
        params=parameters(space, point),
        distributions=space,
        intermediate_values={told.epochs: told.values[0]},
    )


def worst(objectives: Iterable[Objective], told: Iterable[Told]) -> tuple[float, ...]:
    """What a failed trial counts as: no better than any other in any objective."""
    known = [one.values for one in told if one.values is not None]
    return tuple(
        (min if objective.rises else max)((values[index] for values in known), default=0.0)
        for index, objective in enumerate(objectives)
    )
