"""Pooling: a window that hangs over the edge works on what it covers, as PyTorch's `ceil_mode` has it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from convspec.base import extents
from convspec.layers.pooling import GlobalPooling, Pooling
from runners.engines.torch.layer import Operation, Site, Uniform, operation, sides_of

Pool = Callable[..., Tensor]
LARGEST: dict[int, Pool] = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
MEAN: dict[int, Pool] = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}
"""By the number of dimensions."""


@operation.register
def _(layer: Pooling, site: Site) -> Operation:
    rank, keep = len(site.input_shape) - 1, layer.edge == "keep"
    window, stride = extents(layer.window, rank), extents(layer.stride, rank)
    before, after = layer.margins(site.input_shape)
    if before != after or (layer.reduce == "average" and rank == 3 and _is_wide(window, site)):
        return _uneven(layer, site)
    if layer.reduce == "max":
        return lambda x, uniform: LARGEST[rank](x, window, stride, before, ceil_mode=keep)
    return lambda x, uniform: MEAN[rank](x, window, stride, before, keep, count_include_pad=False)


def _is_wide(window: tuple[int, ...], site: Site) -> bool:
    """Whether a window is wider than the volume, where PyTorch computes no average."""
    return any(wide > extent for wide, extent in zip(window, site.input_shape[1:], strict=True))


def _uneven(layer: Pooling, site: Site) -> Operation:
    """Margins that differ between the sides, as `same` may have them: what is beyond x is put there, and all windows fit."""
    rank = len(site.input_shape) - 1
    window, stride = extents(layer.window, rank), extents(layer.stride, rank)
    before = layer.margins(site.input_shape)[0]
    sides = zip(site.output_shape[1:], stride, window, before, site.input_shape[1:], strict=True)
    after = tuple(max((count - 1) * step + wide - first - inside, 0) for count, step, wide, first, inside in sides)
    around = sides_of(before, after)
    if layer.reduce == "max":
        return lambda x, uniform: LARGEST[rank](functional.pad(x, around, value=float("-inf")), window, stride)

    def average(x: Tensor, uniform: Uniform) -> Tensor:
        inside = functional.pad(torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device), around)
        return MEAN[rank](functional.pad(x, around), window, stride) / MEAN[rank](inside, window, stride)

    return average


@operation.register
def _(layer: GlobalPooling, site: Site) -> Operation:
    axes = tuple(range(2, len(site.input_shape) + 1))
    if layer.reduce == "max":
        return lambda x, uniform: LARGEST[len(axes)](x, site.input_shape[1:])
    return lambda x, uniform: x.mean(axes, keepdim=True)
