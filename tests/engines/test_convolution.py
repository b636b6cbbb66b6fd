"""Convolution forward: against scipy's correlation and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate

from convspec.base import Shape, extents
from convspec.layers import Convolution
from runners.engines.numpy.layer import named_parameters

CASES: list[tuple[str, Convolution, Shape]] = [
    ("valid", Convolution(features=3, size=3), (2, 6, 7)),
    ("same", Convolution(features=3, size=5, padding="same"), (2, 6, 7)),
    ("same, even size", Convolution(features=2, size=(2, 4), padding="same"), (1, 5, 6)),
    ("same, stride", Convolution(features=2, size=3, stride=(2, 3), padding="same"), (3, 7, 8)),
    ("padding", Convolution(features=2, size=3, padding=2), (3, 4, 4)),
    ("stride", Convolution(features=2, size=2, stride=2), (3, 7, 6)),
    ("without bias", Convolution(features=2, size=3, bias=False), (1, 5, 5)),
    ("average", Convolution(features=2, size=3, average=True), (2, 5, 5)),
    ("many rows, so in blocks", Convolution(features=4, size=3, padding="same"), (3, 40, 40)),
]


@pytest.mark.parametrize(("layer", "shape"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_forward_is_what_scipy_correlates(alone: Any, layer: Convolution, shape: Shape) -> None:
    one = alone(layer, shape, 4)
    x = np.random.default_rng(0).standard_normal((4, *shape))
    weight, stride = one.parameters["weight"], extents(layer.stride, 2)
    bias = one.parameters.get("bias", np.zeros(layer.features))
    before, after = layer.margins(shape)
    wide = np.pad(x, [(0, 0), (0, 0), (before[0], after[0]), (before[1], after[1])])
    divisor = weight[0].size if layer.average else 1
    expected = [
        [
            correlate(picture, feature, mode="valid", method="direct")[0] / divisor + b
            for feature, b in zip(weight, bias, strict=True)
        ]
        for picture in wide
    ]
    np.testing.assert_allclose(
        one.forward(x), np.array(expected)[:, :, :: stride[0], :: stride[1]], rtol=1e-12, atol=1e-12
    )


TWINS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("dilation", {"size": 3, "dilation": 2, "padding": "same"}, {"kernel_size": 3, "dilation": 2, "padding": "same"}),
    ("uneven", {"size": (2, 3), "dilation": (3, 1)}, {"kernel_size": (2, 3), "dilation": (3, 1)}),
    ("groups", {"size": 3, "groups": 2, "stride": 2}, {"kernel_size": 3, "groups": 2, "stride": 2}),
    ("depthwise", {"size": 3, "groups": 4, "padding": 1}, {"kernel_size": 3, "groups": 4, "padding": 1}),
    (
        "depthwise, dilation and stride",
        {"size": 3, "groups": 4, "padding": 2, "dilation": 2, "stride": 2},
        {"kernel_size": 3, "groups": 4, "padding": 2, "dilation": 2, "stride": 2},
    ),
]


@pytest.mark.parametrize(("fields", "theirs"), [twin[1:] for twin in TWINS], ids=[twin[0] for twin in TWINS])
def test_dilation_and_groups_agree_with_pytorch(alone: Any, fields: dict[str, Any], theirs: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer, shape = Convolution(features=8, **fields), (4, 9, 8)
    one = alone(layer, shape)
    twin = torch.nn.Conv2d(4, 8, **theirs).double()
    for name, parameter in twin.named_parameters():
        parameter.data = torch.from_numpy(one.parameters[name].copy())
    generator = np.random.default_rng(4)
    x, dy = generator.standard_normal((3, *shape)), generator.standard_normal((3, *layer.output_shape(shape)))
    xt = torch.from_numpy(x).requires_grad_()
    y = twin(xt)
    y.backward(torch.from_numpy(dy))
    dx, gradient = one.backward(x, dy)
    np.testing.assert_allclose(one.forward(x), y.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dx, xt.grad.numpy(), rtol=1e-10, atol=1e-12)
    for name, parameter in twin.named_parameters():
        found = named_parameters(layer, layer.parameters(shape), gradient)[name]
        np.testing.assert_allclose(found, parameter.grad.numpy(), rtol=1e-10, atol=1e-12)
    assert layer.multiply_adds(shape) == y[0].numel() * twin.weight[0].numel()


def test_a_dilated_feature_sees_as_far_as_it_is_spread() -> None:
    assert Convolution(features=1, size=(3, 2), dilation=(2, 4)).reach((1, 9, 9)).window == (5, 5)


def test_forward_by_hand(alone: Any) -> None:
    one = alone(Convolution(features=1, size=2), (1, 2, 3), 1)
    one.parameters["weight"][...] = [[[[1, 2], [3, 4]]]]
    one.parameters["bias"][...] = [10]
    y = one.forward(np.array([[[[1, 0, 2], [0, 1, 3]]]], float))
    assert y.tolist() == [[[[15, 29]]]]  # 1*1 + 2*0 + 3*0 + 4*1 + 10 and 1*0 + 2*2 + 3*1 + 4*3 + 10


def test_average_makes_a_perfect_match_exactly_one_and_leaves_the_bias_whole(alone: Any) -> None:
    one = alone(Convolution(features=1, size=3, average=True), (1, 3, 3), 1)
    feature = np.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)
    one.parameters["weight"][...] = feature
    one.parameters["bias"][...] = [0]
    assert one.forward(feature[None, None]).item() == 1
    one.parameters["bias"][...] = [0.25]
    assert one.forward(-feature[None, None]).item() == -0.75


def test_parameters_are_seen_in_the_public_layout(alone: Any) -> None:
    one = alone(Convolution(features=5, size=(2, 3)), (4, 6, 6))
    assert {name: view.shape for name, view in one.parameters.items()} == {"weight": (5, 4, 2, 3), "bias": (5,)}
    assert all(np.shares_memory(view, one.values) for view in one.parameters.values())
