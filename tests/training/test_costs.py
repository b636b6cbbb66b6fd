"""Costs by hand, and their gradients."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
import pytest

from convspec.costs import Absolute, Cost, CrossEntropy, Exponential, Huber, Squared, SquareRoot
from convspec.errors import UserError
from runners.training.costs import batch_function, cost_function, mean_cost, weight_of

WEIGHTED = CrossEntropy(class_weights=(2.0, 1.0, 0.5))
SMOOTH = CrossEntropy(label_smoothing=0.3)
BOTH = CrossEntropy(class_weights=(2.0, 1.0, 0.5), label_smoothing=0.3)
COSTS = {
    "cross_entropy": CrossEntropy(),
    "class_weights": WEIGHTED,
    "label_smoothing": SMOOTH,
    "both": BOTH,
    "squared": Squared(),
    "absolute": Absolute(),
    "square_root": SquareRoot(),
    "exponential": Exponential(),
    "huber": Huber(delta=0.7),
}


@pytest.mark.parametrize(
    ("cost", "costs", "gradient"),
    [
        # softmax of (ln 1, ln 2, ln 5) is (1/8, 2/8, 5/8)
        (CrossEntropy(), [log(4), log(8 / 5)], [[1 / 8, -6 / 8, 5 / 8], [1 / 8, 2 / 8, -3 / 8]]),
        (WEIGHTED, [log(4), log(8 / 5) / 2], [[1 / 8, -6 / 8, 5 / 8], [1 / 16, 2 / 16, -3 / 16]]),
        # the truth is 0.1 everywhere and 0.7 more at the true class: (0.1, 0.8, 0.1) and (0.1, 0.1, 0.8)
        (
            SMOOTH,
            [0.1 * log(8) + 0.8 * log(4) + 0.1 * log(8 / 5), 0.1 * log(8) + 0.1 * log(4) + 0.8 * log(8 / 5)],
            [[0.125 - 0.1, 0.25 - 0.8, 0.625 - 0.1], [0.125 - 0.1, 0.25 - 0.1, 0.625 - 0.8]],
        ),
        # times the weights: (0.2, 0.8, 0.05), which is 1.05 in all, and (0.2, 0.1, 0.4), which is 0.7
        (
            BOTH,
            [0.2 * log(8) + 0.8 * log(4) + 0.05 * log(8 / 5), 0.2 * log(8) + 0.1 * log(4) + 0.4 * log(8 / 5)],
            [
                [1.05 / 8 - 0.2, 1.05 / 4 - 0.8, 1.05 * 5 / 8 - 0.05],
                [0.7 / 8 - 0.2, 0.7 / 4 - 0.1, 0.7 * 5 / 8 - 0.4],
            ],
        ),
        (
            Squared(),
            [log(2) ** 2 - 2 * log(2) + 1 + log(5) ** 2, log(2) ** 2 + (log(5) - 1) ** 2],
            [[0, 2 * log(2) - 2, 2 * log(5)], [0, 2 * log(2), 2 * log(5) - 2]],
        ),
    ],
    ids=["cross_entropy", "class_weights", "label_smoothing", "both", "squared"],
)
def test_costs_and_gradients_by_hand(cost: Cost, costs: Any, gradient: Any) -> None:
    votes = np.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]])
    before = votes.copy()
    found = cost_function(cost)(votes, np.array([1, 2]))
    np.testing.assert_allclose(found[0], costs, rtol=1e-14)
    np.testing.assert_allclose(found[1], gradient, rtol=1e-13, atol=1e-15)
    assert np.array_equal(votes, before)


@pytest.mark.parametrize(
    ("cost", "costs", "gradient"),
    [
        (Absolute(), [3 + 0.5 + 2], [[1, -1, -1]]),
        (SquareRoot(), [sqrt(3) + sqrt(0.5) + sqrt(2)], [[0.5 / sqrt(3), -0.5 / sqrt(0.5), -0.5 / sqrt(2)]]),
        (Exponential(), [100 + 10**-0.5 + 10], [[100 * log(10), -(10**-0.5) * log(10), -10 * log(10)]]),
        # 0.5 is on the parabola, 2 and 3 on the lines
        (Huber(), [2.5 + 0.125 + 1.5], [[1, -0.5, -1]]),
        (Huber(delta=2.5), [2.5 * 1.75 + 0.125 + 2], [[2.5, -0.5, -2]]),
    ],
    ids=["absolute", "square_root", "exponential", "huber", "huber with delta"],
)
def test_costs_of_being_off_add_up_over_the_classes(cost: Cost, costs: Any, gradient: Any) -> None:
    # off by 3, -0.5 and -2
    found = cost_function(cost)(np.array([[3.0, 0.5, -2.0]]), np.array([1]))
    np.testing.assert_allclose(found[0], costs, rtol=1e-14)
    np.testing.assert_allclose(found[1], gradient, rtol=1e-14)


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
def test_gradients_are_those_of_finite_differences(cost: Cost) -> None:
    function, truth = cost_function(cost), np.array([2, 0, 1, 1])
    votes = np.random.default_rng(0).standard_normal((4, 3))
    _, gradient = function(votes, truth)
    for place in np.ndindex(votes.shape):
        step = np.zeros_like(votes)
        step[place] = 1e-5
        difference = function(votes + step, truth)[0].sum() - function(votes - step, truth)[0].sum()
        assert gradient[place] == pytest.approx(difference / 2e-5, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
def test_a_vote_that_is_right_or_nearly_has_a_finite_slope(cost: Cost) -> None:
    votes = np.array([[0.0, 1.0, 1e-30], [0.0, 1.0, -1e-30]], np.float32)
    costs, gradient = cost_function(cost)(votes, np.array([1, 1]))
    assert np.isfinite(costs).all()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() <= 5
    assert costs.dtype == gradient.dtype == np.float32


def test_the_slope_of_square_root_stays_that_at_a_hundredth_and_is_zero_where_nothing_is_off() -> None:
    votes = np.array([[0.02, 0.01, 0.0001, 0.0, -0.0001, 1.0]])
    _, gradient = cost_function(SquareRoot())(votes, np.array([5]))
    np.testing.assert_allclose(gradient, [[0.5 / sqrt(0.02), 5, 5, 0, -5, 0]], rtol=1e-13)


def test_an_exponential_cost_beyond_the_type_is_infinite_without_a_warning() -> None:
    costs, _ = cost_function(Exponential())(np.array([[50.0, 1.0]], np.float32), np.array([1]))
    assert costs.tolist() == [np.inf]


class TestClassWeights:
    VOTES = np.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0], [4.0, 2.0, 2.0]])
    TRUTH = np.array([1, 2, 0])

    def test_the_mean_is_over_the_weights(self) -> None:
        # weights 1, 0.5 and 2 of the true classes
        expected = (log(4) + 0.5 * log(8 / 5) + 2 * log(2)) / 3.5
        assert mean_cost(WEIGHTED, self.VOTES, self.TRUTH) == pytest.approx(expected, rel=1e-14)
        assert weight_of(WEIGHTED, self.TRUTH) == 3.5
        assert weight_of(CrossEntropy(), self.TRUTH) == 3

    def test_the_plain_mean_of_a_batch_is_the_weighted_one(self) -> None:
        each, gradient = batch_function(WEIGHTED, self.TRUTH)(self.VOTES, self.TRUTH)
        assert each.mean() == pytest.approx(mean_cost(WEIGHTED, self.VOTES, self.TRUTH), rel=1e-14)
        np.testing.assert_allclose(gradient[0] / 3, np.array([1, -6, 5]) / 8 / 3.5, rtol=1e-13)

    def test_equal_weights_change_nothing(self) -> None:
        even = CrossEntropy(class_weights=(3.0, 3.0, 3.0))
        plain = mean_cost(CrossEntropy(), self.VOTES, self.TRUTH)
        assert mean_cost(even, self.VOTES, self.TRUTH) == pytest.approx(plain, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cost", [CrossEntropy(), CrossEntropy(class_weights=(1.0,) * 3)], ids=["plain", "weighted"])
def test_cross_entropy_of_enormous_votes_is_finite_and_keeps_their_precision(cost: Cost, dtype: Any) -> None:
    votes = np.array([[1e4, 0, -1e4], [-1e30, 0, 1e30]], dtype)
    costs, gradient = cost_function(cost)(votes, np.array([1, 2]))
    assert costs.tolist() == [1e4, 0]
    assert gradient.tolist() == [[1, -1, 0], [0, 0, 0]]
    assert costs.dtype == gradient.dtype == dtype


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
def test_votes_may_be_seen_sideways(cost: Cost) -> None:
    votes = np.random.default_rng(0).standard_normal((3, 5))
    sideways, upright = (cost_function(cost)(v, np.array([0, 1, 2, 0, 1])) for v in (votes.T, votes.T.copy()))
    np.testing.assert_allclose(sideways[0], upright[0], rtol=1e-14)
    np.testing.assert_allclose(sideways[1], upright[1], rtol=1e-14)


def test_a_kind_without_a_function_is_refused_by_name() -> None:
    class Unknown:
        kind = "hinge"

    with pytest.raises(UserError, match=r"training\.cost: hinge cannot be computed\."):
        cost_function(Unknown())  # type: ignore[arg-type]
