"""Fully connected: a picture is flattened channel by channel, row by row, whatever lies last in memory."""

from __future__ import annotations

from torch.nn import functional

from convspec.layers.fully_connected import FullyConnected
from runners.engines.torch.layer import Operation, Site, operation


@operation.register
def _(layer: FullyConnected, site: Site) -> Operation:
    weight, bias = site.parameters["weight"], site.parameters.get("bias")
    return lambda x, uniform: functional.linear(x.flatten(1), weight, bias)
