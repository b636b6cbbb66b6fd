"""Activations: each value on its own goes through one function, with softmax that of all channels together."""

from __future__ import annotations

import torch
from torch.nn import functional

from convspec.layers.activations import Gelu, LeakyRelu, Relu, Sigmoid, Silu, Softmax, Tanh
from runners.engines.torch.layer import Operation, Site, operation


@operation.register
def _(layer: Relu, site: Site) -> Operation:
    return lambda x, uniform: torch.relu(x)


@operation.register
def _(layer: LeakyRelu, site: Site) -> Operation:
    return lambda x, uniform: functional.leaky_relu(x, layer.slope)


@operation.register
def _(layer: Gelu, site: Site) -> Operation:
    return lambda x, uniform: functional.gelu(x)


@operation.register
def _(layer: Silu, site: Site) -> Operation:
    return lambda x, uniform: functional.silu(x)


@operation.register
def _(layer: Sigmoid, site: Site) -> Operation:
    return lambda x, uniform: torch.sigmoid(x)


@operation.register
def _(layer: Tanh, site: Site) -> Operation:
    return lambda x, uniform: torch.tanh(x)


@operation.register
def _(layer: Softmax, site: Site) -> Operation:
    return lambda x, uniform: torch.softmax(x, 1)
