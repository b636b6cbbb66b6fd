"""Embedding: PyTorch's own; a word outside the vocabulary, which the data cannot hold, counts as the nearest one."""

from __future__ import annotations

from torch.nn import functional

from convspec.layers.embedding import Embedding
from runners.engines.torch.layer import Operation, Site, operation


@operation.register
def _(layer: Embedding, site: Site) -> Operation:
    weight, last = site.parameters["weight"], layer.words - 1
    return lambda x, uniform: functional.embedding(x[:, 0].long().clamp(0, last), weight).movedim(-1, 1)
