"""Shares of the learning rate by hand: they follow from the number of the step alone."""

from __future__ import annotations

from math import cos, pi, sqrt
from typing import Any

import pytest

from convspec.errors import UserError
from convspec.schedules import Constant, Cosine, OneCycle, Schedule, StepWise, WarmUp
from runners.training.schedules import Length, share_at

LENGTH = Length(steps=12, epoch=3)


def shares(schedule: Schedule, length: Length = LENGTH) -> list[float]:
    return [share_at(schedule, step, length) for step in range(length.steps)]


HALF = sqrt(0.5)
CASES: dict[str, tuple[Schedule, list[float]]] = {
    "constant": (Constant(), [1] * 12),
    "step": (StepWise(every=2, factor=0.5), [1] * 6 + [0.5] * 6),
    "step every epoch": (StepWise(every=1), [1] * 3 + [0.1] * 3 + [0.01] * 3 + [0.001] * 3),
    "warm up of two epochs": (
        Constant(warm_up=WarmUp(epochs=2)),
        [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1, 1, 1, 1, 1],
    ),
    "warm up of two steps": (Constant(warm_up=WarmUp(steps=2)), [0.5] + [1] * 11),
    "the epochs of a step count from the end of the warm-up": (
        StepWise(every=2, factor=0.5, warm_up=WarmUp(epochs=1)),
        [1 / 3, 2 / 3, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5],
    ),
    # eight steps are left: eighths of half a turn
    "cosine behind a warm-up": (
        Cosine(warm_up=WarmUp(steps=4)),
        [0.25, 0.5, 0.75, 1, *((1 + cos(pi * step / 8)) / 2 for step in range(8))],
    ),
    # the top at 0.5 * 12 - 1 = 5 steps, the end at step 11
    "one cycle": (
        OneCycle(peak=0.5, initial=0.2, final=0.1),
        [
            *(0.2 + 0.8 * (1 - cos(pi * step / 5)) / 2 for step in range(5)),
            *(0.1 + 0.9 * (1 + cos(pi * step / 6)) / 2 for step in range(7)),
        ],
    ),
    "one cycle behind a warm-up": (
        OneCycle(peak=0.3, initial=0.2, final=0.1, warm_up=WarmUp(steps=2)),
        [0.1, 0.2, 0.2, 0.6, *(0.1 + 0.9 * (1 + cos(pi * step / 7)) / 2 for step in range(8))],
    ),
}


@pytest.mark.parametrize(("schedule", "expected"), CASES.values(), ids=CASES)
def test_shares_by_hand(schedule: Schedule, expected: list[float]) -> None:
    assert shares(schedule) == pytest.approx(expected, rel=1e-12)


def test_a_cosine_by_hand() -> None:
    quarters = shares(Cosine(final=0.2), Length(4, 1))
    assert quarters == pytest.approx([1, 0.6 + 0.4 * HALF, 0.6, 0.6 - 0.4 * HALF])


@pytest.mark.parametrize("schedule", [Constant(), Cosine(), OneCycle(), StepWise(every=1)], ids=lambda each: each.kind)
@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warm_up", [None, WarmUp(steps=1), WarmUp(steps=9)], ids=["none", "short", "too long"])
def test_the_shortest_trainings_have_shares_too(schedule: Any, steps: int, warm_up: WarmUp | None) -> None:
    made = type(schedule)(**{**vars(schedule), "warm_up": warm_up})
    assert all(0 < share <= 1 for share in shares(made, Length(steps, 1)))


def test_a_kind_without_a_function_is_refused_by_name() -> None:
    class Unknown:
        kind = "sawtooth"
        warm_up = None

    with pytest.raises(UserError, match=r"training\.schedule: sawtooth cannot be computed\."):
        share_at(Unknown(), 0, LENGTH)  # type: ignore[arg-type]
