"""Slopes by finite differences of functions whose derivatives are known, and the doubt where there is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from runners.training.differences import PASSES, STEP, Difference, difference

TOLERANCE = 1e-6


def slope_of(function: Callable[[float], float], at: float, **options: float) -> Difference:
    values = np.array([7.0, at])
    return difference(lambda: function(values[1]), values, 1, here=function(at), **options)


@pytest.mark.parametrize(
    ("function", "at", "slope"),
    [
        (lambda w: w**2, -1.0, -2.0),
        (lambda w: w**3, 2.0, 12.0),
        (np.exp, 0.5, np.exp(0.5)),
        (np.sin, 2.0, np.cos(2.0)),
        (lambda w: 3.0, 1.0, 0.0),
        (lambda w: 1 / (1 + np.exp(-w)), 0.3, 0.24445831169074586),
    ],
    ids=["square", "cube", "exp", "sin", "constant", "sigmoid"],
)
def test_smooth_functions_have_their_slope_and_no_doubt(
    function: Callable[[float], float], at: float, slope: float
) -> None:
    found = slope_of(function, at)
    assert found.slope == pytest.approx(slope, abs=found.rounding)
    assert found.doubt <= found.rounding
    assert found.rounding < 1e-8


@pytest.mark.parametrize("distance", [0.0, 0.3, 0.6, 2 / 3, 0.9, 1.2, 1.9, -0.5, -1.5])
def test_a_kink_within_two_steps_is_doubted(distance: float) -> None:
    assert slope_of(lambda w: max(w, 0.0), -distance * STEP).doubt > 0.01


def test_a_kink_further_away_is_not_seen() -> None:
    found = slope_of(lambda w: max(w, 0.0), 3 * STEP)
    assert (found.slope, found.doubt) == (pytest.approx(1, abs=TOLERANCE), pytest.approx(0, abs=TOLERANCE))


def test_a_smaller_step_gets_past_a_kink() -> None:
    found = slope_of(lambda w: max(w, 0.0), STEP, shrink=1 / 8)
    assert (found.slope, found.doubt) == (pytest.approx(1, abs=TOLERANCE), pytest.approx(0, abs=TOLERANCE))


def test_the_weight_is_put_back_and_the_passes_are_counted() -> None:
    values, kept, calls = np.array([0.1, 0.7]), np.array([0.1, 0.7]), []

    def cost() -> float:
        calls.append(values.copy())
        return 0.0

    difference(cost, values, 1, here=0.0)
    assert np.array_equal(values, kept)
    assert len(calls) == PASSES
    assert all(call[0] == kept[0] and call[1] != kept[1] for call in calls)


def test_the_weight_is_put_back_where_the_cost_cannot_be_computed() -> None:
    values = np.array([0.7])

    def cost() -> float:
        raise MemoryError

    with pytest.raises(MemoryError):
        difference(cost, values, 0, here=0.0)
    assert values[0] == 0.7
