"""Planned receptive fields against what the values of a network really depend on: pixels are changed one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convspec.base import Shape, extents
from convspec.data import Description
from convspec.layers import (
    Branches,
    Convolution,
    Flatten,
    FullyConnected,
    GlobalPooling,
    Layer,
    LayerNormalization,
    Pooling,
    Relu,
    Residual,
)
from convspec.plan import LayerPlan, Plan, PlanError, plan
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from tests.engines.cases import CASES, Case, over
from tests.engines.test_torch_agreement import NESTED

PICTURES: list[Case] = [case for case in CASES + NESTED if len(case[2]) > 1]
FULL: list[Case] = [
    ("normalization of a part", LayerNormalization(), (2, 5, 4)),
    ("shifted branches", Branches(join="add", branches=(
        (Convolution(features=2, size=3, stride=2, padding="same"),),
        (Convolution(features=2, size=3, stride=2, padding=1),),
    )), (2, 8, 8)),
    ("branches that are wide each in its way", Branches(branches=(
        (Convolution(features=2, size=(5, 1), padding="same"),),
        (Convolution(features=2, size=(1, 3), padding="same"),),
    )), (2, 9, 9)),
    ("a shortcut beside what is shifted", Residual(layers=(
        Convolution(features=2, size=2, padding=2), Convolution(features=2, size=4),
        Convolution(features=2, size=2, padding="same"),
    )), (2, 9, 9)),
]  # fmt: skip


def planned(layers: Sequence[Layer], shape: Shape) -> Plan:
    return plan([*layers, FullyConnected(neurons=2)], Description(shape, ("no", "yes"), may_be_words=True))


def dependence(whole: Plan, layer: LayerPlan, *, change: float) -> NDArray[Any]:
    """Which places of a layer's output (places in each dimension, or values) depend on which pixels: (*pixels, *places).

    All weights are positive, so that nothing cancels; a pixel that is changed by much is the largest of every window."""
    generator = np.random.default_rng(0)
    weights = {
        name: np.abs(value) + generator.uniform(0.05, 0.1, value.shape)
        for name, value in initial_weights(whole, 1, np.float64).items()
    }
    shape = whole.data.shape
    pixels = int(np.prod(shape[1:]))
    pictures = np.repeat(generator.uniform(0.1, 1, (1, *shape)), pixels + 1, axis=0)
    changes = change * (
        1 + 0.1 * np.arange(shape[0])
    )  # not alike in all channels, which softmax over them would not show
    if whole.words is not None:  # another word in a pixel's place
        pictures, changes = np.floor(pictures * whole.words) % whole.words, np.ones(shape[0])
    pictures[1:].reshape(pixels, shape[0], pixels)[np.arange(pixels), :, np.arange(pixels)] += changes
    if whole.words is not None:
        pictures %= whole.words
    y = Network(whole, weights, dtype=np.float64).trace(pictures)[layer.name]
    changed = np.abs(y[1:] - y[:1]) > 1e-9
    if changed.ndim > 2:
        changed = changed.any(axis=1)
    return changed.reshape(*shape[1:], *changed.shape[1:])


def along(depends: NDArray[Any], dimension: int, rank: int) -> NDArray[Any]:
    """Which pixels (p,) a place (q,) depends on along one dimension: (p, q)."""
    others = tuple(axis for axis in range(depends.ndim) if axis not in (dimension, rank + dimension))
    return depends.any(axis=others)


def hull(sees: NDArray[Any]) -> range:
    """The pixels from the first to the last."""
    found = np.flatnonzero(sees)
    return range(int(found[0]), int(found[-1]) + 1) if found.size else range(0)


def assert_seen(layer: LayerPlan, depends: NDArray[Any]) -> None:
    """Every place sees what the plan says, and the place that sees most the receptive field. Of a flat list, where places are
    values, only the latter is known."""
    if 0 in layer.receptive_field:
        assert not depends.any(), "all windows lie in the padding"
        return
    rank = len(layer.sights)
    flat = len(layer.output_shape) == 1
    for dimension, sight in enumerate(layer.sights):
        matrix = depends.any(axis=tuple(set(range(rank)) - {dimension})) if flat else along(depends, dimension, rank)
        spans = [hull(sees) for sees in matrix.T]
        assert max(map(len, spans)) == layer.receptive_field[dimension]
        assert flat or spans == [sight.at(place) for place in range(len(spans))], dimension


# normalized by itself alone, a value becomes 0 whatever it was, and sees nothing
@over([case for case in PICTURES + FULL if case[0] != "group normalization of pixels"])
def test_values_see_the_planned_pixels(layer: Layer, shape: Shape) -> None:
    whole = planned([layer], shape)
    for inner in whole.every_layer[:-1]:
        assert_seen(inner, dependence(whole, inner, change=3))


def test_everything_behind_flatten_or_a_global_pooling_sees_everything() -> None:
    for layers in ([Flatten()], [GlobalPooling()], []):
        whole = planned([Convolution(features=2, size=3), *layers], (1, 7, 6))
        assert whole.layers[-1].receptive_field == (7, 6)
        assert_seen(whole.layers[-1], dependence(whole, whole.layers[-1], change=3))
    flat = planned([Convolution(features=2, size=3), Flatten()], (1, 7, 6)).layers[1]
    assert flat.receptive_field == (3, 3)


def conv(features: int, size: Any, **fields: Any) -> Convolution:
    """A convolution of which every window lies on the picture, if only in part."""
    if isinstance(fields.get("padding"), int):
        fields["padding"] = min(fields["padding"], min(extents(size, 2)) - 1)
    return Convolution(features=features, size=size, **fields)


sizes = st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4)))
strides = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))
paddings = st.one_of(st.sampled_from(["valid", "same"]), st.integers(0, 2))
convolutions = st.builds(conv, st.just(2), sizes, stride=strides, padding=paddings)
spread = st.builds(conv, st.just(2), sizes, dilation=st.integers(1, 2), padding=paddings)
poolings = st.builds(
    lambda window, stride, kind, edge: Pooling(window=window, stride=stride, kind=kind, edge=edge),
    st.integers(1, 3), st.integers(1, 3), st.sampled_from(["max", "average"]), st.sampled_from(["keep", "drop"]),
)  # fmt: skip
kept = st.builds(conv, st.just(2), sizes, padding=st.just("same"))
shortcuts = st.builds(
    lambda first, layers, stride: Residual(layers=(conv(2, first, stride=stride, padding="same"), *layers)),
    sizes, st.lists(kept, max_size=2), strides,
)  # fmt: skip
beside = st.builds(
    lambda stride, ways, join: Branches(
        join=join, branches=tuple((conv(2, size, stride=stride, padding="same"), Relu(), *more) for size, more in ways)
    ),
    strides,
    st.lists(st.tuples(sizes, st.lists(kept, max_size=1)), min_size=1, max_size=3),
    st.sampled_from(["add", "concatenate"]),
)  # fmt: skip
layers = st.one_of(convolutions, spread, poolings, shortcuts, beside, st.just(Relu()))


def check(stack: Sequence[Layer], shape: Shape) -> None:
    try:
        whole = planned(stack, shape)
    except PlanError:
        assume(False)
    assert_seen(whole.layers[-2], dependence(whole, whole.layers[-2], change=1e4))


@settings(max_examples=150, deadline=None)
@given(st.lists(layers, min_size=1, max_size=5), st.integers(4, 20), st.integers(4, 20))
def test_values_of_random_networks_see_the_planned_pixels(stack: list[Layer], height: int, width: int) -> None:
    check(stack, (1, height, width))
