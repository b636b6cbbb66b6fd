"""What share of the optimizer's learning rate a step takes: a function of the step's number alone."""

from __future__ import annotations

from functools import singledispatch
from math import cos, pi
from typing import NamedTuple

from convspec import schedules
from convspec.errors import UserError


class Length(NamedTuple):
    """How long a training is, or what is left of it behind the warm-up, and an epoch of it; in steps of the optimizer."""

    steps: int
    epoch: int


def share_at(schedule: schedules.Schedule, step: int, length: Length) -> float:
    """The share of the learning rate that is taken at a step, counted from 0. Raises UserError where it is of no kind."""
    rise = _rise(schedule.warm_up, length.epoch)
    rest = Length(max(length.steps - rise, 1), length.epoch)
    if step < rise:
        return (step + 1) / rise * share(schedule, 0, rest)
    return share(schedule, step - rise, rest)


def _rise(warm_up: schedules.WarmUp | None, epoch: int) -> int:
    if warm_up is None:
        return 0
    return warm_up.steps or (warm_up.epochs or 0) * epoch


@singledispatch
def share(schedule: schedules.Schedule, step: int, length: Length) -> float:
    """The share without a warm-up."""
    raise UserError(f"training.schedule: {schedule.kind} cannot be computed.", hint="Choose another schedule.")


@share.register
def _(schedule: schedules.Constant, step: int, length: Length) -> float:
    return 1.0


@share.register
def _(schedule: schedules.StepWise, step: int, length: Length) -> float:
    return float(schedule.factor ** (step // (schedule.every * length.epoch)))


@share.register
def _(schedule: schedules.Cosine, step: int, length: Length) -> float:
    return _along_cosine(1.0, schedule.final, step / length.steps)


@share.register
def _(schedule: schedules.OneCycle, step: int, length: Length) -> float:
    """As PyTorch counts: the top is reached `peak` of all steps, less one, into the training, the end at its last step."""
    top, last = max(schedule.peak * length.steps - 1, 0.0), max(length.steps - 1, 1)
    if step < top:
        return _along_cosine(schedule.initial, 1.0, step / top)
    return _along_cosine(1.0, schedule.final, (step - top) / (last - top))


def _along_cosine(start: float, end: float, way: float) -> float:
    return end + (start - end) * (1 + cos(pi * way)) / 2
