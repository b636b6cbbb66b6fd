"""Flatten: with the examples last, a picture and its flat list are one array looked at differently."""

from __future__ import annotations

from convspec.layers.flatten import Flatten
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation


class FlattenOperation(Operation):
    """y (values, n) from x (..., n)."""

    def __init__(self, site: Site) -> None:
        self.y = site.y
        if not self.y.flags.c_contiguous:
            self.y = site.empty(site.output_shape)
        self.overwrites_input = site.output_is_overwritten
        self.input = self.y.reshape((*site.input_shape, site.n))

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        self.take(x)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        return dy.reshape(self.input.shape)


@operation.register
def _(layer: Flatten, site: Site) -> Operation:
    return FlattenOperation(site)
