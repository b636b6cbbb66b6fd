"""Pooling forward against a walk of the windows by hand, and where the gradient of a maximum goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.base import Shape, extents
from convspec.layers import Pooling

SETTINGS = [
    pytest.param(2, 2, (2, 6, 8), id="two"),
    pytest.param(2, 2, (2, 7, 5), id="hanging over"),
    pytest.param(3, 2, (1, 8, 8), id="overlapping"),
    pytest.param(2, 3, (1, 8, 9), id="gaps"),
    pytest.param((3, 1), (2, 1), (1, 6, 4), id="uneven"),
    pytest.param(3, 1, (1, 4, 5), id="stride 1"),
]


def walk(x: NDArray[Any], layer: Pooling) -> NDArray[Any]:
    """The windows of one picture (channels, height, width), one after the other."""
    (wh, ww), (sh, sw) = extents(layer.window, 2), extents(layer.stride, 2)
    height, width = x.shape[1:]
    reduce = np.max if layer.reduce == "max" else np.mean
    rows = [r for r in range(0, height, sh) if layer.edge == "keep" or r + wh <= height]
    columns = [c for c in range(0, width, sw) if layer.edge == "keep" or c + ww <= width]
    shape = layer.output_shape(x.shape)
    y = [[[reduce(channel[r : r + wh, c : c + ww]) for c in columns] for r in rows] for channel in x]
    return np.array(y)[:, : shape[1], : shape[2]]


@pytest.mark.parametrize("reduce", ["max", "average"])
@pytest.mark.parametrize("edge", ["keep", "drop"])
@pytest.mark.parametrize(("window", "stride", "shape"), SETTINGS)
def test_forward_is_what_walking_the_windows_gives(
    alone: Any, window: Any, stride: Any, shape: Shape, edge: str, reduce: str
) -> None:
    layer = Pooling(window=window, stride=stride, edge=edge, kind=reduce)
    x = np.random.default_rng(0).standard_normal((2, *shape))
    np.testing.assert_allclose(
        alone(layer, shape, 2).forward(x), [walk(each, layer) for each in x], rtol=1e-12, atol=1e-14
    )


def test_average_over_the_edge_divides_by_what_is_covered(alone: Any) -> None:
    one = alone(Pooling(window=2, stride=2, kind="average"), (1, 3, 3), 1)
    assert one.forward(np.arange(9.0).reshape(1, 1, 3, 3)).tolist() == [[[[2, 3.5], [6.5, 8]]]]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([[5, 5], [5, 5]], [[1, 0], [0, 0]]),
        ([[1, 5], [5, 5]], [[0, 1], [0, 0]]),
        ([[1, 5], [5, 1]], [[0, 1], [0, 0]]),
        ([[1, 2], [5, 5]], [[0, 0], [1, 0]]),
        ([[1, 2], [3, 5]], [[0, 0], [0, 1]]),
    ],
    ids=["all equal", "three equal", "a diagonal", "the lower row", "no tie"],
)
def test_the_gradient_of_a_tie_goes_to_the_first_in_reading_order(alone: Any, x: Any, expected: Any) -> None:
    one = alone(Pooling(window=2, stride=2), (1, 2, 2), 1)
    dx, _ = one.backward(np.array([[x]], float), np.ones((1, 1, 1, 1)))
    assert dx.tolist() == [[expected]]


def test_ties_of_overlapping_windows_add_up_at_the_first_of_each(alone: Any) -> None:
    one = alone(Pooling(window=3, stride=1), (1, 3, 4), 1)
    dx, _ = one.backward(np.zeros((1, 1, 3, 4)), np.array([[[[10.0, 1.0], [4.0, 2.0], [7.0, 3.0]]]])[:, :, :1])
    assert dx.tolist() == [[[[10, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]]]


def torch_pooling(rank: int, reduce: str) -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return getattr(torch.nn.functional, f"{'max' if reduce == 'max' else 'avg'}_pool{rank}d")


@pytest.mark.parametrize("reduce", ["max", "average"])
@pytest.mark.parametrize("keep", [True, False], ids=["keep", "drop"])
@pytest.mark.parametrize(
    ("window", "stride", "padding", "shape"),
    [
        (3, 2, 1, (2, 9)),
        (4, 3, 2, (1, 5)),
        (2, 2, 0, (2, 7)),
        (3, 2, 1, (2, 6, 7)),
        ((3, 2), (1, 2), (1, 0), (1, 4, 5)),
        (4, 3, 2, (1, 1, 6)),
        (2, 2, 1, (2, 3, 4, 5)),
        ((1, 3, 2), (1, 2, 2), (0, 1, 1), (2, 2, 5, 4)),
    ],
)
def test_padding_is_that_of_pytorch_in_every_number_of_dimensions(
    alone: Any, window: Any, stride: Any, padding: Any, shape: Shape, keep: bool, reduce: str
) -> None:
    theirs = torch_pooling(len(shape) - 1, reduce)
    layer = Pooling(window=window, stride=stride, padding=padding, kind=reduce, edge="keep" if keep else "drop")
    import torch

    x = np.random.default_rng(0).standard_normal((2, *shape)) - 3
    options = {} if reduce == "max" else {"count_include_pad": False}
    tensor = torch.from_numpy(x).requires_grad_()
    y = theirs(tensor, window, stride, padding, ceil_mode=keep, **options)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(torch.from_numpy(dy))
    one = alone(layer, shape, 2)
    np.testing.assert_allclose(one.forward(x), y.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(one.backward(x, dy)[0], tensor.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [
        # windows of three values over [-1, -2, -3, -8]; beyond lies nothing, which is neither 0 nor counted.
        ("max", [-1, -1, -2, -3]),
        ("average", [-1.5, -2, -13 / 3, -5.5]),
    ],
)
def test_what_lies_beyond_the_data_does_not_count(alone: Any, reduce: str, expected: list[float]) -> None:
    one = alone(Pooling(window=3, stride=1, padding="same", kind=reduce), (1, 4), 1)
    np.testing.assert_allclose(one.forward(np.array([[[-1.0, -2, -3, -8]]])), [[expected]], rtol=1e-12)


def test_same_puts_the_odd_pixel_behind_the_data(alone: Any) -> None:
    one = alone(Pooling(window=2, stride=1, padding="same"), (1, 4), 1)
    assert one.forward(np.array([[[1.0, 4, 2, 3]]])).tolist() == [[[4, 4, 3, 3]]]
