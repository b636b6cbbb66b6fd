"""Normalizations by hand and against PyTorch; running averages in training, in weights and in what is resumed."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.costs import CrossEntropy
from convspec.layers import (
    BatchNormalization,
    FullyConnected,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LocalResponseNormalization,
)
from runners.engines.numpy.layer import named_parameters
from runners.engines.numpy.network import Network
from runners.training.costs import cost_function
from tests.engines.conftest import learned

Array = NDArray[Any]

TWINS: list[tuple[str, Layer, tuple[Any, ...], Shape]] = [
    ("batch", BatchNormalization(momentum=0.3, epsilon=0.01), ("BatchNorm2d", 3, 0.01, 0.3), (3, 4, 5)),
    ("batch of values", BatchNormalization(), ("BatchNorm1d", 6), (6,)),
    ("layer", LayerNormalization(), ("LayerNorm", (3, 4, 5)), (3, 4, 5)),
    ("layer of values", LayerNormalization(epsilon=0.1), ("LayerNorm", (6,), 0.1), (6,)),
    ("group", GroupNormalization(groups=3), ("GroupNorm", 3, 6), (6, 4, 5)),
    ("local response", LocalResponseNormalization(), ("LocalResponseNorm", 5), (7, 4, 5)),
    (
        "local response, even size",
        LocalResponseNormalization(size=4, alpha=0.7, beta=1.2, k=2),
        ("LocalResponseNorm", 4, 0.7, 1.2, 2.0),
        (7, 4, 5),
    ),
]


@pytest.mark.parametrize(("layer", "twin", "shape"), [each[1:] for each in TWINS], ids=[each[0] for each in TWINS])
def test_agrees_with_pytorch(alone: Any, layer: Layer, twin: tuple[Any, ...], shape: Shape) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    one = alone(layer, shape, 4)
    theirs = getattr(torch.nn, twin[0])(*twin[1:]).double()
    names = {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance"}
    for name, tensor in [*theirs.named_parameters(), *theirs.named_buffers()]:
        if name in names:
            tensor.data.copy_(torch.from_numpy(one.parameters[names[name]]))
    generator = np.random.default_rng(4)
    x, dy = (generator.standard_normal((4, *shape)) + 0.5 for _ in range(2))
    xt = torch.from_numpy(x).requires_grad_()
    y = theirs(xt)
    y.backward(torch.from_numpy(dy))
    dx, gradient = one.backward(x, dy)
    np.testing.assert_allclose(one.forward(x), y.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dx, xt.grad.numpy(), rtol=1e-9, atol=1e-11)
    views = named_parameters(layer, learned(layer, shape), gradient)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(views[names[name]], parameter.grad.numpy(), rtol=1e-9, atol=1e-11)
    if isinstance(layer, BatchNormalization):
        (after,) = one.operation.running_after()
        expected = np.concatenate([theirs.running_mean.numpy(), theirs.running_var.numpy()])
        np.testing.assert_allclose(after, expected, rtol=1e-12)
        resting = alone(layer, shape, 4, training=False)
        theirs.eval()
        for name in ("mean", "variance"):
            getattr(theirs, f"running_{'mean' if name == 'mean' else 'var'}").copy_(
                torch.from_numpy(resting.parameters[name])
            )
        np.testing.assert_allclose(resting.forward(x), theirs(xt).detach().numpy(), rtol=1e-10, atol=1e-12)


def test_a_batch_by_hand(alone: Any) -> None:
    one = alone(BatchNormalization(epsilon=1.0, momentum=0.5), (1,), 2)
    one.parameters["scale"][:], one.parameters["shift"][:] = 3, 10
    one.parameters["mean"][:], one.parameters["variance"][:] = 4, 6
    root = np.sqrt(1 + 1)  # the mean is 3, the variance 1
    np.testing.assert_allclose(one.forward(np.array([[2.0], [4.0]])), [[10 - 3 / root], [10 + 3 / root]])
    assert one.operation.running_after()[0].tolist() == [3.5, 4]  # half of 4 and 3, and of 6 and 2, that of n - 1
    assert one.parameters["mean"].tolist() == [4], "the step tells; the network changes when it is told"


def test_local_response_by_hand(alone: Any) -> None:
    x = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    y = alone(LocalResponseNormalization(size=2, alpha=2, beta=1, k=1), (3, 1, 1), 1).forward(x)
    assert y.ravel().tolist() == [1 / 2, 2 / 6, 3 / 14]  # 1 + the squares of the channel and the one before it


def batch(n: int = 100) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((n, 1, 8, 8)), generator.integers(3, size=n)


class TestRunningAverages:
    layers: ClassVar[list[Layer]] = [
        FullyConnected(neurons=4),
        BatchNormalization(name="steady"),
        FullyConnected(neurons=3),
    ]

    def test_are_weights_but_not_values(self, network: Any, planned: Any) -> None:
        net, plan = network(self.layers), planned(self.layers)
        assert net.weights["steady.mean"].shape == net.weights["steady.variance"].shape == (4,)
        assert plan.parameter_count == net.values.size == 4 * 65 + 8 + 3 * 5
        assert plan.running_count == net.running.size == 8

    def test_a_step_tells_them_and_changes_nothing(self, network: Any) -> None:
        net = network(self.layers)
        pictures, truth = batch()
        before = net.running.copy()
        first, second = (net.gradient(pictures, truth, cost_function(CrossEntropy())) for _ in range(2))
        assert np.array_equal(net.running, before)
        assert np.array_equal(first.running, second.running)
        x = net.trace(pictures)["fully_connected_1"]
        expected = 0.9 * before + 0.1 * np.concatenate([x.mean(axis=0), x.var(axis=0, ddof=1)])
        np.testing.assert_allclose(first.running, expected, rtol=1e-12)

    def test_a_network_made_of_the_weights_goes_on_to_the_bit(self, network: Any, planned: Any) -> None:
        net = network(self.layers, dtype=np.float32)
        pictures, truth = batch()
        cost = cost_function(CrossEntropy())

        def steps(one: Network, count: int) -> None:
            for _ in range(count):
                step = one.gradient(pictures, truth, cost)
                one.values[:] -= 0.1 * step.gradient
                one.running[:] = step.running

        steps(net, 2)
        again = Network(planned(self.layers), net.weights)
        steps(net, 2)
        steps(again, 2)
        assert again.running.tobytes() == net.running.tobytes()
        assert all(np.array_equal(weight, again.weights[name]) for name, weight in net.weights.items())

    def test_a_batch_is_one_piece(self, network: Any) -> None:
        net = network([BatchNormalization(), FullyConnected(neurons=3)])
        pictures, truth = batch(150)
        step = net.gradient(pictures, truth, cost_function(CrossEntropy()))
        normal = (pictures - pictures.mean()) / np.sqrt(pictures.var() + 1e-5)
        weights = net.weights
        scaled = normal * weights["batch_normalization_1.scale"] + weights["batch_normalization_1.shift"]
        expected = scaled.reshape(150, -1) @ weights["fully_connected_1.weight"].T + weights["fully_connected_1.bias"]
        np.testing.assert_allclose(step.votes, expected, rtol=1e-9, atol=1e-12)

    def test_votes_do_not_depend_on_what_else_is_asked(self, network: Any) -> None:
        net = network(self.layers)
        pictures, _ = batch()
        np.testing.assert_allclose(net.votes(pictures[:3]), net.votes(pictures)[:3], rtol=1e-12)
