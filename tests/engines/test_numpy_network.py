"""A whole network: votes, trace and gradients, with any number of threads, and what rewriting must not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.costs import CrossEntropy, Squared
from convspec.data import Description
from convspec.errors import UserError
from convspec.layers import (
    BatchNormalization,
    Branches,
    Convolution,
    Dropout,
    FullyConnected,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LocalResponseNormalization,
    Pooling,
    Relu,
    Repeat,
    Residual,
    Sigmoid,
    Tanh,
)
from convspec.layers.layer import Parameter
from convspec.plan import plan
from runners.engines.engine import EngineNetwork
from runners.engines.initial import initial_weights
from runners.engines.numpy import network as engine
from runners.engines.numpy.chain import Chain, relu_after_maximum
from runners.engines.numpy.layer import Link, Site, named_parameters, operation
from runners.engines.numpy.network import Network, chunk_limit, chunks
from runners.randomness import stream
from runners.training.costs import cost_function

Array = NDArray[Any]
cross_entropy = cost_function(CrossEntropy())


def draw(layer: str, chunk: int) -> np.random.Generator:
    return stream(5, "dropout", layer, 1, 1, chunk)


def conv(features: int = 3, size: int = 3, **fields: Any) -> Convolution:
    return Convolution(features=features, size=size, **{"padding": "same", **fields})


def full(neurons: int = 3, **fields: Any) -> FullyConnected:
    return FullyConnected(neurons=neurons, **fields)


def pool(reduce: str = "max") -> Pooling:
    return Pooling(window=2, stride=2, kind=reduce)


def pool1() -> Pooling:
    return Pooling(window=(1, 1), stride=1)


def drop() -> Dropout:
    return Dropout(rate=0.2)


STACKS: dict[str, list[Layer]] = {
    "the usual": [conv(), Relu(), pool(), conv(4), Relu(), pool(), full(5), Relu(), full()],
    "convolution after convolution": [conv(), conv(), conv(2, stride=2), full()],
    "in place one after the other": [
        conv(2), Tanh(), Sigmoid(), Relu(), Dropout(rate=0.3), Tanh(), full(4), Sigmoid(), Dropout(rate=0), Tanh(), full(),
    ],
    "dropout everywhere": [drop(), conv(), drop(), Relu(), drop(), pool(), drop(), full(), drop()],
    "pooling first": [pool("average"), conv(2), pool("average"), full()],
    "activation first": [Tanh(), pool(), Relu(), full()],
    "relu before several poolings": [conv(), Relu(), pool(), pool(), Relu(), pool("average"), full()],
    "relu before an average": [conv(), Relu(), pool("average"), full()],
    "sigmoid before pooling": [conv(), Sigmoid(), pool(), full()],
    "votes from an activation": [conv(), Relu(), full(), Sigmoid()],
    "frozen in the middle": [conv(2), Relu(), conv(2, trainable=False), Relu(), full()],
    "frozen at the bottom": [conv(2, trainable=False), Relu(), conv(2), pool(), full()],
    "no bias": [conv(2, bias=False), Relu(), full(4, bias=False), Relu(), full(bias=False)],
    "normalizations": [
        LayerNormalization(), conv(4), BatchNormalization(), Relu(), pool(), GroupNormalization(groups=2), conv(2),
        LocalResponseNormalization(size=3, alpha=0.5), full(5), BatchNormalization(epsilon=0.01), Tanh(), full(),
    ],
}  # fmt: skip
NESTED: dict[str, list[Layer]] = {
    "shortcut": [conv(2), Residual(layers=(conv(2), Relu(), conv(2))), Relu(), full()],
    "shortcut first": [Residual(layers=(Tanh(), conv(1))), pool(), full()],
    "projection": [conv(2), Residual(layers=(conv(3, stride=2), Tanh(), conv(4))), Relu(), pool(), full()],
    "shortcut over values": [full(5), Residual(layers=(Relu(), full(4), Relu(), full(5))), Residual(layers=(full(4),)), full()],
    "branches": [
        conv(2), Branches(branches=((conv(2, 1),), (conv(1, 1), Relu(), conv(3)), (pool1(), conv(1, 1)), ())), Tanh(), full(),
    ],
    "added branches": [conv(2), Branches(branches=((conv(3),), (Tanh(), conv(3, 1))), join="add"), Relu(), pool(), full()],
    "an empty branch added": [Branches(branches=((), (), (drop(), conv(1))), join="add"), full()],
    "nested twice": [
        Branches(branches=((conv(2), Residual(layers=(conv(2), Relu(), pool(), conv(3)))), (conv(1, stride=2),))), full(),
    ],
    "frozen parts": [
        conv(2), Residual(layers=(conv(3, trainable=False), Relu(), conv(3), conv(2, trainable=False))),
        Branches(branches=((conv(2, trainable=False),), (conv(2, stride=1),), ())), full(),
    ],
    "frozen at the bottom": [
        Branches(branches=((conv(2, trainable=False),), ())), Branches(branches=((conv(2, trainable=False),), (conv(2),))),
        full(),
    ],
    "batches in branches": [
        Branches(branches=((conv(2), BatchNormalization()), (BatchNormalization(), conv(1)))), BatchNormalization(), Relu(),
        Residual(layers=(conv(3, bias=False), BatchNormalization(), Relu(), drop(), conv(3))), full(),
    ],
}  # fmt: skip
with_stacks = pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
with_all = pytest.mark.parametrize("layers", [*STACKS.values(), *NESTED.values()], ids=[*STACKS, *NESTED])


def examples(n: int = 5, shape: tuple[int, ...] = (1, 8, 8), classes: int = 3) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((n, *shape)), generator.integers(classes, size=n)


@with_all
def test_gradient_of_every_parameter_is_that_of_finite_differences(network: Any, layers: list[Layer]) -> None:
    net = network(layers)
    pictures, truth = examples()
    cost = cost_function(Squared())
    found = net.gradient(pictures, truth, cost, draw=draw).gradient
    expected = np.empty_like(found)
    for i, value in enumerate(net.values.copy()):
        costs = []
        for step in (1e-5, -1e-5):
            net.values[i] = value + step
            costs.append(net.gradient(pictures, truth, cost, draw=draw).cost)
        net.values[i] = value
        expected[i] = (costs[0] - costs[1]) / 2e-5
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


@with_all
def test_trace_follows_the_file_and_ends_with_the_votes(network: Any, planned: Any, layers: list[Layer]) -> None:
    net, plan = network(layers), planned(layers)
    pictures, _ = examples(3)
    trace = net.trace(pictures)
    assert list(trace) == [layer.name for layer in plan.every_layer]
    assert [y.shape for y in trace.values()] == [(3, *layer.output_shape) for layer in plan.every_layer]
    assert np.array_equal(list(trace.values())[-1], net.votes(pictures))


@with_stacks
def test_trace_is_what_the_layers_give_one_after_the_other(
    network: Any, planned: Any, alone: Any, layers: list[Layer]
) -> None:
    net = network(layers)
    x, _ = examples(2)
    trace, weights = net.trace(x), net.weights
    for layer in planned(layers).layers:
        one = alone(layer.layer, layer.input_shape, 2, training=False)
        for name, view in one.parameters.items():
            view[...] = weights[f"{layer.name}.{name}"]
        x = one.forward(x)
        np.testing.assert_allclose(trace[layer.name], x, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "layers", [STACKS["the usual"], STACKS["relu before several poolings"]], ids=["usual", "several"]
)
def test_moving_relu_behind_the_maximum_changes_no_bit(
    network: Any, layers: list[Layer], dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, truth = examples(40)
    pictures = np.round(pictures)  # many equal values, in many windows
    moved = network(layers, dtype=dtype)
    monkeypatch.setattr(engine, "relu_after_maximum", lambda links: links)
    as_written = network(layers, dtype=dtype)
    steps = [net.gradient(pictures, truth, cross_entropy) for net in (moved, as_written)]
    assert np.array_equal(steps[0].gradient, steps[1].gradient)
    assert np.array_equal(steps[0].votes, steps[1].votes)
    assert np.array_equal(moved.votes(pictures), as_written.votes(pictures))


def test_only_relu_moves_and_only_behind_a_maximum(planned: Any) -> None:
    layers = [conv(), Relu(), pool(), Sigmoid(), pool(), Relu(), pool("average"), full()]
    links = [Link(layer, np.zeros(0), None) for layer in planned(layers).layers]
    moved = [link.layer for link in relu_after_maximum(links)]
    assert [layer.name for layer in moved] == [
        "convolution_1", "pooling_1", "relu_1", "sigmoid_1", "pooling_2", "relu_2", "pooling_3", "fully_connected_1",
    ]  # fmt: skip
    assert moved[2].input_shape == moved[2].output_shape == (3, 4, 4)


def test_no_gradient_is_computed_for_what_needs_none(planned: Any) -> None:
    plan = planned([conv(trainable=False), Relu(), conv(), full()])
    links = [
        Link(layer, np.zeros(layer.parameter_count), slice(0) if layer.trainable_count else None)
        for layer in plan.layers
    ]
    chain = Chain(links, 2, training=True)
    _, backwards = chain.forward(np.zeros((1, 8, 8, 2)))
    outputs = [np.zeros((*layer.output_shape, 2)) for layer in plan.layers]
    gradients = [backward(dy, None) for backward, dy in zip(backwards, outputs, strict=True)]
    assert [dx is None for dx in gradients] == [True, True, True, False]


@pytest.fixture
def threads_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORTH_A_THREAD", 0)


@pytest.mark.usefixtures("threads_always")
@pytest.mark.parametrize(
    "name", ["the usual", "dropout everywhere", "normalizations", "nested twice", "batches in branches"]
)
def test_results_are_the_same_to_the_bit_with_any_number_of_threads(network: Any, name: str) -> None:
    pictures, truth = examples(150)
    nets = [network((STACKS | NESTED)[name], dtype=np.float32, threads=threads) for threads in (1, 2, 3, 8)]
    for _ in range(3):
        steps = [net.gradient(pictures, truth, cross_entropy, draw=draw) for net in nets]
        assert len({step.gradient.tobytes() for step in steps}) == 1
        assert len({step.votes.tobytes() for step in steps}) == 1
        assert len({step.cost for step in steps}) == 1
    assert len({net.votes(pictures).tobytes() for net in nets}) == 1


@pytest.mark.usefixtures("threads_always")
def test_an_error_in_a_thread_reaches_the_caller(network: Any) -> None:
    def fails(votes: Array, truth: Array) -> tuple[Array, Array]:
        raise ArithmeticError(f"{len(truth)} examples")

    with pytest.raises(ArithmeticError, match="examples"):
        network(STACKS["the usual"], threads=2).gradient(*examples(80), fails)


@pytest.mark.parametrize(
    ("features", "side", "limit"), [(16, 8, 128), (16, 16, 64), (17, 16, 32), (16, 28, 32), (32, 32, 32), (64, 32, 16)]
)
def test_wide_layers_are_computed_for_fewer_examples_at_a_time(features: int, side: int, limit: int) -> None:
    layers: list[Layer] = [Convolution(features=features, size=3, padding="same"), full()]
    assert chunk_limit(plan(layers, Description((1, side, side), ("a", "b", "c")))) == limit


@pytest.mark.parametrize(
    ("n", "limit", "sizes"), [(32, 32, [32]), (33, 32, [16, 17]), (100, 32, [25] * 4), (5, 16, [5])]
)
def test_a_batch_is_cut_as_evenly_as_it_goes(n: int, limit: int, sizes: list[int]) -> None:
    spans = chunks(n, limit)
    assert [span.stop - span.start for span in spans] == sizes
    assert [i for span in spans for i in range(n)[span]] == list(range(n))


def test_the_gradient_of_a_batch_is_the_mean_of_those_of_its_parts(network: Any) -> None:
    net = network(STACKS["the usual"])
    pictures, truth = examples(90)
    whole = net.gradient(pictures, truth, cross_entropy)
    parts = [net.gradient(pictures[i : i + 30], truth[i : i + 30], cross_entropy) for i in (0, 30, 60)]
    np.testing.assert_allclose(
        whole.gradient, np.mean([part.gradient for part in parts], axis=0), rtol=1e-9, atol=1e-14
    )
    np.testing.assert_allclose(whole.votes, np.concatenate([part.votes for part in parts]), rtol=1e-12)
    assert whole.cost == pytest.approx(np.mean([part.cost for part in parts]), rel=1e-13)


def test_votes_of_any_number_of_pictures_are_those_of_each_alone(network: Any) -> None:
    net = network(STACKS["the usual"])
    pictures, _ = examples(75)
    votes = net.votes(pictures)
    assert votes.shape == (75, 3)
    for count in (1, 2, 31, 33):
        np.testing.assert_allclose(net.votes(pictures[:count]), votes[:count], rtol=1e-12)
    assert net.votes(pictures[:0]).shape == (0, 3)


def test_a_step_holds_what_it_held_when_the_next_one_is_taken(network: Any) -> None:
    net = network(STACKS["the usual"])
    pictures, truth = examples(8)
    step = net.gradient(pictures, truth, cross_entropy)
    votes, gradient = step.votes.copy(), step.gradient.copy()
    net.gradient(-pictures, truth, cross_entropy)
    assert np.array_equal(step.votes, votes)
    assert np.array_equal(step.gradient, gradient)


def test_pictures_truth_and_parameters_are_not_modified(network: Any) -> None:
    net = network(STACKS["activation first"])
    pictures, truth = examples()
    before = pictures.copy(), truth.copy(), net.values.copy()
    net.gradient(pictures, truth, cross_entropy)
    net.votes(pictures)
    net.trace(pictures)
    assert all(np.array_equal(a, b) for a, b in zip(before, (pictures, truth, net.values), strict=True))


def test_kept_parameters_are_weights_but_not_values(network: Any) -> None:
    net = network(STACKS["frozen at the bottom"])
    frozen = net.weights["convolution_1.weight"]
    assert net.values.size == sum(w.size for name, w in net.weights.items() if not name.startswith("convolution_1."))
    net.values[:] = 0
    assert np.array_equal(net.weights["convolution_1.weight"], frozen)
    assert not net.weights["convolution_2.weight"].any()


def test_weights_are_copies_in_the_public_layout_that_make_the_same_network_again(network: Any, planned: Any) -> None:
    net = network(STACKS["the usual"])
    weights = net.weights
    assert {name: weights[name].shape for name in list(weights)[:4]} == {
        "convolution_1.weight": (3, 1, 3, 3),
        "convolution_1.bias": (3,),
        "convolution_2.weight": (4, 3, 3, 3),
        "convolution_2.bias": (4,),
    }
    assert all(array.flags.c_contiguous for array in weights.values())
    again = Network(planned(STACKS["the usual"]), weights, dtype=np.float64)
    weights["convolution_1.bias"][:] = 99
    assert np.array_equal(again.values, net.values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("convolution_1.bias"), "convolution_1.bias: the network needs weights of 3. Got none."),
        (
            lambda w: w.update({"convolution_1.weight": np.zeros((3, 2, 3, 3))}),
            "convolution_1.weight: the network needs weights of 3 x 1 x 3 x 3. Got 3 x 2 x 3 x 3.",
        ),
    ],
    ids=["missing", "other shape"],
)
def test_weights_of_another_network_are_refused(
    network: Any, planned: Any, change: Callable[[dict[str, Array]], object], message: str
) -> None:
    weights = network(STACKS["the usual"]).weights
    change(weights)
    with pytest.raises(UserError) as refused:
        Network(planned(STACKS["the usual"]), weights)
    assert refused.value.message == message
    assert refused.value.hint == "Weights fit only the network that they were trained for."


def test_parameters_of_other_kinds_stand_one_after_the_other() -> None:
    declared = (Parameter("scale", (2,), "ones"), Parameter("shift", (1, 3), "zeros"))
    views = named_parameters(Relu(), declared, np.arange(5.0))
    assert {name: view.tolist() for name, view in views.items()} == {"scale": [0, 1], "shift": [[2, 3, 4]]}


def test_a_kind_without_an_operation_is_refused_by_name() -> None:
    with pytest.raises(UserError) as refused:
        operation(Repeat(times=2, layers=(Relu(),)), Site("again", (1,), (1,), 1, np.zeros(0)))
    assert refused.value.message == "again: the numpy engine cannot compute a repeat layer."


def test_the_first_layer_that_is_not_finite_is_named(network: Any) -> None:
    net = network(STACKS["the usual"])
    pictures, truth = examples(40)
    assert net.first_non_finite(pictures) is None
    weights = net.weights
    weights["convolution_2.bias"][1] = np.inf
    ruined = Network(net.plan, weights, dtype=np.float64)
    assert ruined.first_non_finite(pictures) == "convolution_2"
    assert not np.isfinite(ruined.gradient(pictures, truth, cross_entropy).cost)


def test_overflow_is_left_to_the_trainer_without_a_warning(network: Any) -> None:
    net = network(STACKS["the usual"], dtype=np.float32)
    pictures, truth = examples()
    net.values[:] = 1e30
    assert not np.isfinite(net.gradient(np.abs(pictures), truth, cross_entropy).cost)
    assert net.first_non_finite(np.abs(pictures)) == "convolution_2"


class TestDropout:
    def test_scales_up_what_stays_in_training(self, alone: Any) -> None:
        x = np.ones((3, 2, 30, 30))
        y = alone(Dropout(rate=0.25), (2, 30, 30)).forward(x)
        assert set(np.unique(y)) == {0, 1 / 0.75}
        assert y.mean() == pytest.approx(1, abs=0.05)

    def test_is_the_identity_otherwise(self, alone: Any) -> None:
        x = np.random.default_rng(0).standard_normal((3, 4))
        assert np.array_equal(alone(Dropout(rate=0.25), (4,), training=False).forward(x), x)

    def test_follows_from_what_is_drawn_for_layer_and_chunk(self, network: Any) -> None:
        net = network([Dropout(rate=0.5, name="first"), full(4), Dropout(rate=0.5, name="second"), full()])
        pictures, truth = examples(140)
        asked = []

        def asking(layer: str, chunk: int) -> np.random.Generator:
            asked.append((layer, chunk))
            return draw(layer, chunk)

        step = net.gradient(pictures, truth, cross_entropy, draw=asking)
        assert asked == [("first", 0), ("second", 0), ("first", 1), ("second", 1)]
        assert np.array_equal(net.gradient(pictures, truth, cross_entropy, draw=draw).gradient, step.gradient)
        other = net.gradient(pictures, truth, cross_entropy, draw=lambda layer, chunk: stream(6, layer, chunk))
        assert not np.array_equal(other.gradient, step.gradient)

    def test_cannot_train_without_random_numbers(self, network: Any) -> None:
        with pytest.raises(ValueError, match="dropout_1 needs random numbers: pass draw"):
            network([Dropout(), full()]).gradient(*examples(), cross_entropy)


def test_a_network_satisfies_the_engines_contract(network: Any) -> None:
    net: EngineNetwork = network(STACKS["the usual"])
    assert net.values.dtype == np.float64


def test_agrees_with_pytorch(planned: Any) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    layers = [conv(), Relu(), pool(), conv(4, stride=2, padding=1), Tanh(), pool("average"), full(5), Sigmoid(), full()]
    plan = planned(layers, (1, 11, 9))
    weights = initial_weights(plan, 3, np.float64)
    net = Network(plan, weights, dtype=np.float64)
    pictures, truth = examples(40, (1, 11, 9))
    pictures = np.round(pictures)
    twin = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True), nn.Conv2d(3, 4, 3, 2, padding=1),
        nn.Tanh(), nn.AvgPool2d(2, ceil_mode=True), nn.Flatten(), nn.Linear(16, 5), nn.Sigmoid(), nn.Linear(5, 3),
    ).double()  # fmt: skip
    with torch.no_grad():
        for parameter, value in zip(twin.parameters(), weights.values(), strict=True):
            parameter.copy_(torch.from_numpy(value))
    nn.functional.cross_entropy(twin(torch.from_numpy(pictures)), torch.from_numpy(truth)).backward()
    step = net.gradient(pictures, truth, cross_entropy)
    found = Network(plan, weights, dtype=np.float64)
    found.values[:] = step.gradient
    for parameter, gradient in zip(twin.parameters(), found.weights.values(), strict=True):
        np.testing.assert_allclose(gradient, parameter.grad.numpy(), rtol=1e-9, atol=1e-12)
