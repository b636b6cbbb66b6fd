"""Hypothesis' networks: layers of every kind in small settings, many of which fit each other, with the shape of an example."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from convspec.base import Shape
from convspec.layers import (
    BatchNormalization,
    Branches,
    Convolution,
    Dropout,
    Embedding,
    Flatten,
    FullyConnected,
    Gelu,
    GlobalPooling,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LeakyRelu,
    LocalResponseNormalization,
    Pooling,
    Relu,
    Repeat,
    Residual,
    Sigmoid,
    Silu,
    Softmax,
    SpatialDropout,
    Tanh,
)

CLASSES = 3

UNCHANGING = (
    *(Relu(), LeakyRelu(), Gelu(), Silu(), Sigmoid(), Tanh(), Softmax(), Dropout(), SpatialDropout()),
    *(BatchNormalization(), LayerNormalization(), LocalResponseNormalization(size=3)),
)
"""Layers that leave a shape as it is."""


@dataclass(frozen=True)
class RandomNetwork:
    """Layers that end with votes for three classes, and the shape of one example."""

    layers: tuple[Layer, ...]
    shape: Shape


def each(numbers: st.SearchStrategy[int], rank: int) -> st.SearchStrategy[Any]:
    """One number, or one for each dimension; once in a while, numbers for more dimensions or fewer."""
    lists = st.lists(numbers, min_size=rank, max_size=rank).map(tuple)
    strange = st.lists(numbers, min_size=1, max_size=3).map(tuple)
    return st.integers(0, 40).flatmap(lambda which: strange if which == 40 else numbers if which % 2 else lists)


def paddings(rank: int, most: int) -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(["valid", "same", "same"]), each(st.sampled_from([0, 0, 1, 1, most]), rank))


@cache
def simple_layers(rank: int) -> st.SearchStrategy[Layer]:
    """Layers without layers inside, for data of so many dimensions."""
    features = st.sampled_from([1, 2, 2, 3, 4, 4, 6])
    groups = st.sampled_from([*[1] * 12, 2, 2, 2, 3, 4])
    small = each(st.sampled_from([1, 1, 2, 2, 3, 3, 4]), rank)
    strides = each(st.sampled_from([1, 1, 1, 2, 2, 3]), rank)
    convolution = st.builds(
        Convolution,
        features=features,
        size=small,
        stride=strides,
        padding=paddings(rank, 3),
        dilation=st.one_of(st.just(1), st.just(1), each(st.integers(1, 3), rank)),
        groups=groups,
        bias=st.booleans(),
        average=st.booleans(),
    )
    pooling = st.builds(
        Pooling,
        window=each(st.sampled_from([1, 2, 2, 2, 3, 3, 3, 4, 5]), rank),
        stride=each(st.integers(1, 4), rank),
        kind=st.sampled_from(["max", "average"]),
        edge=st.sampled_from(["keep", "drop"]),
        padding=paddings(rank, 2),
    )
    unchanging = st.sampled_from(UNCHANGING)
    rare = st.one_of(
        st.builds(GlobalPooling, kind=st.sampled_from(["max", "average"])),
        st.just(Flatten()),
        *[st.builds(FullyConnected, neurons=features, bias=st.booleans())] * 3,
        st.builds(Embedding, words=st.integers(1, 5), features=features),
    )
    grouped = st.builds(GroupNormalization, groups=groups)
    return st.one_of(*[convolution] * 5, *[pooling] * 4, *[unchanging] * 3, grouped, rare)


@cache
def same_size(rank: int) -> st.SearchStrategy[Layer]:
    """Layers that keep extents, so that ways often join."""
    return st.one_of(
        st.builds(
            Convolution,
            features=st.sampled_from([1, 2, 4]),
            size=each(st.integers(1, 4), rank),
            stride=st.sampled_from([1, 1, 1, 2]),
            padding=st.just("same"),
        ),
        st.builds(Pooling, window=each(st.integers(1, 4), rank), stride=st.just(1), padding=st.just("same")),
        st.sampled_from([Relu(), BatchNormalization(), GroupNormalization(groups=1)]),
    )


def nested(inner: st.SearchStrategy[Layer], rank: int) -> st.SearchStrategy[Layer]:
    """Layers made of stacks of others."""
    some = st.lists(st.one_of(inner, same_size(rank), same_size(rank)), min_size=1, max_size=3).map(tuple)
    tame = st.lists(same_size(rank), max_size=2).map(tuple)
    stacks = st.lists(st.one_of(some, tame, tame), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Repeat, times=st.integers(1, 3), layers=some),
        st.builds(Residual, layers=some),
        st.builds(Branches, branches=stacks, join=st.sampled_from(["concatenate", "concatenate", "add"])),
    )


@cache
def any_layers(rank: int) -> st.SearchStrategy[Layer]:
    return st.recursive(simple_layers(rank), lambda inner: nested(inner, rank), max_leaves=5)


@st.composite
def networks(draw: st.DrawFn) -> RandomNetwork:
    """Data of one to three dimensions, up to five layers, an embedding before them now and then, and votes."""
    rank = draw(st.integers(1, 3))
    channels = draw(st.sampled_from([1, 1, 2, 3, 4]))
    extents = draw(st.lists(st.integers(1, 20 if rank < 3 else 12), min_size=rank, max_size=rank))
    layers = draw(st.lists(any_layers(rank), min_size=1, max_size=5))
    if draw(st.integers(0, 7)) == 0:
        layers.insert(0, Embedding(words=5, features=draw(st.sampled_from([1, 2, 4]))))
    return RandomNetwork((*layers, FullyConnected(neurons=CLASSES)), (channels, *extents))
