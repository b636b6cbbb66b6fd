"""Three steps of every optimizer against numbers worked by hand, and going on from a saved state."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

from convspec.errors import UserError
from convspec.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd, SteppingOptimizer
from runners.training.optimizers import BLOCK, optimizer

GRADIENTS = [1.0, 2.0, -4.0]
OPTIMIZERS = {
    "sgd": Sgd(),
    "momentum": Sgd(momentum=0.9),
    "nesterov": Sgd(momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": RmsProp(weight_decay=0.01),
    "rmsprop with momentum": RmsProp(momentum=0.9),
    "adam": Adam(),
    "adam with decay": Adam(weight_decay=0.01),
    "adamw": AdamW(),
}


def steps(spec: Optimizer, *, size: int = 1, dtype: Any = np.float64) -> list[float]:
    """A value that starts at 10, after each of three gradients."""
    one, values, seen = optimizer(spec, size, dtype), np.full(size, 10, dtype), []
    for gradient in GRADIENTS:
        one.update(values, np.full(size, gradient, dtype))
        assert np.ptp(values) == 0
        seen.append(float(values[0]))
    return seen


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # 10 - 0.1 * 1, - 0.1 * 2, + 0.1 * 4
        (Sgd(learning_rate=0.1), [9.9, 9.7, 10.1]),
        # velocities 1, 0.5 + 2 = 2.5, 1.25 - 4 = -2.75
        (Sgd(learning_rate=0.1, momentum=0.5), [9.9, 9.65, 9.925]),
        # steps 1 + 0.5 * 1 = 1.5, 2 + 0.5 * 2.5 = 3.25, -4 + 0.5 * -2.75 = -5.375
        (Sgd(learning_rate=0.1, momentum=0.5, nesterov=True), [9.85, 9.525, 10.0625]),
        # means 1; (0.5 * 0.5 + 0.5 * 2) / 0.75 = 5/3; (0.5 * 1.25 - 0.5 * 4) / 0.875 = -11/7
        # squares 1; (0.75 * 0.25 + 0.25 * 4) / 0.4375 = 19/7; (0.75 * 1.1875 + 0.25 * 16) / 0.578125 = 313/37
        (
            Adam(learning_rate=0.1, beta_1=0.5, beta_2=0.75, epsilon=0.5),
            [
                10 - 0.1 / 1.5,
                10 - 0.1 / 1.5 - 0.1 * (5 / 3) / (sqrt(19 / 7) + 0.5),
                10 - 0.1 / 1.5 - 0.1 * (5 / 3) / (sqrt(19 / 7) + 0.5) + 0.1 * (11 / 7) / (sqrt(313 / 37) + 0.5),
            ],
        ),
        # gradients 1 + 0.1 * 10, 2 + 0.1 * 9.8, -4 + 0.1 * 9.502
        (Sgd(learning_rate=0.1, weight_decay=0.1), [9.8, 9.502, 9.80698]),
        # squares 0.25; 0.75 * 0.25 + 0.25 * 4 = 1.1875; 0.75 * 1.1875 + 0.25 * 16 = 4.890625
        (
            RmsProp(learning_rate=0.1, beta=0.75, epsilon=0.5),
            [9.9, 9.9 - 0.2 / (sqrt(1.1875) + 0.5), 9.9 - 0.2 / (sqrt(1.1875) + 0.5) + 0.4 / (sqrt(4.890625) + 0.5)],
        ),
        # nothing is remembered, so that steps are 1 / 1.5, 2 / 2.5, -4 / 4.5; velocities 2/3, 1/3 + 0.8, 1/6 + 0.4 - 8/9
        (
            RmsProp(learning_rate=1, beta=0, epsilon=0.5, momentum=0.5),
            [10 - 2 / 3, 10 - 2 / 3 - 1 / 3 - 0.8, 10 - 2 / 3 - 1 / 3 - 0.8 - 1 / 6 - 0.4 + 8 / 9],
        ),
        # nothing is remembered, so that a step is gradient / (|gradient| + 0.5); the gradient is 1 + 0.1 * 10 = 2 at first
        (
            Adam(learning_rate=1, beta_1=0, beta_2=0, epsilon=0.5, weight_decay=0.1),
            [9.2, 9.2 - 2.92 / 3.42, 9.2 - 2.92 / 3.42 + (4 - 0.92 + 0.292 / 3.42) / (4.5 - 0.92 + 0.292 / 3.42)],
        ),
        # 0.8 of the value is left before each step of 1 / 1.5, 2 / 2.5 and -4 / 4.5
        (
            AdamW(learning_rate=1, beta_1=0, beta_2=0, epsilon=0.5, weight_decay=0.2),
            [8 - 2 / 3, 6.4 - 1.6 / 3 - 0.8, 5.12 - 1.28 / 3 - 0.64 + 8 / 9],
        ),
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "decay", "rmsprop", "rmsprop_momentum", "adam_decay", "adamw"],
)
def test_three_steps_by_hand(spec: Optimizer, expected: list[float]) -> None:
    assert steps(spec) == pytest.approx(expected, rel=1e-14)
    assert steps(spec, size=2 * BLOCK + 5) == pytest.approx(expected, rel=1e-14)
    assert steps(spec, dtype=np.float32) == pytest.approx(expected, rel=1e-6)


def test_adams_first_step_is_the_learning_rate_whatever_the_gradient() -> None:
    one, values = optimizer(Adam(learning_rate=0.01), 4), np.zeros(4, np.float32)
    one.update(values, np.array([1e-3, -7, 1e5, 0], np.float32))
    np.testing.assert_allclose(values, [-0.01, 0.01, -0.01, 0], rtol=1e-4)


@pytest.mark.parametrize("spec", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_share_of_the_learning_rate_is_the_same_as_a_smaller_one(spec: SteppingOptimizer) -> None:
    smaller = type(spec)(**{**vars(spec), "learning_rate": spec.learning_rate / 4})
    values, expected = np.ones(50, np.float32), np.ones(50, np.float32)
    one, other = optimizer(spec, 50), optimizer(smaller, 50)
    for gradient in np.random.default_rng(0).standard_normal((3, 50)).astype(np.float32):
        one.update(values, gradient, share=0.25)
        other.update(expected, gradient)
    np.testing.assert_allclose(values, expected, rtol=1e-6)


@pytest.mark.parametrize("spec", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_going_on_from_a_saved_state_is_the_same_to_the_bit(spec: Optimizer) -> None:
    generator = np.random.default_rng(0)
    gradients = generator.standard_normal((6, 50)).astype(np.float32)
    straight, values = optimizer(spec, 50), np.ones(50, np.float32)
    for gradient in gradients[:3]:
        straight.update(values, gradient)
    saved, resumed = {name: array.copy() for name, array in straight.state().items()}, values.copy()
    for gradient in gradients[3:]:
        straight.update(values, gradient)
    again = optimizer(spec, 50)
    again.restore(saved)
    for gradient in gradients[3:]:
        again.update(resumed, gradient)
    assert np.array_equal(values, resumed)


@pytest.mark.parametrize("spec", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_gradient_and_a_saved_state_are_left_alone(spec: Optimizer) -> None:
    one, values, gradient = optimizer(spec, 3), np.zeros(3, np.float32), np.arange(3, dtype=np.float32)
    one.update(values, gradient)
    saved = one.state()
    before = {name: array.copy() for name, array in saved.items()}
    one.update(values, gradient)
    assert gradient.tolist() == [0, 1, 2]
    assert all(np.array_equal(saved[name], before[name]) for name in saved)


@pytest.mark.parametrize("spec", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_overflow_gives_no_warning(spec: Optimizer) -> None:
    optimizer(spec, 2).update(np.zeros(2, np.float32), np.array([3e38, np.inf], np.float32))


def test_a_kind_without_an_implementation_is_refused_by_name() -> None:
    class Unknown:
        kind = "newton"

    with pytest.raises(UserError, match=r"training\.optimizer: newton cannot be computed\."):
        optimizer(Unknown(), 1)  # type: ignore[arg-type]
