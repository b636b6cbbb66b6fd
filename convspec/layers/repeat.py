"""Repeat: deep stacking; how many of each layer is itself a knob."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from convspec.base import Count, Shape
from convspec.layers.layer import Layer, Steps, end_of
from convspec.spec import field


class Repeat(Layer):
    """The same stack of layers several times in a row, each time with parameters of its own."""

    kind: ClassVar[str] = "repeat"

    times: Count = field(le=1000, description="How many times the layers follow each other.")
    layers: tuple[Layer, ...] = field(min_length=1, description="The layers that are repeated.")

    def stacks(self) -> Mapping[Steps, tuple[Layer, ...]]:
        return {("layers",): self.layers}

    def output_shape(self, shape: Shape) -> Shape:
        for _ in range(self.times):
            shape = end_of(self.layers, shape)
        return shape
