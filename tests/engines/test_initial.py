"""The numbers that a network starts with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convspec.layers import Convolution, FullyConnected, Relu
from runners.engines.initial import initial_weights


def conv(**fields: Any) -> Convolution:
    return Convolution(**{"features": 4, "size": 3, **fields})


def test_every_parameter_has_its_public_shape_and_type(planned: Any) -> None:
    weights = initial_weights(planned([conv(name="edges"), Relu(), FullyConnected(neurons=2, bias=False)]), 7)
    assert {name: (w.shape, w.dtype) for name, w in weights.items()} == {
        "edges.weight": ((4, 1, 3, 3), np.float32),
        "edges.bias": ((4,), np.float32),
        "fully_connected_1.weight": ((2, 144), np.float32),
    }


def test_weights_have_the_variance_of_he_and_biases_are_zero(planned: Any) -> None:
    weights = initial_weights(planned([conv(features=64), FullyConnected(neurons=100)]), 7)
    assert weights["convolution_1.weight"].std() == pytest.approx(np.sqrt(2 / 9), rel=0.1)
    assert weights["fully_connected_1.weight"].std() == pytest.approx(np.sqrt(2 / (64 * 36)), rel=0.01)
    assert weights["fully_connected_1.weight"].mean() == pytest.approx(0, abs=1e-3)
    assert not weights["convolution_1.bias"].any()


@pytest.mark.parametrize(
    ("initial", "features", "neurons"),
    [
        # 9 * 4 inputs and 9 * 64 outputs of a value; 64 * 36 inputs and 100 outputs
        ("he", 2 / 36, 2 / 2304),
        ("glorot", 2 / (36 + 576), 2 / (2304 + 100)),
        ("lecun", 1 / 36, 1 / 2304),
    ],
)
def test_weights_have_the_variance_that_is_asked_for(
    planned: Any, initial: str, features: float, neurons: float
) -> None:
    layers = [conv(features=64, initial=initial), FullyConnected(neurons=100, initial=initial)]
    weights = initial_weights(planned(layers, (4, 8, 8)), 7)
    assert weights["convolution_1.weight"].var() == pytest.approx(features, rel=0.1)
    assert weights["fully_connected_1.weight"].var() == pytest.approx(neurons, rel=0.02)


def test_they_follow_from_the_seed_and_the_name_alone(planned: Any) -> None:
    first = initial_weights(planned([conv(name="edges"), FullyConnected(neurons=2)]), 7)
    other = initial_weights(planned([Relu(), conv(name="edges"), conv(), FullyConnected(neurons=3)]), 7)
    renamed = initial_weights(planned([conv(name="strokes"), FullyConnected(neurons=2)]), 7)
    assert np.array_equal(first["edges.weight"], other["edges.weight"])
    assert not np.array_equal(first["edges.weight"], renamed["strokes.weight"])
    assert not np.array_equal(
        initial_weights(planned([conv(name="edges"), FullyConnected(neurons=2)]), 8)["edges.weight"],
        first["edges.weight"],
    )


def test_they_are_the_same_numbers_in_double_precision(planned: Any) -> None:
    plan = planned([conv(), FullyConnected(neurons=2)])
    double = initial_weights(plan, 7, np.float64)
    assert all(np.array_equal(w, double[name].astype(np.float32)) for name, w in initial_weights(plan, 7).items())


def test_given_numbers_are_taken_as_they_are(planned: Any) -> None:
    layer = FullyConnected(neurons=2, weights=tuple((float(i),) * 64 for i in range(2)), biases=(0.5, -0.5))
    weights = initial_weights(planned([layer]), 7)
    assert weights["fully_connected_1.weight"].tolist() == [[0.0] * 64, [1.0] * 64]
    assert weights["fully_connected_1.bias"].tolist() == [0.5, -0.5]
