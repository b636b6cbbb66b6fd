"""A whole network with PyTorch: what it shares with the numpy engine, and what is its own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.errors import UserError
from convspec.layers import Convolution, Dropout, FullyConnected, Layer, Pooling, Relu
from convspec.training import CrossEntropy
from runners.engines.engine import EngineNetwork
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network as NumpyNetwork
from runners.training.costs import cost_function

if find_spec("torch"):
    import torch

    from runners.engines.torch import network as engine
    from runners.engines.torch.device import find_device
    from runners.engines.torch.network import Network, relu_after_maximum

pytestmark = pytest.mark.torch
Array = NDArray[Any]
cross_entropy = cost_function(CrossEntropy())
LAYERS: list[Layer] = [
    Convolution(features=3, size=3, padding="same"), Relu(), Pooling(window=2, stride=2),
    Convolution(features=4, size=3, padding="same"), Relu(), Pooling(window=3, stride=2),
    FullyConnected(neurons=5), Relu(), FullyConnected(neurons=3),
]  # fmt: skip


def examples(n: int = 5, channels: int = 1) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((n, channels, 8, 8)), generator.integers(3, size=n)


@pytest.fixture
def both(planned: Any) -> Any:
    """The same network on the torch and the numpy engine, in double precision."""

    def make(layers: list[Layer] = LAYERS, channels: int = 1) -> tuple[Any, Any]:
        plan = planned(layers, (channels, 8, 8))
        weights = initial_weights(plan, 7, np.float64)
        return Network(plan, weights, dtype=np.float64, device="cpu"), NumpyNetwork(plan, weights, dtype=np.float64)

    return make


@pytest.mark.parametrize("channels", [1, 3])
def test_votes_trace_and_cost_are_those_of_the_numpy_engine(both: Any, channels: int) -> None:
    ours, theirs = both(channels=channels)
    x, truth = examples(70, channels)
    np.testing.assert_allclose(ours.votes(x), theirs.votes(x), rtol=1e-9)
    np.testing.assert_allclose(list(ours.trace(x).values())[-1], ours.votes(x), rtol=1e-12)
    steps = [net.gradient(x, truth, cross_entropy) for net in (ours, theirs)]
    assert steps[0].cost == pytest.approx(steps[1].cost, rel=1e-12)
    assert list(ours.trace(x)) == list(theirs.trace(x))


def test_votes_taken_in_parts_are_those_of_the_whole(both: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net, _ = both()
    x, _ = examples(13)
    whole = net.votes(x)
    monkeypatch.setattr(engine, "WIDEST_BYTES", 5 * 3 * 8 * 8 * 4)
    np.testing.assert_allclose(net.votes(x), whole, rtol=1e-12)
    assert net.votes(x[:0]).shape == (0, 3)


def test_weights_move_between_the_engines_to_the_bit(both: Any) -> None:
    ours, theirs = both(channels=3)
    assert all(np.array_equal(w, theirs.weights[name]) for name, w in ours.weights.items())
    assert all(w.flags.c_contiguous and w.shape == theirs.weights[name].shape for name, w in ours.weights.items())


def test_values_are_those_that_are_computed_with(both: Any) -> None:
    net: EngineNetwork = both()[0]
    x, _ = examples()
    assert net.values.dtype == np.float64
    net.values[:] = 0
    assert not net.votes(x).any()


def test_weights_and_steps_are_copies(both: Any) -> None:
    net, _ = both()
    x, truth = examples()
    step = net.gradient(x, truth, cross_entropy)
    votes, gradient = step.votes.copy(), step.gradient.copy()
    net.weights["convolution_1.weight"][:] = 99
    net.gradient(-x, truth, cross_entropy)
    assert np.array_equal(step.votes, votes)
    assert np.array_equal(step.gradient, gradient)
    assert np.abs(net.values).max() < 99


def test_pictures_and_parameters_are_not_modified(both: Any) -> None:
    net, _ = both([Relu(), Pooling(window=2, stride=2), FullyConnected(neurons=3)])
    x, truth = examples()
    before = x.copy(), net.values.copy()
    net.gradient(x, truth, cross_entropy)
    net.votes(x)
    net.trace(x)
    assert np.array_equal(x, before[0])
    assert np.array_equal(net.values, before[1])


@pytest.mark.parametrize("frozen", [0, 3], ids=["at the bottom", "in the middle"])
def test_frozen_parameters_are_weights_but_not_values(both: Any, frozen: int) -> None:
    layers = list(LAYERS)
    layers[frozen] = Convolution(features=4, size=3, padding="same", trainable=False)
    ours, theirs = both(layers)
    x, truth = examples(20)
    assert ours.values.size == theirs.values.size
    ours.values[:] = ours.gradient(x, truth, cross_entropy).gradient
    theirs.values[:] = theirs.gradient(x, truth, cross_entropy).gradient
    for name, weight in theirs.weights.items():
        np.testing.assert_allclose(ours.weights[name], weight, rtol=1e-9, atol=1e-12)


def test_a_network_without_anything_to_train_has_an_empty_gradient(both: Any) -> None:
    net, _ = both([FullyConnected(neurons=3, trainable=False)])
    assert net.gradient(*examples(), cross_entropy).gradient.size == 0


def test_relu_moves_behind_a_maximum_alone(planned: Any) -> None:
    average = Pooling(window=2, stride=2, kind="average")
    layers = [LAYERS[0], Relu(), LAYERS[2], Relu(), average, FullyConnected(neurons=3)]
    order = relu_after_maximum(planned(layers).layers)
    assert [one.name for one in order] == [
        "convolution_1", "pooling_1", "relu_1", "relu_2", "pooling_2", "fully_connected_1",
    ]  # fmt: skip
    assert order[2].input_shape == order[2].output_shape == (3, 4, 4)


def test_dropout_cannot_train_without_random_numbers(both: Any) -> None:
    net, _ = both([Dropout(), FullyConnected(neurons=3)])
    with pytest.raises(ValueError, match="dropout_1 needs random numbers: pass draw"):
        net.gradient(*examples(), cross_entropy)


@pytest.mark.parametrize(
    ("weights", "got"),
    [({}, "none"), ({"fully_connected_1.weight": np.zeros((3, 9))}, "3 x 9")],
    ids=["missing", "shape"],
)
def test_weights_of_another_network_are_refused(planned: Any, weights: dict[str, Array], got: str) -> None:
    with pytest.raises(UserError) as refused:
        Network(planned([FullyConnected(neurons=3)]), weights, device="cpu")
    assert refused.value.message == f"fully_connected_1.weight: the network needs weights of 3 x 64. Got {got}."


def test_the_first_layer_that_is_not_finite_is_named(both: Any) -> None:
    net, _ = both()
    x, truth = examples()
    assert net.first_non_finite(x) is None
    weights = net.weights
    weights["convolution_2.bias"][1] = np.inf
    ruined = Network(net.plan, weights, device="cpu")
    assert ruined.first_non_finite(x) == "convolution_2"
    assert not np.isfinite(ruined.gradient(x, truth, cross_entropy).cost)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_one_message(device: str) -> None:
    there = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    if there:
        pytest.skip(f"{device} is here")
    with pytest.raises(UserError, match=rf"^PyTorch \S+ finds no device {device} here\. There is: cpu\.$"):
        find_device(device)


def test_each_network_computes_with_its_own_number_of_threads(planned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(LAYERS)
    assert plan.multiply_adds * 5 < engine.WORTH_THREADS
    several = Network(plan, initial_weights(plan, 7), threads=2, device="cpu")
    several.votes(examples()[0])
    assert torch.get_num_threads() == 1, "so little work is done by one"
    monkeypatch.setattr(engine, "WORTH_THREADS", 0)
    one, two = (Network(plan, initial_weights(plan, 7), threads=n, device="cpu") for n in (1, 2))
    for net, threads in ((one, 1), (two, 2), (one, 1)):
        net.votes(examples()[0])
        assert torch.get_num_threads() == threads
