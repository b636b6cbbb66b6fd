"""How much each knob matters: its share in what the first objective varies over the finished trials."""

from __future__ import annotations

from collections.abc import Sequence

from convspec.searching import Searching
from runners.search.course import Trial
from runners.search.front import ranked

LEAST = 20
"""Finished trials below which nothing is said."""


def importances(searching: Searching, trials: Sequence[Trial]) -> dict[str, float]:
    """Functional ANOVA of random forests (Hutter et al. 2014), the most important knob first; empty where there are few trials,
    or where the objective does not vary."""
    finished = ranked(trials, searching.search.objectives)
    if len(finished) < LEAST or _first(finished[0]) == _first(finished[-1]) or len(searching.search.knobs) < 2:
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    from runners.search.optuna_study import complete, new_study, quiet
    from runners.search.space import space_of

    space = space_of(searching.search.turned)
    known = [complete(space, trial.candidate.point, [_first(trial)]) for trial in finished]
    with quiet():
        study = new_study(searching.search.objectives[:1], known)
        return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))


def _first(trial: Trial) -> float:
    assert trial.end is not None and trial.end.values is not None
    return trial.end.values[0]
