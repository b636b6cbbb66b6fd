"""Dropout: in training, values or whole channels fall out at random and the rest are scaled up; otherwise nothing happens."""

from __future__ import annotations

from convspec.layers.dropout import Dropout, SpatialDropout
from runners.engines.torch.layer import Operation, Site, operation


@operation.register
def _(layer: Dropout, site: Site) -> Operation:
    if not site.training or layer.rate == 0:
        return lambda x, uniform: x
    whole = (site.input_shape[0], *(1 for _ in site.input_shape[1:]))
    drawn = whole if isinstance(layer, SpatialDropout) else site.input_shape
    scale = 1 / (1 - layer.rate)
    return lambda x, uniform: x * (uniform(site.name, drawn) >= layer.rate) * scale
