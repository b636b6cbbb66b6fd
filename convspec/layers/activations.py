"""Activations: each value on its own goes through one function; the shape stays."""

from __future__ import annotations

from typing import ClassVar

from convspec.layers.layer import Layer


class Relu(Layer):
    """Everything negative becomes zero."""

    kind: ClassVar[str] = "relu"


class Sigmoid(Layer):
    """1 / (1 + exp(-x)): an S-shaped function with answers between 0 and 1."""

    kind: ClassVar[str] = "sigmoid"


class Tanh(Layer):
    """The hyperbolic tangent: an S-shaped function with answers between -1 and 1."""

    kind: ClassVar[str] = "tanh"
