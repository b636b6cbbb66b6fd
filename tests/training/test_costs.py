"""Costs by hand, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convspec.costs import Cost, CrossEntropy, Squared
from convspec.errors import UserError
from runners.training.costs import cost_function


@pytest.mark.parametrize(
    ("cost", "costs", "gradient"),
    [
        # softmax of (ln 1, ln 2, ln 5) is (1/8, 2/8, 5/8)
        (CrossEntropy(), [np.log(4), np.log(8 / 5)], [[1 / 8, -6 / 8, 5 / 8], [1 / 8, 2 / 8, -3 / 8]]),
        (
            Squared(),
            [np.log(2) ** 2 - 2 * np.log(2) + 1 + np.log(5) ** 2, np.log(2) ** 2 + (np.log(5) - 1) ** 2],
            [[0, 2 * np.log(2) - 2, 2 * np.log(5)], [0, 2 * np.log(2), 2 * np.log(5) - 2]],
        ),
    ],
    ids=["cross_entropy", "squared"],
)
def test_costs_and_gradients_by_hand(cost: Cost, costs: Any, gradient: Any) -> None:
    votes = np.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]])
    before = votes.copy()
    found = cost_function(cost)(votes, np.array([1, 2]))
    np.testing.assert_allclose(found[0], costs, rtol=1e-14)
    np.testing.assert_allclose(found[1], gradient, rtol=1e-14, atol=1e-15)
    assert np.array_equal(votes, before)


@pytest.mark.parametrize("cost", [CrossEntropy(), Squared()], ids=["cross_entropy", "squared"])
def test_gradients_are_those_of_finite_differences(cost: Cost) -> None:
    function, truth = cost_function(cost), np.array([2, 0, 1, 1])
    votes = np.random.default_rng(0).standard_normal((4, 3))
    _, gradient = function(votes, truth)
    for place in np.ndindex(votes.shape):
        step = np.zeros_like(votes)
        step[place] = 1e-5
        difference = function(votes + step, truth)[0].sum() - function(votes - step, truth)[0].sum()
        assert gradient[place] == pytest.approx(difference / 2e-5, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_enormous_votes_is_finite_and_keeps_their_precision(dtype: Any) -> None:
    votes = np.array([[1e4, 0, -1e4], [-1e30, 0, 1e30]], dtype)
    costs, gradient = cost_function(CrossEntropy())(votes, np.array([1, 2]))
    assert costs.tolist() == [1e4, 0]
    assert gradient.tolist() == [[1, -1, 0], [0, 0, 0]]
    assert costs.dtype == gradient.dtype == dtype


def test_votes_may_be_seen_sideways() -> None:
    votes = np.random.default_rng(0).standard_normal((3, 5))
    sideways, upright = (cost_function(CrossEntropy())(v, np.array([0, 1, 2, 0, 1])) for v in (votes.T, votes.T.copy()))
    np.testing.assert_allclose(sideways[0], upright[0], rtol=1e-14)
    np.testing.assert_allclose(sideways[1], upright[1], rtol=1e-14)


def test_a_kind_without_a_function_is_refused_by_name() -> None:
    class Unknown:
        kind = "hinge"

    with pytest.raises(UserError, match=r"training\.cost: hinge cannot be computed\."):
        cost_function(Unknown())  # type: ignore[arg-type]
