"""Every layer kind with PyTorch: votes, shapes and gradients are those of the numpy engine."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.layers import (
    BatchNormalization,
    Branches,
    Convolution,
    Dropout,
    FullyConnected,
    Layer,
    Pooling,
    Relu,
    Repeat,
    Residual,
    Tanh,
)
from convspec.plan import Plan
from convspec.training import CrossEntropy
from runners.engines.initial import initial_weights
from runners.engines.numpy import network as numpy_engine
from runners.randomness import stream
from runners.training.costs import cost_function
from tests.engines.cases import CASES, Case, over

if find_spec("torch"):
    from runners.engines.torch.layer import Site, operation
    from runners.engines.torch.network import Network

pytestmark = pytest.mark.torch
Array = NDArray[Any]
cross_entropy = cost_function(CrossEntropy())


def conv(features: int, **fields: Any) -> Convolution:
    return Convolution(features=features, size=3, **{"padding": "same", **fields})


NESTED: list[Case] = [
    ("shortcut", Residual(layers=(conv(3), BatchNormalization(), Relu(), Pooling(window=1, stride=1))), (3, 4, 5)),
    ("shortcut with projection", Residual(layers=(conv(4, stride=2), Tanh(), conv(4))), (2, 5, 4)),
    ("shortcut of values", Residual(layers=(FullyConnected(neurons=4), Tanh())), (5,)),
    ("branches", Branches(branches=((conv(2), Dropout(rate=0.3)), (), (conv(3), Relu()))), (2, 4, 3)),
    ("branches added up", Branches(branches=((conv(2),), (), (Relu(), conv(2))), join="add"), (2, 4, 3)),
    ("a shortcut in a branch", Branches(branches=((Residual(layers=(conv(2), conv(2))),), (conv(1),))), (2, 4, 3)),
]
ALL = CASES + NESTED


def draw(layer: str, chunk: int) -> np.random.Generator:
    return stream(5, "dropout", layer, 1, 1, chunk)


def around(layer: Layer, shape: Shape) -> tuple[list[Layer], Shape]:
    """A network in which the layer has parameters before and behind it, and the shape of its pictures."""
    if len(shape) == 1:
        return [FullyConnected(neurons=shape[0]), layer, FullyConnected(neurons=3)], (1, 4, 4)
    return [Convolution(features=shape[0], size=1), layer, FullyConnected(neurons=3)], (2, *shape[1:])


def with_biases(plan: Plan) -> dict[str, Array]:
    generator = np.random.default_rng(2)
    return {
        name: value if value.any() else 0.1 * generator.standard_normal(value.shape)
        for name, value in initial_weights(plan, 7, np.float64).items()
    }


def gradients(network: Any, plan: Plan, x: Array, truth: Array, dtype: Any) -> dict[str, Array]:
    """Votes, and by their names the gradient of every parameter and what every running average becomes."""
    step = network.gradient(x.astype(dtype), truth, cross_entropy, draw=draw)
    holder = type(network)(plan, initial_weights(plan, 1, dtype), dtype=dtype)
    holder.values[:], holder.running[:] = step.gradient, step.running
    return {"votes": step.votes, **holder.weights}


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-4), (np.float64, 1e-9)], ids=["float32", "float64"])
@over(ALL)
def test_votes_and_gradients_are_those_of_the_numpy_engine(
    planned: Any, layer: Layer, shape: Shape, dtype: Any, bound: float
) -> None:
    layers, pictures = around(layer, shape)
    plan = planned(layers, pictures)
    weights = with_biases(plan)
    generator = np.random.default_rng(0)
    x, truth = generator.standard_normal((40, *pictures)), generator.integers(3, size=40)
    expected = gradients(numpy_engine.Network(plan, weights, dtype=np.float64), plan, x, truth, np.float64)
    found = gradients(Network(plan, weights, dtype=dtype, device="cpu"), plan, x, truth, dtype)
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.dtype == dtype
        # What is zero but for rounding, as the gradient of a bias before batch normalization, has no digits to compare.
        assert np.abs(array - expected[name]).max() <= bound * max(np.abs(expected[name]).max(), 1e-2), name


@over(ALL)
def test_outputs_have_the_planned_shape_and_are_those_of_the_numpy_engine(
    planned: Any, layer: Layer, shape: Shape
) -> None:
    layers, pictures = around(layer, shape)
    plan = planned(layers, pictures)
    weights, x = with_biases(plan), np.random.default_rng(0).standard_normal((3, *pictures))
    found = Network(plan, weights, dtype=np.float64, device="cpu").trace(x)
    expected = numpy_engine.Network(plan, weights, dtype=np.float64).trace(x)
    assert [(name, y.shape) for name, y in found.items()] == [(name, y.shape) for name, y in expected.items()]
    assert [found[one.name].shape[1:] for one in plan.layers] == [one.output_shape for one in plan.layers]
    for name, y in found.items():
        np.testing.assert_allclose(y, expected[name], rtol=1e-9, atol=1e-12)


def test_every_kind_of_layer_can_be_computed() -> None:
    def kinds(of: type[Layer]) -> list[type[Layer]]:
        return [kind for below in of.__subclasses__() for kind in ([below] if "kind" in vars(below) else kinds(below))]

    unknown = [kind for kind in kinds(Layer) if operation.dispatch(kind) is operation.dispatch(object)]
    assert unknown == [Repeat], "a repeat is written out in the plan"


def test_a_kind_without_an_operation_is_refused_by_name() -> None:
    with pytest.raises(Exception, match=r"^again: the torch engine cannot compute a repeat layer\. Take the layer out"):
        operation(Repeat(times=2, layers=(Tanh(),)), Site("again", (1,), (1,), {}, True))


def test_batch_normalization_of_a_single_value_is_that_of_the_numpy_engine(planned: Any) -> None:
    plan = planned([FullyConnected(neurons=4), BatchNormalization(momentum=0.3), FullyConnected(neurons=3)], (1, 4, 4))
    weights, x, truth = with_biases(plan), np.random.default_rng(0).standard_normal((1, 1, 4, 4)), np.array([1])
    expected = gradients(numpy_engine.Network(plan, weights, dtype=np.float64), plan, x, truth, np.float64)
    found = gradients(Network(plan, weights, dtype=np.float64, device="cpu"), plan, x, truth, np.float64)
    for name, array in found.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)
