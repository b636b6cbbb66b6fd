"""Activations: each value goes through one function, with softmax that of all channels together; the shape stays."""

from __future__ import annotations

from typing import ClassVar

from convspec.base import NotNegative, Shape
from convspec.layers.layer import EVERYTHING, Layer, Reach
from convspec.spec import field


class Relu(Layer):
    """Everything negative becomes zero."""

    kind: ClassVar[str] = "relu"


class LeakyRelu(Layer):
    """Everything negative is multiplied by `slope`."""

    kind: ClassVar[str] = "leaky_relu"

    slope: NotNegative = field(default=0.01, description="What negative values are multiplied by.")


class Gelu(Layer):
    """x times the share of a normal distribution that lies below x, computed exactly (Hendrycks and Gimpel 2016)."""

    kind: ClassVar[str] = "gelu"


class Silu(Layer):
    """x * sigmoid(x), also called swish (Elfwing et al. 2017)."""

    kind: ClassVar[str] = "silu"


class Sigmoid(Layer):
    """1 / (1 + exp(-x)): an S-shaped function with answers between 0 and 1."""

    kind: ClassVar[str] = "sigmoid"


class Tanh(Layer):
    """The hyperbolic tangent: an S-shaped function with answers between -1 and 1."""

    kind: ClassVar[str] = "tanh"


class Softmax(Layer):
    """exp(x) divided by the sum of it over all values, or over the channels at each pixel: shares that add up to 1.

    The cost cross_entropy does the same to the votes itself.
    """

    kind: ClassVar[str] = "softmax"

    def reach(self, shape: Shape) -> Reach:
        return EVERYTHING if len(shape) == 1 else Reach()
