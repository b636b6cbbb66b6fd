"""Activations and what needs no parameters, by hand and against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convspec.base import Shape
from convspec.layers import Dropout, Gelu, GlobalPooling, Layer, LeakyRelu, Silu, Softmax, SpatialDropout

X = np.array([[-2.0, -0.5, 0.0, 1.0, 3.0]])


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (LeakyRelu(slope=0.1), [-0.2, -0.05, 0, 1, 3]),
        (LeakyRelu(slope=2), [-4, -1, 0, 1, 3]),
        (Gelu(), [-0.04550026, -0.15426877, 0, 0.84134475, 2.99595031]),  # x times the table of the normal distribution
        (Silu(), [-0.23840584, -0.18877033, 0, 0.73105858, 2.85772238]),
        (
            Softmax(),
            [0.13533528 / 24.54569, 0.60653066 / 24.54569, 1 / 24.54569, 2.71828183 / 24.54569, 20.08553692 / 24.54569],
        ),
    ],
    ids=["leaky", "steep", "gelu", "silu", "softmax"],
)
def test_values_by_hand(alone: Any, layer: Layer, expected: list[float]) -> None:
    np.testing.assert_allclose(alone(layer, (5,), 1).forward(X)[0], expected, atol=1e-7)


def test_softmax_of_large_values_does_not_overflow(alone: Any) -> None:
    y = alone(Softmax(), (3,), 1).forward(np.array([[1e4, 1e4, -1e4]]))
    assert y.tolist() == [[0.5, 0.5, 0]]


def test_spatial_dropout_takes_whole_channels(alone: Any) -> None:
    y = alone(SpatialDropout(rate=0.5), (40, 3, 4), 2).forward(np.ones((2, 40, 3, 4)))
    assert set(np.unique(y)) == {0, 2}
    assert (np.ptp(y, axis=(2, 3)) == 0).all()


@pytest.mark.parametrize("layer", [Dropout(), SpatialDropout()], ids=["dropout", "spatial"])
def test_nothing_falls_out_outside_training(alone: Any, layer: Layer) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 4))
    assert np.array_equal(alone(layer, (3, 4, 4), 2, training=False).forward(x), x)


@pytest.mark.parametrize(
    ("layer", "twin", "shape"),
    [
        (LeakyRelu(slope=0.3), ("LeakyReLU", 0.3), (3, 4, 5)),
        (Gelu(), ("GELU",), (3, 4, 5)),
        (Silu(), ("SiLU",), (3, 4, 5)),
        (Softmax(), ("Softmax", 1), (3, 4, 5)),
        (Softmax(), ("Softmax", 1), (7,)),
        (GlobalPooling(), ("AdaptiveAvgPool2d", 1), (3, 4, 5)),
        (GlobalPooling(kind="max"), ("AdaptiveMaxPool2d", 1), (3, 4, 5)),
    ],
    ids=["leaky_relu", "gelu", "silu", "softmax over channels", "softmax", "global average", "global maximum"],
)
def test_agrees_with_pytorch(alone: Any, layer: Layer, twin: tuple[Any, ...], shape: Shape) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    generator = np.random.default_rng(4)
    x = generator.standard_normal((3, *shape))
    dy = generator.standard_normal((3, *layer.output_shape(shape)))
    theirs = torch.from_numpy(x).requires_grad_()
    y = getattr(torch.nn, twin[0])(*twin[1:])(theirs)
    y.backward(torch.from_numpy(dy))
    one = alone(layer, shape)
    np.testing.assert_allclose(one.forward(x), y.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(one.backward(x, dy)[0], theirs.grad.numpy(), rtol=1e-12, atol=1e-14)
