"""The layer kinds, one family a file; a kind is known once its class stands in one of them."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from convspec.layers.activations import Gelu, LeakyRelu, Relu, Sigmoid, Silu, Softmax, Tanh
from convspec.layers.convolution import Convolution
from convspec.layers.dropout import Dropout, SpatialDropout
from convspec.layers.embedding import Embedding
from convspec.layers.flatten import Flatten
from convspec.layers.fully_connected import FullyConnected
from convspec.layers.layer import Layer
from convspec.layers.nested import Branches, Nested, Residual
from convspec.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    LocalResponseNormalization,
    Normalization,
)
from convspec.layers.pooling import GlobalPooling, Pooling
from convspec.layers.repeat import Repeat

for _family in iter_modules(__path__, prefix=f"{__name__}."):
    import_module(_family.name)

__all__ = [
    "BatchNormalization",
    "Branches",
    "Convolution",
    "Dropout",
    "Embedding",
    "Flatten",
    "FullyConnected",
    "Gelu",
    "GlobalPooling",
    "GroupNormalization",
    "Layer",
    "LayerNormalization",
    "LeakyRelu",
    "LocalResponseNormalization",
    "Nested",
    "Normalization",
    "Pooling",
    "Relu",
    "Repeat",
    "Residual",
    "Sigmoid",
    "Silu",
    "Softmax",
    "SpatialDropout",
    "Tanh",
]
