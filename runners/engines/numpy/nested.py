"""Layers made of stacks of layers: each stack is a chain of its own, and the gradients of their common input are added up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convspec.layers.nested import Branches, Residual
from runners.engines.engine import Array
from runners.engines.numpy.chain import Chain
from runners.engines.numpy.layer import Backward, DrawForLayer, Operation, Site, operation


class NestedOperation(Operation):
    """The chains of a nested layer; x stays as it is while they run."""

    def __init__(self, site: Site) -> None:
        self.input, self.y = site.empty(site.input_shape), site.y
        self.wants_dx = site.training and site.wants_dx
        self.chains = [
            Chain(one, site.n, training=site.training, wants_dx=self.wants_dx, scratch=site.scratch)
            for one in site.stacks
        ]
        self.ways_back: list[list[Backward]] = []
        self.dx = site.empty(site.input_shape) if self.wants_dx else None

    def ends(self, x: Array, draw: DrawForLayer | None) -> list[Array]:
        """What each chain makes of x."""
        found = [chain.forward(x, draw) for chain in self.chains]
        self.ways_back = [backwards for _, backwards in found]
        return [y for y, _ in found]

    def add_up(self, gradients: Sequence[Array], gradient: Array | None) -> None:
        """Goes back through each chain from the gradient of its end, and fills dx with the sum."""
        for index, (chain, dy, way) in enumerate(zip(self.chains, gradients, self.ways_back, strict=True)):
            dx = chain.backward(dy, way, gradient)
            if self.dx is None:
                continue
            assert dx is not None
            if index == 0:
                np.copyto(self.dx, dx)
            else:
                np.add(self.dx, dx, self.dx)

    def running_after(self) -> list[Array]:
        return [running for chain in self.chains for running in chain.running_after()]


class ResidualOperation(NestedOperation):
    """y = layers(x) + x, or + projection * x at every pixel that the stride meets."""

    def __init__(self, layer: Residual, site: Site) -> None:
        super().__init__(site)
        strides = layer.stride(site.input_shape, site.output_shape)
        self.met = (slice(None), *(slice(None, None, stride) for stride in strides))
        self.weight = site.values.reshape(site.output_shape[0], -1) if site.values.size else None
        self.seen = site.empty((site.input_shape[0], *site.output_shape[1:]))

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        (end,) = self.ends(x, draw)
        if self.weight is None:
            np.add(end, x, self.y)
        else:
            np.copyto(self.seen, x[self.met])
            projected = np.matmul(self.weight, self.seen.reshape(len(self.seen), -1))
            np.add(end, projected.reshape(end.shape), self.y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        self.add_up([dy], gradient)
        if self.weight is None:
            return self.dx if self.dx is None else np.add(self.dx, dy, self.dx)
        flat = np.ascontiguousarray(dy).reshape(len(dy), -1)
        if gradient is not None:
            own = gradient[: self.weight.size].reshape(self.weight.shape)
            np.matmul(flat, self.seen.reshape(len(self.seen), -1).T, own)
        if self.dx is not None:
            shares = np.matmul(self.weight.T, flat).reshape(self.seen.shape)
            np.add(self.dx[self.met], shares, self.dx[self.met])
        return self.dx


class Concatenation(NestedOperation):
    """The ends of the branches one after the other, along the channels."""

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        ends = self.ends(x, draw)
        np.concatenate(ends, out=self.y)
        self.edges = np.cumsum([len(end) for end in ends])[:-1]
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        self.add_up(np.split(dy, self.edges), gradient)
        return self.dx


class Sum(NestedOperation):
    """The ends of the branches, added up."""

    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        first, *others = self.ends(x, draw)
        np.copyto(self.y, first)
        for end in others:
            np.add(self.y, end, self.y)
        return self.y, self.backward

    def backward(self, dy: Array, gradient: Array | None) -> Array | None:
        self.add_up([dy] * len(self.chains), gradient)
        return self.dx


@operation.register
def _(layer: Residual, site: Site) -> Operation:
    return ResidualOperation(layer, site)


@operation.register
def _(layer: Branches, site: Site) -> Operation:
    return Sum(site) if layer.join == "add" else Concatenation(site)
