"""The trainings that a comparison is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from convspec.errors import UserError

FINISHED = "FINISHED"
_HIGHER, _LOWER = ("accuracy", "r2"), ("cost", "error", "time")
_PREFERRED = ("accuracy/test", "error/test", "r2/test", "cost/test")


@dataclass(frozen=True)
class Member:
    """One training of one architecture with one seed, and what came of it.

    `metrics` are the last figures by name; `parameters`, `multiply_adds` (of one example) and `seconds` (of training) are None
    where they are not known. `status` is MLflow's, FINISHED where there is a result; else `reason` says why there is none.
    """

    architecture: str
    seed: int
    metrics: Mapping[str, float]
    parameters: int | None
    multiply_adds: int | None
    seconds: float | None
    status: str = FINISHED
    reason: str = ""
    run_id: str = ""


def metric_of(members: Iterable[Member], asked: str | None = None) -> str:
    """The metric to compare by: the one asked for, else accuracy on test examples, else the error where numbers are told.

    Raises UserError where no finished member has it.
    """
    names = sorted({name for member in members if member.status == FINISHED for name in member.metrics})
    for name in (asked,) if asked else _PREFERRED:
        if name in names:
            return name
    if not names:
        raise UserError("None of the runs has finished with a figure to compare.", hint="See `convspec list`.")
    raise UserError(f"No finished run has the metric {asked or _PREFERRED[0]}.", hint=f"There are {', '.join(names)}.")


def higher_is_better(metric: str) -> bool:
    """Whether more of a metric is better, by what stands before the slash. Raises UserError where that is not known."""
    kind = metric.partition("/")[0]
    if kind not in (*_HIGHER, *_LOWER):
        raise UserError(
            f"Whether more or less of {metric} is better is not known.", hint="Say --better higher, or lower."
        )
    return kind in _HIGHER
