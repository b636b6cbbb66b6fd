"""Fully connected: every value votes for every neuron with its own weight."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from convspec.base import Count, Matrix, Shape
from convspec.layers.layer import Parameter, Reach, WeightedLayer
from convspec.spec import field

_AXES = ("neurons", "inputs")


class FullyConnected(WeightedLayer):
    """Weighted sums of all values; a picture is flattened first (channel by channel, row by row)."""

    kind: ClassVar[str] = "fully_connected"

    neurons: Count = field(description="Number of neurons; the last layer has one for each class.")
    weights: Matrix | None = field(default=None, description="One row for each neuron, with a weight for each input.")

    def output_shape(self, shape: Shape) -> Shape:
        return (self.neurons,)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        inputs = prod(shape)
        form = (self.neurons, inputs)
        weight = Parameter(
            "weight", form, self.initial, inputs=inputs, given=self.weights, trainable=self.trainable, axes=_AXES
        )
        if not self.bias:
            return (weight,)
        return (
            weight,
            Parameter("bias", form[:1], "zeros", given=self.biases, trainable=self.trainable, axes=_AXES[:1]),
        )

    def multiply_adds(self, shape: Shape) -> int:
        return self.neurons * prod(shape)

    def reach(self, shape: Shape) -> Reach:
        return Reach(shape[1:])
