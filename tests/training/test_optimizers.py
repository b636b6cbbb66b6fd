"""Three steps of every optimizer against numbers worked by hand, and going on from a saved state."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

from convspec.errors import UserError
from convspec.optimizers import Adam, Optimizer, Sgd
from runners.training.optimizers import BLOCK, optimizer

GRADIENTS = [1.0, 2.0, -4.0]


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
    ],
    ids=["sgd", "momentum", "nesterov", "adam"],
)
def test_three_steps_by_hand(spec: Optimizer, expected: list[float]) -> None:
    assert steps(spec) == pytest.approx(expected, rel=1e-14)
    assert steps(spec, size=2 * BLOCK + 5) == pytest.approx(expected, rel=1e-14)
    assert steps(spec, dtype=np.float32) == pytest.approx(expected, rel=1e-6)


def test_adams_first_step_is_the_learning_rate_whatever_the_gradient() -> None:
    one, values = optimizer(Adam(learning_rate=0.01), 4), np.zeros(4, np.float32)
    one.update(values, np.array([1e-3, -7, 1e5, 0], np.float32))
    np.testing.assert_allclose(values, [-0.01, 0.01, -0.01, 0], rtol=1e-4)


@pytest.mark.parametrize(
    "spec",
    [Sgd(), Sgd(momentum=0.9), Sgd(momentum=0.9, nesterov=True), Adam()],
    ids=["sgd", "momentum", "nesterov", "adam"],
)
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


@pytest.mark.parametrize("spec", [Sgd(momentum=0.9), Adam()], ids=["sgd", "adam"])
def test_the_gradient_and_a_saved_state_are_left_alone(spec: Optimizer) -> None:
    one, values, gradient = optimizer(spec, 3), np.zeros(3, np.float32), np.arange(3, dtype=np.float32)
    one.update(values, gradient)
    saved = one.state()
    before = {name: array.copy() for name, array in saved.items()}
    one.update(values, gradient)
    assert gradient.tolist() == [0, 1, 2]
    assert all(np.array_equal(saved[name], before[name]) for name in saved)


@pytest.mark.parametrize("spec", [Sgd(momentum=0.9), Adam()], ids=["sgd", "adam"])
def test_an_overflow_gives_no_warning(spec: Optimizer) -> None:
    optimizer(spec, 2).update(np.zeros(2, np.float32), np.array([3e38, np.inf], np.float32))


def test_a_kind_without_an_implementation_is_refused_by_name() -> None:
    class Unknown:
        kind = "newton"

    with pytest.raises(UserError, match=r"training\.optimizer: newton cannot be computed\."):
        optimizer(Unknown(), 1)  # type: ignore[arg-type]
