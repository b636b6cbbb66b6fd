"""Pooling: a window that hangs over the edge works on what it covers, as PyTorch's `ceil_mode` has it."""

from __future__ import annotations

from torch.nn import functional

from convspec.base import pair
from convspec.layers.pooling import GlobalPooling, Pooling
from runners.engines.torch.layer import Operation, Site, operation


@operation.register
def _(layer: Pooling, site: Site) -> Operation:
    pool = functional.max_pool2d if layer.reduce == "max" else functional.avg_pool2d
    window, stride, keep = pair(layer.window), pair(layer.stride), layer.edge == "keep"
    return lambda x, uniform: pool(x, window, stride, ceil_mode=keep)


@operation.register
def _(layer: GlobalPooling, site: Site) -> Operation:
    if layer.reduce == "max":
        return lambda x, uniform: functional.max_pool2d(x, site.input_shape[1:])
    return lambda x, uniform: x.mean((2, 3), keepdim=True)
