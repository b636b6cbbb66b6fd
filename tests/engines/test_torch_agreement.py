"""Every layer kind with PyTorch, nested ones too: votes, outputs, gradients and averages are those of the numpy engine."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.costs import CrossEntropy
from convspec.layers import (
    BatchNormalization,
    Branches,
    Convolution,
    Dropout,
    Embedding,
    FullyConnected,
    GroupNormalization,
    Layer,
    Pooling,
    Relu,
    Residual,
    SpatialDropout,
)
from convspec.plan import Plan
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network as NumpyNetwork
from runners.randomness import stream
from runners.training.costs import cost_function
from tests.engines.cases import CASES, Case, over

if find_spec("torch"):
    from runners.engines.torch.network import Network

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed"),
]
Array = NDArray[Any]
cross_entropy = cost_function(CrossEntropy())
precisions = pytest.mark.parametrize(
    ("dtype", "bound"), [(np.float32, 1e-4), (np.float64, 1e-9)], ids=["float32", "float64"]
)


def conv(features: int, size: int = 3, **fields: Any) -> Convolution:
    return Convolution(features=features, size=size, **{"padding": "same", **fields})


INNER = Residual(layers=(conv(2), BatchNormalization()))
NESTED: list[Case] = [
    ("shortcut", Residual(layers=(conv(2), Relu(), conv(2))), (2, 5, 4)),
    ("projection", Residual(layers=(conv(3), Relu())), (2, 5, 4)),
    ("projection with stride", Residual(layers=(conv(3, stride=2),)), (2, 5, 4)),
    ("projection with uneven stride", Residual(layers=(conv(3, stride=(1, 2)),)), (2, 5, 4)),
    ("shortcut of values", Residual(layers=(FullyConnected(neurons=5), Relu())), (5,)),
    ("projection of values", Residual(layers=(FullyConnected(neurons=4),)), (5,)),
    ("1: projection with stride", Residual(layers=(conv(3, stride=2),)), (2, 7)),
    ("3: projection with uneven stride", Residual(layers=(conv(3, stride=(1, 2, 1)),)), (2, 3, 4, 2)),
    ("1: branches", Branches(branches=((conv(2, 1), Relu()), (), (Pooling(window=3, stride=1, padding="same"),))), (2, 6)),
    ("3: branches", Branches(branches=((conv(2, 1), Relu()), (Pooling(window=2, stride=1, padding="same"),))), (2, 3, 2, 3)),
    ("1: relu before a padded maximum", Residual(layers=(Relu(), Pooling(window=3, stride=3, padding=1), conv(2))), (2, 6)),
    ("words in a branch", Branches(branches=((Embedding(words=5, features=2),), (conv(3), Relu()))), (1, 6)),
    ("branches", Branches(branches=((conv(2, 1), Relu()), (), (conv(3), BatchNormalization()))), (2, 5, 4)),
    ("branches added up", Branches(join="add", branches=((conv(2),), (), (conv(2, 5), Relu()))), (2, 5, 4)),
    ("one branch", Branches(branches=((conv(3),),)), (2, 5, 4)),
    ("branches of values", Branches(branches=((FullyConnected(neurons=2),), (Relu(),))), (5,)),
    ("relu before a maximum within", Residual(layers=(Relu(), Pooling(window=2, stride=2), conv(2))), (2, 6, 4)),
    ("a shortcut in a branch", Branches(branches=((INNER, Relu()), (GroupNormalization(groups=2),))), (2, 5, 4)),
    ("branches in a shortcut", Residual(layers=(Branches(join="add", branches=((INNER,), (INNER, INNER))),)), (2, 5, 4)),
    ("scales that are kept", BatchNormalization(trainable=False), (3, 5, 4)),
    ("layers within that are kept", Residual(layers=(conv(3, trainable=False), BatchNormalization())), (2, 5, 4)),
    ("dropout within", Residual(layers=(conv(2), SpatialDropout(rate=0.3), Dropout(rate=0.2))), (2, 5, 4)),
    ("dropout and averages", Residual(layers=(conv(2), BatchNormalization(), Dropout(rate=0.2))), (2, 5, 4)),
]  # fmt: skip
ALL = CASES + NESTED


def draw(layer: str, chunk: int) -> np.random.Generator:
    return stream(5, "dropout", layer, 1, 1, chunk)


def around(layer: Layer, shape: Shape) -> tuple[list[Layer], Shape]:
    """A network in which the layer has parameters before and behind it, and the shape of its pictures."""
    within = [one for stack in layer.stacks().values() for one in stack]
    if any(one.looks_words_up for one in [layer, *within]):
        return [layer, FullyConnected(neurons=3)], shape
    before = FullyConnected(neurons=shape[0]) if len(shape) == 1 else Convolution(features=shape[0], size=1)
    return [before, layer, FullyConnected(neurons=3)], (2, *(shape[1:] or (4, 4)))


def random_weights(plan: Plan) -> dict[str, Array]:
    """Weights of which none is a constant, running averages away from those that they begin with."""
    generator = np.random.default_rng(2)
    return {
        name: value + (generator.uniform(0, 1, value.shape) if name.endswith("variance") else
                       0.1 * generator.standard_normal(value.shape))
        for name, value in initial_weights(plan, 7, np.float64).items()
    }  # fmt: skip


def both(plan: Plan, dtype: Any) -> Sequence[Any]:
    """The same network on the torch and the numpy engine."""
    weights = random_weights(plan)
    return Network(plan, weights, dtype=dtype, device="cpu"), NumpyNetwork(plan, weights, dtype=dtype)


def examples(plan: Plan, n: int, dtype: Any) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    shape = (n, *plan.data.shape)
    x = generator.integers(plan.words, size=shape) if plan.words else generator.standard_normal(shape)
    return x.astype(dtype), generator.integers(3, size=n)


def assert_close(found: dict[str, Array], expected: dict[str, Array], bound: float) -> None:
    """Arrays of the same names, apart by no more than a share of the largest of all."""
    assert list(found) == list(expected)
    largest = max(np.abs(array).max() for array in expected.values())
    for name, array in found.items():
        assert array.shape == expected[name].shape, name
        assert array.dtype == expected[name].dtype, name
        assert np.abs(array - expected[name]).max() <= bound * largest, name


@precisions
@over(ALL)
@pytest.mark.parametrize("n", [1, 5, 70], ids=["one", "few", "many"])
def test_a_step_is_that_of_the_numpy_engine(
    planned: Any, layer: Layer, shape: Shape, dtype: Any, bound: float, n: int
) -> None:
    layers, pictures = around(layer, shape)
    plan = planned(layers, pictures)
    x, truth = examples(plan, n, dtype)
    told = []
    for net in both(plan, dtype):
        before = net.running.copy()
        step = net.gradient(x, truth, cross_entropy, draw=draw)
        assert np.array_equal(net.running, before), "a step changes nothing"
        net.values[:], net.running[:] = step.gradient, step.running
        told.append((step.votes, net.weights))
    assert_close({"votes": told[0][0]}, {"votes": told[1][0]}, bound)
    assert_close(told[0][1], told[1][1], bound)


@precisions
@over(ALL)
def test_outputs_and_votes_are_those_of_the_numpy_engine(
    planned: Any, layer: Layer, shape: Shape, dtype: Any, bound: float
) -> None:
    layers, pictures = around(layer, shape)
    plan = planned(layers, pictures)
    x, _ = examples(plan, 6, dtype)
    ours, theirs = both(plan, dtype)
    found = ours.trace(x)
    assert_close(found, theirs.trace(x), bound)
    assert [found[one.name].shape[1:] for one in plan.every_layer] == [one.output_shape for one in plan.every_layer]
    assert_close({"votes": ours.votes(x)}, {"votes": theirs.votes(x)}, bound)


@pytest.mark.parametrize("shape", [(3, 5, 4), (1, 5, 6), (2, 3, 4, 2)], ids=str)
def test_normalized_data_have_a_way_back(planned: Any, shape: Shape) -> None:
    """No gradient of the data is wanted, and PyTorch's own group_norm crashes there."""
    plan = planned([GroupNormalization(groups=1), FullyConnected(neurons=3)], shape)
    x, truth = examples(plan, 4, np.float64)
    told = []
    for net in both(plan, np.float64):
        net.values[:] = net.gradient(x, truth, cross_entropy, draw=draw).gradient
        told.append(net.weights)
    assert_close(told[0], told[1], 1e-9)


@over(ALL)
def test_weights_move_between_the_engines_to_the_bit(planned: Any, layer: Layer, shape: Shape) -> None:
    layers, pictures = around(layer, shape)
    ours, theirs = both(planned(layers, pictures), np.float32)
    expected = theirs.weights
    assert {name: w.tobytes() for name, w in ours.weights.items()} == {n: w.tobytes() for n, w in expected.items()}
    assert ours.values.size == theirs.values.size
    assert ours.running.size == theirs.running.size
