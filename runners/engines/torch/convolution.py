"""Convolution: PyTorch's own, with margins that may differ between the sides."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from torch import Tensor
from torch.nn import functional

from convspec.base import extents
from convspec.layers.convolution import Convolution
from runners.engines.torch.layer import Operation, Site, Uniform, operation, sides_of

CONVOLVE: dict[int, Callable[..., Tensor]] = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
"""By the number of dimensions."""


@operation.register
def _(layer: Convolution, site: Site) -> Operation:
    weight, bias = site.parameters["weight"], site.parameters.get("bias")
    rank = len(site.input_shape) - 1
    convolve = CONVOLVE[rank]
    stride, dilation = extents(layer.stride, rank), extents(layer.dilation, rank)
    before, after = layer.margins(site.input_shape)
    inside, around = (before, None) if before == after else ((0,) * rank, sides_of(before, after))
    divisor = prod(weight.shape[1:]) if layer.average else 1

    def convolution(x: Tensor, uniform: Uniform) -> Tensor:
        x = x if around is None else functional.pad(x, around)
        if divisor == 1:
            return convolve(x, weight, bias, stride, inside, dilation, layer.groups)
        y = convolve(x, weight, None, stride, inside, dilation, layer.groups) / divisor
        return y if bias is None else y + bias.view(-1, *[1] * rank)

    return convolution
