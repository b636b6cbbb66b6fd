"""Flatten: channel by channel, row by row, whatever lies last in memory."""

from __future__ import annotations

from convspec.layers.flatten import Flatten
from runners.engines.torch.layer import Operation, Site, operation


@operation.register
def _(layer: Flatten, site: Site) -> Operation:
    return lambda x, uniform: x.flatten(1)
