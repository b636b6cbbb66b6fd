"""Flatten: a picture becomes a flat list of values."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from convspec.base import Shape
from convspec.layers.layer import Layer


class Flatten(Layer):
    """Lays all values in one list, channel by channel, row by row. `fully_connected` does so by itself."""

    kind: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)
