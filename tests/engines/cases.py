"""Layers in many settings, each with the shape of what comes in: what every kind must hold to is tested on all of them."""

from __future__ import annotations

import pytest

from convspec.base import Shape
from convspec.layers import (
    BatchNormalization,
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
    Sigmoid,
    Silu,
    Softmax,
    SpatialDropout,
    Tanh,
)

Case = tuple[str, Layer, Shape]

CONVOLUTIONS: list[Case] = [
    ("valid", Convolution(features=2, size=3), (2, 5, 6)),
    ("same", Convolution(features=3, size=3, padding="same"), (2, 4, 5)),
    ("same with an even size", Convolution(features=2, size=2, padding="same"), (1, 4, 3)),
    ("same with stride", Convolution(features=2, size=3, stride=2, padding="same"), (2, 6, 5)),
    ("pixels of padding", Convolution(features=2, size=3, padding=1), (2, 4, 4)),
    ("padding as wide as the size", Convolution(features=2, size=2, padding=2), (1, 3, 4)),
    ("stride", Convolution(features=2, size=3, stride=2), (2, 7, 7)),
    ("stride that leaves pixels out", Convolution(features=2, size=2, stride=3), (2, 7, 6)),
    ("uneven size and stride", Convolution(features=2, size=(1, 3), stride=(2, 1)), (2, 5, 6)),
    ("one pixel", Convolution(features=2, size=1), (3, 3, 2)),
    ("the whole picture", Convolution(features=3, size=(4, 5)), (2, 4, 5)),
    ("many features", Convolution(features=9, size=2, padding="same"), (1, 4, 4)),
    ("average", Convolution(features=2, size=3, average=True), (2, 5, 5)),
    ("average without bias", Convolution(features=2, size=2, stride=2, average=True, bias=False), (2, 4, 4)),
    ("without bias", Convolution(features=2, size=3, bias=False, padding="same"), (2, 4, 4)),
    ("dilation", Convolution(features=2, size=3, dilation=2), (2, 6, 7)),
    ("uneven dilation, same", Convolution(features=2, size=(3, 2), dilation=(1, 3), padding="same"), (2, 5, 6)),
    ("dilation with stride", Convolution(features=2, size=2, dilation=2, stride=2, padding=1), (2, 5, 6)),
    ("groups", Convolution(features=4, size=3, groups=2, padding="same"), (4, 4, 5)),
    ("groups with stride and dilation", Convolution(features=6, size=2, groups=3, stride=2, dilation=2), (3, 7, 6)),
    ("groups of one feature", Convolution(features=2, size=2, groups=2), (6, 4, 4)),
    ("depthwise", Convolution(features=3, size=3, groups=3, padding="same", bias=False), (3, 4, 5)),
    ("depthwise average", Convolution(features=6, size=2, groups=3, average=True), (3, 4, 5)),
    ("padding of each dimension", Convolution(features=2, size=3, padding=(0, 2)), (2, 4, 4)),
    ("1: valid", Convolution(features=3, size=3), (2, 8)),
    ("1: same", Convolution(features=2, size=4, padding="same"), (3, 7)),
    ("1: same with stride", Convolution(features=2, size=3, stride=2, padding="same"), (2, 8)),
    ("1: pixels of padding", Convolution(features=2, size=(3,), padding=(2,), bias=False), (2, 5)),
    ("1: stride that leaves pixels out", Convolution(features=2, size=(2,), stride=(3,)), (2, 9)),
    ("1: dilation", Convolution(features=2, size=3, dilation=2, padding="same"), (2, 7)),
    ("1: average", Convolution(features=2, size=3, average=True), (2, 6)),
    ("1: groups", Convolution(features=4, size=3, groups=2, stride=2, padding=1), (4, 7)),
    ("1: depthwise average", Convolution(features=3, size=2, groups=3, average=True), (3, 5)),
    ("1: many features", Convolution(features=9, size=2, padding="same"), (1, 6)),
    ("3: valid", Convolution(features=2, size=2), (2, 3, 4, 3)),
    ("3: same", Convolution(features=2, size=3, padding="same"), (1, 3, 4, 2)),
    ("3: same with an even size", Convolution(features=2, size=2, padding="same"), (2, 3, 2, 3)),
    ("3: uneven size and stride", Convolution(features=2, size=(1, 2, 3), stride=(2, 1, 2)), (2, 4, 3, 5)),
    ("3: padding of each dimension", Convolution(features=2, size=2, padding=(1, 0, 1)), (1, 2, 3, 2)),
    ("3: dilation", Convolution(features=1, size=2, dilation=(2, 1, 2)), (2, 4, 3, 4)),
    ("3: average without bias", Convolution(features=2, size=2, average=True, bias=False), (2, 3, 3, 3)),
    ("3: groups", Convolution(features=4, size=2, groups=2, stride=2, dilation=1), (4, 4, 3, 4)),
    ("3: depthwise", Convolution(features=2, size=2, groups=2, padding="same"), (2, 2, 3, 3)),
]
POOLINGS: list[Case] = [
    (f"{reduce} {name}", Pooling(window=window, stride=stride, kind=reduce, edge=edge), shape)
    for reduce in ("max", "average")
    for name, window, stride, edge, shape in [
        ("of two", 2, 2, "keep", (2, 4, 6)),
        ("hanging over", 2, 2, "keep", (2, 5, 3)),
        ("dropping the edge", 2, 2, "drop", (2, 5, 5)),
        ("of three, overlapping", 3, 2, "keep", (2, 6, 7)),
        ("of three, apart", 3, 3, "keep", (2, 7, 8)),
        ("of three at stride 1", 3, 1, "keep", (1, 4, 4)),
        ("with gaps", 2, 3, "keep", (2, 7, 8)),
        ("of one", 1, 1, "keep", (1, 3, 3)),
        ("uneven", (3, 2), (1, 2), "keep", (2, 5, 5)),
        ("wider than the picture", 5, 5, "keep", (2, 3, 4)),
    ]
]
POOLINGS += [
    (f"{reduce} {name}", Pooling(window=window, stride=stride, kind=reduce, edge=edge, padding=padding), shape)
    for reduce in ("max", "average")
    for name, window, stride, padding, edge, shape in [
        ("padded", 3, 2, 1, "keep", (2, 6, 7)),
        ("padded, dropping the edge", 3, 2, 1, "drop", (2, 6, 7)),
        ("padded to the same size", 3, 1, "same", "keep", (2, 4, 5)),
        ("padded to the same size, even window", 2, 1, "same", "keep", (2, 4, 3)),
        ("padded to the same size with stride", 3, 2, "same", "keep", (2, 6, 4)),
        ("same with gaps", 1, 3, "same", "keep", (1, 5, 7)),
        ("padded by half an even window", 4, 3, 2, "keep", (2, 5, 6)),
        ("padded unevenly", (3, 2), (1, 2), (1, 0), "keep", (2, 4, 5)),
        ("padded wider than the picture", 4, 2, 2, "keep", (2, 1, 2)),
        ("1: of two", 2, 2, "valid", "keep", (3, 7)),
        ("1: overlapping, dropping the edge", (3,), (2,), "valid", "drop", (2, 8)),
        ("1: padded", 3, 2, 1, "keep", (2, 8)),
        ("1: padded to the same size", 4, 1, "same", "keep", (2, 5)),
        ("3: of two", 2, 2, "valid", "keep", (2, 4, 3, 5)),
        ("3: uneven", (1, 2, 3), (1, 2, 1), "valid", "keep", (2, 2, 3, 4)),
        ("3: padded", 3, 2, (1, 0, 1), "keep", (1, 4, 4, 3)),
        ("3: padded to the same size", 2, 1, "same", "keep", (1, 2, 3, 3)),
    ]
]
OTHERS: list[Case] = [
    ("fully connected", FullyConnected(neurons=4), (5,)),
    ("fully connected to a picture", FullyConnected(neurons=4), (2, 3, 2)),
    ("fully connected without bias", FullyConnected(neurons=4, bias=False), (5,)),
    ("relu", Relu(), (2, 3, 4)),
    ("sigmoid", Sigmoid(), (2, 3, 4)),
    ("tanh", Tanh(), (7,)),
    ("dropout", Dropout(rate=0.4), (2, 3, 4)),
    ("dropout of nothing", Dropout(rate=0), (4,)),
    ("spatial dropout", SpatialDropout(rate=0.4), (5, 3, 4)),
    ("leaky relu", LeakyRelu(slope=0.2), (2, 3, 4)),
    ("steeper relu", LeakyRelu(slope=1.5), (7,)),
    ("gelu", Gelu(), (2, 3, 4)),
    ("silu", Silu(), (2, 3, 4)),
    ("softmax", Softmax(), (5,)),
    ("softmax over channels", Softmax(), (3, 2, 4)),
    ("batch normalization", BatchNormalization(), (3, 2, 4)),
    ("batch normalization of values", BatchNormalization(epsilon=0.1), (5,)),
    ("layer normalization", LayerNormalization(), (3, 2, 4)),
    ("layer normalization of values", LayerNormalization(epsilon=0.1), (5,)),
    ("group normalization", GroupNormalization(groups=2), (6, 2, 3)),
    ("group normalization in one", GroupNormalization(groups=1), (3, 2, 3)),
    ("local response", LocalResponseNormalization(alpha=0.5), (7, 2, 3)),
    ("local response, even size", LocalResponseNormalization(size=4, alpha=2, beta=1.5, k=2), (6, 1, 2)),
    ("local response over all", LocalResponseNormalization(size=9, alpha=0.5), (3, 2, 2)),
    ("flatten", Flatten(), (2, 3, 4)),
    ("global average", GlobalPooling(), (2, 3, 4)),
    ("global maximum", GlobalPooling(kind="max"), (2, 3, 4)),
    ("1: fully connected", FullyConnected(neurons=3), (2, 5)),
    ("3: fully connected", FullyConnected(neurons=3), (2, 2, 3, 2)),
    ("1: relu", Relu(), (2, 5)),
    ("3: gelu", Gelu(), (2, 2, 3, 2)),
    ("1: softmax over channels", Softmax(), (3, 5)),
    ("3: dropout", Dropout(rate=0.4), (2, 2, 3, 2)),
    ("1: spatial dropout", SpatialDropout(rate=0.4), (6, 4)),
    ("3: spatial dropout", SpatialDropout(rate=0.4), (6, 2, 2, 2)),
    ("1: batch normalization", BatchNormalization(), (3, 5)),
    ("3: batch normalization", BatchNormalization(), (2, 2, 3, 2)),
    ("1: layer normalization", LayerNormalization(), (3, 5)),
    ("3: layer normalization", LayerNormalization(), (2, 2, 3, 2)),
    ("1: group normalization", GroupNormalization(groups=2), (4, 5)),
    ("3: group normalization", GroupNormalization(groups=3), (6, 2, 1, 2)),
    ("1: local response", LocalResponseNormalization(alpha=0.5, size=3), (5, 4)),
    ("3: local response", LocalResponseNormalization(alpha=0.5, size=4), (5, 2, 1, 2)),
    ("1: flatten", Flatten(), (2, 5)),
    ("3: flatten", Flatten(), (2, 2, 3, 2)),
    ("1: global average", GlobalPooling(), (2, 5)),
    ("1: global maximum", GlobalPooling(kind="max"), (2, 5)),
    ("3: global average", GlobalPooling(), (2, 2, 3, 2)),
    ("3: global maximum", GlobalPooling(kind="max"), (2, 2, 3, 2)),
    ("1: embedding", Embedding(words=4, features=3), (1, 6)),
    ("embedding", Embedding(words=7, features=2), (1, 3, 4)),
    ("3: embedding", Embedding(words=3, features=2), (1, 2, 3, 2)),
    ("embedding that is kept", Embedding(words=3, features=2, trainable=False), (1, 5)),
]

CASES = CONVOLUTIONS + POOLINGS + OTHERS


def over(cases: list[Case]) -> pytest.MarkDecorator:
    """Runs a test once for each case, as `layer` and `shape`."""
    return pytest.mark.parametrize(("layer", "shape"), [case[1:] for case in cases], ids=[case[0] for case in cases])
