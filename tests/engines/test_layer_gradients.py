"""Every layer's gradients against central finite differences in double precision, over many settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.layers import Layer, Repeat
from runners.engines.numpy import convolution
from runners.engines.numpy.layer import operation
from tests.engines.cases import CASES, CONVOLUTIONS, OTHERS, POOLINGS, over

Array = NDArray[Any]


def difference(function: Callable[[Array], Array], at: Array, dy: Array, *, step: float = 1e-5) -> Array:
    """The gradient of sum(dy * function(at)), element by element. `at` is changed and put back."""
    gradient = np.empty_like(at)
    for place in np.ndindex(at.shape):
        kept = at[place]
        at[place] = kept + step
        above = function(at)
        at[place] = kept - step
        below = function(at)
        at[place] = kept
        gradient[place] = np.sum(dy * (above - below)) / (2 * step)
    return gradient


def assert_close(found: Array, expected: Array) -> None:
    assert found.shape == expected.shape
    if expected.size:
        assert np.abs(found - expected).max() < 1e-6 * max(1.0, np.abs(expected).max())


def check(one: Any, shape: Shape) -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((3, *shape))
    dy = generator.standard_normal((3, *one.layer.output_shape(shape)))
    dx, gradient = one.backward(x, dy)
    assert_close(dx, difference(one.forward, x, dy))
    assert_close(gradient, difference(lambda _: one.forward(x), one.values, dy))


@over(POOLINGS + OTHERS)
def test_gradients_are_those_of_finite_differences(alone: Any, layer: Layer, shape: Shape) -> None:
    check(alone(layer, shape), shape)


@pytest.mark.parametrize(
    ("columns", "kept"),
    [(1 << 20, 1 << 20), (1, 1 << 20), (1, 0), (7, 0), (20, 0)],
    ids=["whole", "column by column, kept", "column by column", "in parts of rows", "in rows"],
)
@over(CONVOLUTIONS)
def test_gradients_of_convolutions_are_those_of_finite_differences(
    alone: Any, layer: Layer, shape: Shape, columns: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution, "narrow_columns", lambda lines, rows: columns)
    monkeypatch.setattr(convolution, "wide_columns", lambda lines: columns)
    monkeypatch.setattr(convolution, "KEPT_BYTES", kept)
    check(alone(layer, shape), shape)


@over(CASES)
def test_neither_input_nor_output_gradient_nor_parameters_are_modified(alone: Any, layer: Layer, shape: Shape) -> None:
    one = alone(layer, shape)
    x, values = np.random.default_rng(0).standard_normal((3, *shape)), one.values.copy()
    dy = one.forward(x)
    x_before, dy_before = x.copy(), dy.copy()
    first, second = one.backward(x, dy), one.backward(x, dy)
    assert np.array_equal(x, x_before)
    assert np.array_equal(dy, dy_before)
    assert np.array_equal(one.values, values)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True)), "something was kept from the first"


@over(CASES)
def test_outputs_have_the_planned_shape(alone: Any, layer: Layer, shape: Shape) -> None:
    one = alone(layer, shape, 2, training=False)
    assert one.forward(np.zeros((2, *shape))).shape == (2, *layer.output_shape(shape))


def test_every_kind_of_layer_can_be_computed() -> None:
    def kinds(of: type[Layer]) -> list[type[Layer]]:
        return [kind for below in of.__subclasses__() for kind in ([below] if "kind" in vars(below) else kinds(below))]

    unknown = [kind for kind in kinds(Layer) if operation.dispatch(kind) is operation.dispatch(object)]
    assert unknown == [Repeat], "a repeat is written out in the plan"
    assert len(kinds(Layer)) >= 8
