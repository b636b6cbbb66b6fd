"""Networks built of PyTorch's own modules from the fields of the specs: shapes by its `meta` device, which computes nothing.

None of the program's rules for shapes is used here. Where PyTorch knows a rule under another name, that is what decides; where it
has no such rule, or one that only its interface needs, the place says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce, singledispatch
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

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

EXAMPLES = 2
"""In a batch: with one alone, some of PyTorch's normalizations refuse to say what they would do with more."""

CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
POOLINGS: dict[tuple[str, int], Any] = {
    ("max", 1): nn.MaxPool1d, ("max", 2): nn.MaxPool2d, ("max", 3): nn.MaxPool3d,
    ("average", 1): nn.AvgPool1d, ("average", 2): nn.AvgPool2d, ("average", 3): nn.AvgPool3d,
}  # fmt: skip
GLOBAL: dict[tuple[str, int], Any] = {
    ("max", 1): nn.AdaptiveMaxPool1d, ("max", 2): nn.AdaptiveMaxPool2d, ("max", 3): nn.AdaptiveMaxPool3d,
    ("average", 1): nn.AdaptiveAvgPool1d, ("average", 2): nn.AdaptiveAvgPool2d, ("average", 3): nn.AdaptiveAvgPool3d,
}  # fmt: skip
DROPOUTS: dict[int, Any] = {1: nn.Dropout1d, 2: nn.Dropout2d, 3: nn.Dropout3d}
BATCH_NORMS: dict[int, Any] = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
ALIKE: dict[type[Layer], Callable[[], nn.Module]] = {
    Relu: nn.ReLU, LeakyRelu: nn.LeakyReLU, Gelu: nn.GELU, Silu: nn.SiLU, Sigmoid: nn.Sigmoid, Tanh: nn.Tanh,
    Dropout: nn.Dropout, Flatten: nn.Flatten,
}  # fmt: skip

Number = int | tuple[int, ...]


class Rejected(Exception):  # noqa: N818 - nothing is wrong with the test
    """PyTorch has no such layer, or it would take the network for something else than it says."""


