"""Every layer's gradients against central finite differences in double precision, over many settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.layers import Convolution, Dropout, FullyConnected, Layer, Pooling, Relu, Repeat, Sigmoid, Tanh
from runners.engines.numpy import convolution
from runners.engines.numpy.layer import operation

Array = NDArray[Any]

CONVOLUTIONS: list[tuple[str, Layer, Shape]] = [
    ("valid", Convolution(features=2, size=3), (2, 5, 6)),
    ("same", Convolution(features=3, size=3, padding="same"), (2, 4, 5)),
    ("same with an even size", Convolution(features=2, size=2, padding="same"), (1, 4, 3)),
    ("same with stride", Convolution(features=2, size=3, stride=2, padding="same"), (2, 6, 5)),
    ("pixels of padding", Convolution(features=2, size=3, padding=1), (2, 4, 4)),
    ("padding as wide as the size", Convolution(features=2, size=2, padding=2), (1, 3, 4)),
    ("stride", Convolution(features=2, size=3, stride=2), (2, 7, 7)),
    ("stride that leaves pixels out", Convolution(features=2, size=2, stride=3), (2, 7, 6)),
    ("uneven size and stride", Convolution(features=2, size=(1, 3), stride=(2, 1)), (2, 5, 6)),
    ("one pixel", Convolution(features=2, size=1), (3, 3, 2)),
    ("the whole picture", Convolution(features=3, size=(4, 5)), (2, 4, 5)),
    ("many features", Convolution(features=9, size=2, padding="same"), (1, 4, 4)),
    ("average", Convolution(features=2, size=3, average=True), (2, 5, 5)),
    ("average without bias", Convolution(features=2, size=2, stride=2, average=True, bias=False), (2, 4, 4)),
    ("without bias", Convolution(features=2, size=3, bias=False, padding="same"), (2, 4, 4)),
]
POOLINGS: list[tuple[str, Layer, Shape]] = [
    (f"{reduce} {name}", Pooling(window=window, stride=stride, kind=reduce, edge=edge), shape)
    for reduce in ("max", "average")
    for name, window, stride, edge, shape in [
        ("of two", 2, 2, "keep", (2, 4, 6)),
        ("hanging over", 2, 2, "keep", (2, 5, 3)),
        ("dropping the edge", 2, 2, "drop", (2, 5, 5)),
        ("of three, overlapping", 3, 2, "keep", (2, 6, 7)),
        ("of three, apart", 3, 3, "keep", (2, 7, 8)),
        ("of three at stride 1", 3, 1, "keep", (1, 4, 4)),
        ("with gaps", 2, 3, "keep", (2, 7, 8)),
        ("of one", 1, 1, "keep", (1, 3, 3)),
        ("uneven", (3, 2), (1, 2), "keep", (2, 5, 5)),
        ("wider than the picture", 5, 5, "keep", (2, 3, 4)),
    ]
]
OTHERS: list[tuple[str, Layer, Shape]] = [
    ("fully connected", FullyConnected(neurons=4), (5,)),
    ("fully connected to a picture", FullyConnected(neurons=4), (2, 3, 2)),
    ("fully connected without bias", FullyConnected(neurons=4, bias=False), (5,)),
    ("relu", Relu(), (2, 3, 4)),
    ("sigmoid", Sigmoid(), (2, 3, 4)),
    ("tanh", Tanh(), (7,)),
    ("dropout", Dropout(rate=0.4), (2, 3, 4)),
    ("dropout of nothing", Dropout(rate=0), (4,)),
]


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


@pytest.mark.parametrize(
    ("layer", "shape"), [case[1:] for case in POOLINGS + OTHERS], ids=[case[0] for case in POOLINGS + OTHERS]
)
def test_gradients_are_those_of_finite_differences(alone: Any, layer: Layer, shape: Shape) -> None:
    check(alone(layer, shape), shape)


@pytest.mark.parametrize(
    ("columns", "kept"),
    [(1 << 20, 1 << 20), (1, 1 << 20), (1, 0), (7, 0), (20, 0)],
    ids=["whole", "column by column, kept", "column by column", "in parts of rows", "in rows"],
)
@pytest.mark.parametrize(
    ("layer", "shape"), [case[1:] for case in CONVOLUTIONS], ids=[case[0] for case in CONVOLUTIONS]
)
def test_gradients_of_convolutions_are_those_of_finite_differences(
    alone: Any, layer: Layer, shape: Shape, columns: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution, "narrow_columns", lambda lines, rows: columns)
    monkeypatch.setattr(convolution, "WIDE_COLUMNS", columns)
    monkeypatch.setattr(convolution, "KEPT_BYTES", kept)
    check(alone(layer, shape), shape)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [case[1:] for case in CONVOLUTIONS + POOLINGS + OTHERS],
    ids=[case[0] for case in CONVOLUTIONS + POOLINGS + OTHERS],
)
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


@pytest.mark.parametrize(
    ("layer", "shape"),
    [case[1:] for case in CONVOLUTIONS + POOLINGS + OTHERS],
    ids=[case[0] for case in CONVOLUTIONS + POOLINGS + OTHERS],
)
def test_outputs_have_the_planned_shape(alone: Any, layer: Layer, shape: Shape) -> None:
    one = alone(layer, shape, 2, training=False)
    assert one.forward(np.zeros((2, *shape))).shape == (2, *layer.output_shape(shape))


def test_every_kind_of_layer_can_be_computed() -> None:
    def kinds(of: type[Layer]) -> list[type[Layer]]:
        return [kind for below in of.__subclasses__() for kind in ([below] if "kind" in vars(below) else kinds(below))]

    unknown = [kind for kind in kinds(Layer) if operation.dispatch(kind) is operation.dispatch(object)]
    assert unknown == [Repeat], "a repeat is written out in the plan"
    assert len(kinds(Layer)) >= 8
