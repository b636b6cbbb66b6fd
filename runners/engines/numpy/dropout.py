"""Dropout: in training, values fall out at random and the rest are scaled up; otherwise nothing happens."""

from __future__ import annotations

import numpy as np

from convspec.layers.dropout import Dropout, SpatialDropout
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation


class DropoutOperation(Operation):
    """Inverted dropout: the mask is 0 with probability `rate` and 1 / (1 - `rate`) elsewhere; it covers single values, or
    whole channels."""

    def __init__(self, layer: Dropout, site: Site) -> None:
        self.name, self.rate = site.name, layer.rate
        self.y = site.y
        self.overwrites_input = self.y.flags.c_contiguous
        self.input = self.y if self.overwrites_input else site.empty(site.input_shape)
        whole = (site.input_shape[0], *(1 for _ in site.input_shape[1:]), site.n)
        self.uniform = np.empty(whole if isinstance(layer, SpatialDropout) else self.y.shape, np.float32)
        self.mask = np.empty(self.uniform.shape, self.y.dtype)
        self.dx = np.empty(self.y.shape, self.y.dtype) if site.wants_dx else None

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        if draw is None:
            raise ValueError(f"{self.name} needs random numbers: pass draw")
        draw(self.name).random(dtype=np.float32, out=self.uniform)
        np.greater_equal(self.uniform, self.rate, self.mask, casting="unsafe")
        np.multiply(self.mask, 1 / (1 - self.rate), self.mask)
        np.multiply(x, self.mask, self.y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        return None if self.dx is None else np.multiply(dy, self.mask, self.dx)


class Identity(Operation):
    """Hands on what comes in."""

    def __init__(self, site: Site) -> None:
        self.input, self.overwrites_input = site.y, site.output_is_overwritten

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        return self.input, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        return dy


@operation.register
def _(layer: Dropout, site: Site) -> Operation:
    return DropoutOperation(layer, site) if site.training and layer.rate > 0 else Identity(site)