class Meta:
    """Follows two examples through layers, and keeps the shape that each of them gives, those within a layer before it."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        self.parameters = 0

    def follow(self, layers: Sequence[Layer], x: Tensor) -> Tensor:
        """The output of layers one after the other. Raises Rejected, or what PyTorch raises."""
        for layer in layers:
            x = apply(layer, x, self)
            if not isinstance(layer, Repeat):
                self.shapes.append(tuple(x.shape[1:]))
        return x

    def through(self, module: nn.Module, x: Tensor) -> Tensor:
        """The output of a module, whose parameters are counted. What comes in is words for an embedding alone."""
        self.parameters += sum(one.numel() for one in module.parameters())
        result: Tensor = module(x if isinstance(module, nn.Embedding) else x.float())
        return result


def shapes_of(layers: Sequence[Layer], shape: Shape) -> tuple[list[Shape], int]:
    """The shapes of all layers, and the number of parameters. Raises Rejected, ValueError or RuntimeError."""
    with torch.device("meta"):
        meta = Meta()
        meta.follow(layers, torch.zeros((EXAMPLES, *shape), dtype=torch.int64))
    return meta.shapes, meta.parameters


def rank_of(x: Tensor, *lists: Number) -> int:
    """The dimensions of a batch, 1 to 3. PyTorch has no convolution in 0 dimensions: its modules would take the examples for
    channels. And it spreads a list of one number over all dimensions, where the specs want a number for each."""
    rank = x.ndim - 2
    if rank == 0 or any(isinstance(numbers, tuple) and len(numbers) != rank for numbers in lists):
        raise Rejected
    return rank


@singledispatch
def apply(layer: Layer, x: Tensor, meta: Meta) -> Tensor:
    return meta.through(ALIKE[type(layer)](), x)


def every(x: Tensor, stride: Number, rank: int) -> Tensor:
    """Each so-manieth value: a stride of what has been computed at stride 1."""
    steps = stride if isinstance(stride, tuple) else (stride,) * rank
    return x[(..., *(slice(None, None, step) for step in steps))]


@apply.register
def _(layer: Convolution, x: Tensor, meta: Meta) -> Tensor:
    padding = layer.padding if not isinstance(layer.padding, str) else 0
    rank = rank_of(x, layer.size, layer.stride, layer.dilation, padding)
    fields = {"dilation": layer.dilation, "groups": layer.groups, "bias": layer.bias}
    channels = x.shape[1], layer.features
    if layer.padding == "same":  # PyTorch has it at stride 1
        module = CONVOLUTIONS[rank](*channels, layer.size, padding="same", **fields)
        return every(meta.through(module, x), layer.stride, rank)
    return meta.through(CONVOLUTIONS[rank](*channels, layer.size, layer.stride, padding, **fields), x)


@apply.register
def _(layer: Pooling, x: Tensor, meta: Meta) -> Tensor:
    padding = layer.padding if not isinstance(layer.padding, str) else 0
    rank = rank_of(x, layer.window, layer.stride, padding)
    window = layer.window if isinstance(layer.window, tuple) else (layer.window,) * rank
    if layer.padding == "same":  # PyTorch's poolings have no such word; a window less one is what stride 1 takes
        around = [side for wide in reversed(window) for side in ((wide - 1) // 2, wide // 2)]
        module = POOLINGS[layer.reduce, rank](window, 1)
        return every(meta.through(module, functional.pad(x, around)), layer.stride, rank)
    # avg_pool3d alone refuses windows wider than the data, which max_pool3d and avg_pool2d take at an edge that is kept.
    wide = any(one > extent for one, extent in zip(window, x.shape[2:], strict=True))
    reduce = "max" if rank == 3 and wide else layer.reduce
    # A padding of more than half the window is refused by PyTorch, and so by the specs: windows could lie beyond the data.
    return meta.through(POOLINGS[reduce, rank](window, layer.stride, padding, ceil_mode=layer.edge == "keep"), x)


@apply.register
def _(layer: GlobalPooling, x: Tensor, meta: Meta) -> Tensor:
    return meta.through(GLOBAL[layer.reduce, rank_of(x)](1), x)


@apply.register
def _(layer: FullyConnected, x: Tensor, meta: Meta) -> Tensor:
    flat = x.flatten(1)
    return meta.through(nn.Linear(flat.shape[1], layer.neurons, bias=layer.bias), flat)


@apply.register
def _(layer: Embedding, x: Tensor, meta: Meta) -> Tensor:
    rank_of(x)
    found = meta.through(nn.Embedding(layer.words, layer.features), x)  # (n, channels, *extents, features)
    if x.shape[1] != 1:  # it would have a dimension more than the data
        raise Rejected
    return found.squeeze(1).movedim(-1, 1)


@apply.register
def _(layer: SpatialDropout, x: Tensor, meta: Meta) -> Tensor:
    return meta.through(DROPOUTS[rank_of(x)](), x)


@apply.register
def _(layer: Softmax, x: Tensor, meta: Meta) -> Tensor:
    return meta.through(nn.Softmax(1), x)


@apply.register
def _(layer: BatchNormalization, x: Tensor, meta: Meta) -> Tensor:
    return meta.through(BATCH_NORMS[x.ndim - 2](x.shape[1]), x)


@apply.register
def _(layer: LayerNormalization, x: Tensor, meta: Meta) -> Tensor:
    return meta.through(nn.LayerNorm(x.shape[1:]), x)


@apply.register
def _(layer: GroupNormalization, x: Tensor, meta: Meta) -> Tensor:
    return meta.through(nn.GroupNorm(layer.groups, x.shape[1]), x)


@apply.register
def _(layer: LocalResponseNormalization, x: Tensor, meta: Meta) -> Tensor:
    return meta.through(nn.LocalResponseNorm(layer.size), x)


@apply.register
def _(layer: Repeat, x: Tensor, meta: Meta) -> Tensor:
    for _ in range(layer.times):
        x = meta.follow(layer.layers, x)
    return x


@apply.register
def _(layer: Residual, x: Tensor, meta: Meta) -> Tensor:
    end = meta.follow(layer.layers, x)
    return added([end, x.float() if end.shape == x.shape else projected(x, end, meta)])


def projected(x: Tensor, end: Tensor, meta: Meta) -> Tensor:
    """The input through a convolution of one pixel, with the one of all strides that makes it as large as the end."""
    if end.ndim == x.ndim == 2:
        return meta.through(nn.Linear(x.shape[1], end.shape[1], bias=False), x)
    rank = rank_of(x)
    for stride in product(*(range(1, extent + 1) for extent in x.shape[2:])):
        if every(x, stride, rank).shape[2:] == end.shape[2:]:
            return meta.through(CONVOLUTIONS[rank](x.shape[1], end.shape[1], 1, stride, bias=False), x)
    raise Rejected


@apply.register
def _(layer: Branches, x: Tensor, meta: Meta) -> Tensor:
    ends = [meta.follow(stack, x).float() for stack in layer.branches]
    return added(ends) if layer.join == "add" else torch.cat(ends, 1)


def added(ends: Sequence[Tensor]) -> Tensor:
    """Their sum, where none has to be stretched for it, as PyTorch would."""
    if len({end.shape for end in ends}) > 1:
        raise Rejected
    return reduce(torch.add, ends)
