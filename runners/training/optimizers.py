"""How parameters follow the gradient of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from math import sqrt
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from convspec import optimizers
from convspec.errors import UserError
from runners.engines.engine import Array

BLOCK = 1 << 15
"""Values that are updated together, so few that they stay in the cache from one operation to the next."""


class Optimizer(Protocol):
    """Changes a vector of parameters step by step."""

    def update(self, values: Array, gradient: Array, *, share: float = 1.0) -> None:
        """One step, in place, at a share of the learning rate. Leaves the gradient as it is."""

    def state(self) -> dict[str, Array]:
        """Copies of everything that the next step depends on."""

    def restore(self, state: Mapping[str, Array]) -> None:
        """Goes on from a `state`."""


@singledispatch
def optimizer(spec: optimizers.Optimizer, size: int, dtype: DTypeLike = np.float32) -> Optimizer:
    """The optimizer for a vector of `size` parameters. Raises UserError where there is none of the kind."""
    raise UserError(f"training.optimizer: {spec.kind} cannot be computed.", hint="Choose another optimizer.")


@optimizer.register
def _(spec: optimizers.Sgd, size: int, dtype: DTypeLike = np.float32) -> Optimizer:
    return Sgd(spec, size, dtype)


@optimizer.register
def _(spec: optimizers.RmsProp, size: int, dtype: DTypeLike = np.float32) -> Optimizer:
    return RmsProp(spec, size, dtype)


@optimizer.register
def _(spec: optimizers.Adam, size: int, dtype: DTypeLike = np.float32) -> Optimizer:
    return Adam(spec, size, dtype)


class Sgd:
    """velocity = momentum * velocity + gradient; values -= learning_rate * velocity, or with nesterov
    learning_rate * (gradient + momentum * velocity), as PyTorch has it."""

    def __init__(self, spec: optimizers.Sgd, size: int, dtype: DTypeLike) -> None:
        self.spec = spec
        self.velocity = np.zeros(size if spec.momentum else 0, dtype)
        self.scratch, self.pull = _scratch(size, dtype), _scratch(size, dtype)

    def update(self, values: Array, gradient: Array, *, share: float = 1.0) -> None:
        rate = self.spec.learning_rate * share
        with np.errstate(over="ignore", invalid="ignore"):
            for block in _blocks(values.size):
                pulled = _pulled(values[block], gradient[block], self.spec.weight_decay, self.pull)
                self._update(values[block], pulled, self.velocity[block], rate)

    def _update(self, values: Array, gradient: Array, velocity: Array, rate: float) -> None:
        change = self.scratch[: values.size]
        direction = gradient
        if self.spec.momentum:
            np.multiply(velocity, self.spec.momentum, velocity)
            direction = np.add(velocity, gradient, velocity)
        if self.spec.nesterov:
            np.multiply(velocity, self.spec.momentum, change)
            direction = np.add(change, gradient, change)
        np.multiply(direction, rate, change)
        np.subtract(values, change, values)

    def state(self) -> dict[str, Array]:
        return {"velocity": self.velocity.copy()} if self.spec.momentum else {}

    def restore(self, state: Mapping[str, Array]) -> None:
        if self.spec.momentum:
            self.velocity[:] = state["velocity"]


class RmsProp:
    """square = beta * square + (1 - beta) * gradient^2; values -= learning_rate * gradient / (sqrt(square) + epsilon), or with
    momentum the velocity that these steps add up to, as PyTorch has it. As with Adam, the average is kept as a sum."""

    def __init__(self, spec: optimizers.RmsProp, size: int, dtype: DTypeLike) -> None:
        self.spec = spec
        self.squares, self.velocity = np.zeros(size, dtype), np.zeros(size if spec.momentum else 0, dtype)
        self.scratch, self.pull = _scratch(size, dtype), _scratch(size, dtype)

    def update(self, values: Array, gradient: Array, *, share: float = 1.0) -> None:
        root = sqrt(1 - self.spec.beta)
        rate, epsilon = self.spec.learning_rate * share, self.spec.epsilon / root
        with np.errstate(over="ignore", invalid="ignore"):
            for block in _blocks(values.size):
                pulled = _pulled(values[block], gradient[block], self.spec.weight_decay, self.pull)
                change = self._scaled(pulled, self.squares[block], epsilon)
                if self.spec.momentum:
                    change = self._rolled(change, self.velocity[block])
                np.multiply(change, rate / root, self.scratch[: change.size])
                np.subtract(values[block], self.scratch[: change.size], values[block])

    def _scaled(self, gradient: Array, squares: Array, epsilon: float) -> Array:
        scaled = np.square(gradient, self.scratch[: gradient.size])
        np.multiply(squares, self.spec.beta, squares)
        np.add(squares, scaled, squares)
        np.sqrt(squares, scaled)
        np.add(scaled, epsilon, scaled)
        return np.divide(gradient, scaled, scaled)

    def _rolled(self, change: Array, velocity: Array) -> Array:
        np.multiply(velocity, self.spec.momentum, velocity)
        return np.add(velocity, change, velocity)

    def state(self) -> dict[str, Array]:
        return {"squares": self.squares.copy(), "velocity": self.velocity.copy()}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.squares[:], self.velocity[:] = state["squares"], state["velocity"]


class Adam:
    """Kingma and Ba 2015, algorithm 1: values -= learning_rate * mean / (sqrt(square) + epsilon), both averages corrected for
    their start at zero. AdamW takes learning_rate * weight_decay of the values away before, as PyTorch has it.

    To save passes over the vectors, the averages are kept as sums, without their factors 1 - beta; the same factors, the
    corrections and the learning rate are then one number for each step.
    """

    def __init__(self, spec: optimizers.Adam, size: int, dtype: DTypeLike) -> None:
        self.spec, self.steps = spec, 0
        self.coupled, self.decoupled = spec.weight_decay, 0.0
        if isinstance(spec, optimizers.AdamW):
            self.coupled, self.decoupled = 0.0, spec.weight_decay
        self.gradients, self.squares = np.zeros(size, dtype), np.zeros(size, dtype)
        self.scratch, self.pull = _scratch(size, dtype), _scratch(size, dtype)

    def update(self, values: Array, gradient: Array, *, share: float = 1.0) -> None:
        spec = self.spec
        self.steps += 1
        mean = (1 - spec.beta_1) / (1 - spec.beta_1**self.steps)
        root = sqrt((1 - spec.beta_2) / (1 - spec.beta_2**self.steps))
        rate, epsilon = spec.learning_rate * share * mean / root, spec.epsilon / root
        kept = 1 - spec.learning_rate * share * self.decoupled
        with np.errstate(over="ignore", invalid="ignore"):
            for block in _blocks(values.size):
                gradients, squares = self.gradients[block], self.squares[block]
                pulled = _pulled(values[block], gradient[block], self.coupled, self.pull)
                self._remember(pulled, gradients, squares)
                if kept != 1:
                    np.multiply(values[block], kept, values[block])
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


def _pulled(values: Array, gradient: Array, weight_decay: float, scratch: Array) -> Array:
    """The gradient with weight_decay * values added to it."""
    if not weight_decay:
        return gradient
    pull = np.multiply(values, weight_decay, scratch[: values.size])
    return np.add(pull, gradient, pull)


def _scratch(size: int, dtype: DTypeLike) -> Array:
    return np.empty(min(size, BLOCK), dtype)


def _blocks(size: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, size, BLOCK)]
