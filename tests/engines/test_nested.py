"""Shortcuts and branches: what is planned of them, by hand and against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convspec.costs import CrossEntropy
from convspec.layers import BatchNormalization, Branches, Convolution, FullyConnected, Layer, Relu, Repeat, Residual
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from runners.training.costs import cost_function


def conv(features: int, size: int = 3, **fields: Any) -> Convolution:
    return Convolution(features=features, size=size, **{"padding": "same", **fields})


BLOCK = Residual(layers=(conv(4, stride=2), Relu(), conv(4)), name="block")


def test_a_plan_holds_the_layers_within_and_counts_each_once(planned: Any) -> None:
    plan = planned([conv(2), BLOCK, FullyConnected(neurons=3)])
    assert [layer.name for layer in plan.layers] == ["convolution_1", "block", "fully_connected_1"]
    assert [layer.name for layer in plan.every_layer] == [
        "convolution_1", "convolution_2", "relu_1", "convolution_3", "block", "fully_connected_1",
    ]  # fmt: skip
    block = plan.layers[1]
    assert [(one.name, one.shape) for one in block.parameters] == [("projection", (4, 2, 1, 1))]
    assert (block.output_shape, block.multiply_adds) == ((4, 4, 4), 4 * 16 * 2)
    assert plan.parameter_count == (2 * 9 + 2) + (4 * 18 + 4) + (4 * 36 + 4) + 8 + (3 * 64 + 3)
    assert plan.multiply_adds == 64 * 18 + 64 * 18 + 64 * 36 + 128 + 3 * 64
    assert (block.receptive_field, block.stride) == ((8, 8), (2, 2))  # 3, then 5, then 9, but the picture ends at 8


def test_names_within_are_counted_over_the_whole_network_and_numbered_in_a_repeat(planned: Any) -> None:
    inner = Branches(branches=((conv(1, name="edges"), Relu()), (Relu(), conv(1))))
    plan = planned([Repeat(times=2, layers=(inner,)), Relu(), FullyConnected(neurons=3)])
    assert [layer.name for layer in plan.every_layer] == [
        "edges_1", "relu_1", "relu_2", "convolution_2", "branches_1",
        "edges_2", "relu_3", "relu_4", "convolution_4", "branches_2", "relu_5", "fully_connected_1",
    ]  # fmt: skip


def test_the_way_with_the_largest_receptive_field_counts(planned: Any) -> None:
    plan = planned(
        [Branches(branches=((conv(1, 5),), (conv(1, 3), conv(1, 3), conv(1, 3)), ())), FullyConnected(neurons=3)]
    )
    assert plan.layers[0].receptive_field == (7, 7)
    assert plan.layers[0].output_shape == (3, 8, 8)


def test_a_shortcut_by_hand(network: Any) -> None:
    net = network([FullyConnected(neurons=3), Residual(layers=(FullyConnected(neurons=3),)), FullyConnected(neurons=2)])
    weights, trace = net.weights, net.trace(np.random.default_rng(0).standard_normal((2, 1, 8, 8)))
    x = trace["fully_connected_1"]
    inner = x @ weights["fully_connected_2.weight"].T + weights["fully_connected_2.bias"]
    np.testing.assert_allclose(trace["residual_1"], inner + x)


@pytest.mark.parametrize("n", [5, 40])
def test_agrees_with_pytorch(planned: Any, n: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    nn = torch.nn
    layers: list[Layer] = [
        conv(4), BLOCK,
        Branches(branches=((conv(2, 1), BatchNormalization()), (), (conv(3, groups=1, dilation=2), Relu()))),
        FullyConnected(neurons=3),
    ]  # fmt: skip
    plan = planned(layers)
    weights = initial_weights(plan, 3, np.float64)
    net = Network(plan, weights, dtype=np.float64)
    first, inner = (
        nn.Conv2d(1, 4, 3, padding=1),
        nn.Sequential(nn.Conv2d(4, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)),
    )
    one, other = (
        nn.Sequential(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2)),
        nn.Sequential(nn.Conv2d(4, 3, 3, padding=2, dilation=2), nn.ReLU()),
    )
    last = nn.Linear(9 * 16, 3)
    shortcut = nn.Conv2d(4, 4, 1, 2, bias=False)
    parts = nn.ModuleList([first, inner, shortcut, one, other, last]).double()
    with torch.no_grad():
        for parameter, value in zip(parts.parameters(), weights_in_order(weights), strict=True):
            parameter.copy_(torch.from_numpy(value))
    generator = np.random.default_rng(1)
    pictures, truth = generator.standard_normal((n, 1, 8, 8)), generator.integers(3, size=n)
    x = first(torch.from_numpy(pictures))
    padded = nn.functional.pad(x, (0, 1, 0, 1))  # `same` with a stride pads below and to the right
    x = inner(padded) + shortcut(x)
    x = torch.cat([one(x), x, other(x)], dim=1)
    nn.functional.cross_entropy(last(x.flatten(1)), torch.from_numpy(truth)).backward()
    step = net.gradient(pictures, truth, cost_function(CrossEntropy()))
    net.values[:] = step.gradient
    for parameter, gradient in zip(parts.parameters(), weights_in_order(net.weights), strict=True):
        np.testing.assert_allclose(gradient, parameter.grad.numpy(), rtol=1e-9, atol=1e-12)


def weights_in_order(weights: dict[str, Any]) -> list[Any]:
    """Learned weights in the order of the network."""
    return [value for name, value in weights.items() if not name.endswith((".mean", ".variance"))]
