"""Which trials are the best: one where there is one objective, a front where there are several."""

from __future__ import annotations

from collections.abc import Sequence

from convspec.search import Objective
from runners.search.course import Trial


def losses(values: Sequence[float], objectives: Sequence[Objective]) -> tuple[float, ...]:
    """The objectives as figures that are better the lower they are."""
    return tuple(-value if one.rises else value for value, one in zip(values, objectives, strict=True))


def ranked(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """The finished trials, the best in the first objective first; equals in the order of their numbers."""
    finished = [trial for trial in trials if trial.end is not None and trial.end.status == "FINISHED"]
    return sorted(finished, key=lambda trial: (losses(_values(trial), objectives), trial.number))


def front(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """The finished trials that no other beats, which would be as good in every objective and better in one; ranked. With one
    objective that is the first of the best."""
    order = ranked(trials, objectives)
    if len(objectives) == 1:
        return order[:1]
    kept: list[Trial] = []
    for trial in order:
        mine = losses(_values(trial), objectives)
        if not any(_beats(losses(_values(other), objectives), mine) for other in kept):
            kept.append(trial)
    return kept


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def _values(trial: Trial) -> tuple[float, ...]:
    assert trial.end is not None and trial.end.values is not None
    return trial.end.values
