"""How a trial of a search ended, put together from its trainings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from runners.family.task import Outcome

if TYPE_CHECKING:
    from runners.search.course import Course, End, Trial


def end_of(trial: Trial, outcomes: Sequence[Outcome], course: Course) -> End:
    """How a trial ended, put together from the trainings over its seeds."""
    from runners.search.course import End

    seconds, epochs = sum(one.seconds for one in outcomes), max(one.epochs for one in outcomes)
    names = set.intersection(*(set(one.metrics) for one in outcomes))
    metrics = {name: fmean(one.metrics[name] for one in outcomes) for name in sorted(names)}
    failed = next((one for one in outcomes if one.status == "FAILED"), None)
    if failed is not None:
        return End("FAILED", None, failed.reason, metrics, seconds, epochs)
    stopped = next((one for one in outcomes if one.status == "STOPPED"), None)
    if stopped is not None:
        last = course.measured(trial.number, stopped.epochs)
        assert last is not None, "a trial is stopped by what was measured"
        if math.isnan(last):
            metric = course.searching.search.objectives[0].metric
            return End("FAILED", None, f"it has no {metric}", metrics, seconds, epochs)
        return End("STOPPED", (last,), stopped.reason, metrics, seconds, epochs)
    plan = trial.candidate.loaded.plan
    known = metrics | {
        "parameters": float(plan.parameter_count),
        "multiply_adds": float(plan.multiply_adds),
        "time/training_seconds": seconds / len(outcomes),
    }
    values = tuple(known.get(one.metric, math.nan) for one in course.searching.search.objectives)
    for one, value in zip(course.searching.search.objectives, values, strict=True):
        if not math.isfinite(value):
            return End("FAILED", None, f"its {one.metric} is not a finite number", metrics, seconds, epochs)
    return End("FINISHED", values, "", metrics, seconds, epochs)
