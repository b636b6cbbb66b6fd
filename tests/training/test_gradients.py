"""Gradients that are too long are shortened."""

from __future__ import annotations

import numpy as np
import pytest

from runners.training.gradients import shorten


def test_a_long_gradient_keeps_its_direction() -> None:
    gradient = np.array([3.0, -4.0], np.float32)
    shorten(gradient, 2.5)
    assert gradient.tolist() == [1.5, -2.0]


def test_a_short_gradient_stays_as_it_is() -> None:
    gradient = np.array([3.0, -4.0], np.float32)
    shorten(gradient, 5)
    assert gradient.tolist() == [3, -4]


def test_a_gradient_whose_square_overflows_is_shortened_too() -> None:
    gradient = np.array([3e30, -4e30], np.float32)
    shorten(gradient, 1)
    assert gradient.tolist() == pytest.approx([0.6, -0.8])


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan, 1.0]], ids=["empty", "zero", "not a number"])
def test_what_has_no_length_stays_as_it_is(values: list[float]) -> None:
    gradient = np.array(values)
    shorten(gradient, 1)
    np.testing.assert_array_equal(gradient, values)
