"""Layers made of stacks of layers: every stack begins with the same input, which none of them changes."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional

from convspec.layers.nested import Branches, Residual
from runners.engines.torch.convolution import CONVOLVE
from runners.engines.torch.layer import Operation, Site, Uniform, operation


@operation.register
def _(layer: Residual, site: Site) -> Operation:
    (stack,), weight = site.stacks, site.parameters.get("projection")
    strides = layer.stride(site.input_shape, site.output_shape)

    def shortcut(x: Tensor) -> Tensor:
        if weight is None:
            return x
        return CONVOLVE[len(strides)](x, weight, None, strides) if strides else functional.linear(x, weight)

    return lambda x, uniform: stack(x, uniform) + shortcut(x)


@operation.register
def _(layer: Branches, site: Site) -> Operation:
    def branches(x: Tensor, uniform: Uniform) -> Tensor:
        ends = [stack(x, uniform) for stack in site.stacks]
        return reduce(torch.add, ends) if layer.join == "add" else torch.cat(ends, 1)

    return branches
