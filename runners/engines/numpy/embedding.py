"""Embedding: a table whose columns are taken word by word; its gradient is added up word by word, in the order of the data."""

from __future__ import annotations

import numpy as np

from convspec.layers.embedding import Embedding
from convspec.layers.layer import Parameter
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, named_parameters, operation


class EmbeddingOperation(Operation):
    """y (features, *extents, n) from words (1, *extents, n). A word outside the vocabulary, which the data cannot hold, counts as
    the nearest one."""

    def __init__(self, layer: Embedding, site: Site) -> None:
        self.input, self.y = site.empty(site.input_shape), site.y
        self.table = site.values.reshape(layer.features, layer.words)
        self.words = np.empty(self.input.size, np.intp)
        self.taken = self.y if self.y.flags.c_contiguous else site.empty(site.output_shape)
        # Words have no slope.
        self.dx = site.zeros(site.input_shape) if site.training and site.wants_dx else None

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        np.copyto(self.words.reshape(x.shape), x, casting="unsafe")
        np.take(self.table, self.words, axis=1, out=self.taken.reshape(len(self.table), -1), mode="clip")
        if self.taken is not self.y:
            np.copyto(self.y, self.taken)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        if gradient is not None:
            features, vocabulary = self.table.shape
            words = np.clip(self.words, 0, vocabulary - 1)
            for row, shares in zip(gradient.reshape(self.table.shape), dy.reshape(features, -1), strict=True):
                row[:] = np.bincount(words, shares, vocabulary)
        return self.dx


@named_parameters.register
def _(layer: Embedding, parameters: tuple[Parameter, ...], values: Array) -> dict[str, Array]:
    """One row for each feature, with a number for each word, so that what is taken stands as channels stand."""
    return {"weight": values.reshape(layer.features, layer.words).T}


@operation.register
def _(layer: Embedding, site: Site) -> Operation:
    return EmbeddingOperation(layer, site)
