"""Convolution: PyTorch's own, with margins that may differ between the sides."""

from __future__ import annotations

from math import prod

from torch import Tensor
from torch.nn import functional

from convspec.base import pair
from convspec.layers.convolution import Convolution
from runners.engines.torch.layer import Operation, Site, Uniform, operation


@operation.register
def _(layer: Convolution, site: Site) -> Operation:
    weight, bias = site.parameters["weight"], site.parameters.get("bias")
    stride, dilation = pair(layer.stride), pair(layer.dilation)
    before, after = layer.margins(site.input_shape)
    inside, around = (before, None) if before == after else ((0, 0), (before[1], after[1], before[0], after[0]))
    divisor = prod(weight.shape[1:]) if layer.average else 1

    def convolution(x: Tensor, uniform: Uniform) -> Tensor:
        x = x if around is None else functional.pad(x, around)
        if divisor == 1:
            return functional.conv2d(x, weight, bias, stride, inside, dilation, layer.groups)
        y = functional.conv2d(x, weight, None, stride, inside, dilation, layer.groups) / divisor
        return y if bias is None else y + bias[:, None, None]

    return convolution
