"""How parameters follow the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from math import sqrt
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from convspec import training
from convspec.errors import UserError
from runners.engines.engine import Array

BLOCK = 1 << 15
"""Values that are updated together, so few that they stay in the cache from one operation to the next."""


class Optimizer(Protocol):
    """Changes a vector of parameters step by step."""

    def update(self, values: Array, gradient: Array) -> None:
        """One step, in place. Leaves the gradient as it is."""

    def state(self) -> dict[str, Array]:
        """Copies of everything that the next step depends on."""

    def restore(self, state: Mapping[str, Array]) -> None:
        """Goes on from a `state`."""


@singledispatch
def optimizer(spec: training.Optimizer, size: int, dtype: DTypeLike = np.float32) -> Optimizer:
    """The optimizer for a vector of `size` parameters. Raises UserError where there is none of the kind."""
    raise UserError(f"training.optimizer: {spec.kind} cannot be computed.", hint="Choose another optimizer.")


@optimizer.register
def _(spec: training.Sgd, size: int, dtype: DTypeLike = np.float32) -> Optimizer:
    return Sgd(spec, size, dtype)


@optimizer.register
def _(spec: training.Adam, size: int, dtype: DTypeLike = np.float32) -> Optimizer:
    return Adam(spec, size, dtype)


class Sgd:
    """velocity = momentum * velocity + gradient; values -= learning_rate * velocity, or with nesterov
    learning_rate * (gradient + momentum * velocity), as PyTorch has it."""

    def __init__(self, spec: training.Sgd, size: int, dtype: DTypeLike) -> None:
        self.spec = spec
        self.velocity = np.zeros(size if spec.momentum else 0, dtype)
        self.scratch = np.empty(min(size, BLOCK), dtype)

    def update(self, values: Array, gradient: Array) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            for block in _blocks(values.size):
                self._update(values[block], gradient[block], self.velocity[block])

    def _update(self, values: Array, gradient: Array, velocity: Array) -> None:
        change = self.scratch[: values.size]
        direction = gradient
        if self.spec.momentum:
            np.multiply(velocity, self.spec.momentum, velocity)
            direction = np.add(velocity, gradient, velocity)
        if self.spec.nesterov:
            np.multiply(velocity, self.spec.momentum, change)
            direction = np.add(change, gradient, change)
        np.multiply(direction, self.spec.learning_rate, change)
        np.subtract(values, change, values)

    def state(self) -> dict[str, Array]:
        return {"velocity": self.velocity.copy()} if self.spec.momentum else {}

    def restore(self, state: Mapping[str, Array]) -> None:
        if self.spec.momentum:
            self.velocity[:] = state["velocity"]


class Adam:
    """Kingma and Ba 2015, algorithm 1: values -= learning_rate * mean / (sqrt(square) + epsilon), both averages corrected for
    their start at zero.

    To save passes over the vectors, the averages are kept as sums, without their factors 1 - beta; the same factors, the
    corrections and the learning rate are then one number for each step.
    """

    def __init__(self, spec: training.Adam, size: int, dtype: DTypeLike) -> None:
        self.spec, self.steps = spec, 0
        self.gradients, self.squares = np.zeros(size, dtype), np.zeros(size, dtype)
        self.scratch = np.empty(min(size, BLOCK), dtype)

    def update(self, values: Array, gradient: Array) -> None:
        spec = self.spec
        self.steps += 1
        mean = (1 - spec.beta_1) / (1 - spec.beta_1**self.steps)
        root = sqrt((1 - spec.beta_2) / (1 - spec.beta_2**self.steps))
        rate, epsilon = spec.learning_rate * mean / root, spec.epsilon / root
        with np.errstate(over="ignore", invalid="ignore"):
            for block in _blocks(values.size):
                gradients, squares = self.gradients[block], self.squares[block]
                self._remember(gradient[block], gradients, squares)
                self._move(values[block], gradients, squares, rate=rate, epsilon=epsilon)

    def _remember(self, gradient: Array, gradients: Array, squares: Array) -> None:
        square = np.square(gradient, self.scratch[: gradient.size])
        np.multiply(gradients, self.spec.beta_1, gradients)
        np.add(gradients, gradient, gradients)
        np.multiply(squares, self.spec.beta_2, squares)
        np.add(squares, square, squares)

    def _move(self, values: Array, gradients: Array, squares: Array, *, rate: float, epsilon: float) -> None:
        change = np.sqrt(squares, self.scratch[: values.size])
        np.add(change, epsilon, change)
        np.divide(gradients, change, change)
        np.multiply(change, rate, change)
        np.subtract(values, change, values)

    def state(self) -> dict[str, Array]:
        return {
            "steps": np.array(float(self.steps)),
            "gradients": self.gradients.copy(),
            "squares": self.squares.copy(),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        self.steps = int(state["steps"])
        self.gradients[:], self.squares[:] = state["gradients"], state["squares"]


def _blocks(size: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, size, BLOCK)]
