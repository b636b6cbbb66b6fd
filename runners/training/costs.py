"""What a wrong answer costs, and how the cost changes with each vote."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from convspec.errors import UserError
from convspec.training import Cost, CrossEntropy, Squared
from runners.engines.engine import Array, CostFunction, Truth


@singledispatch
def cost_function(cost: Cost) -> CostFunction:
    """The function that computes a kind of cost. Raises UserError where there is none."""
    raise UserError(f"training.cost: {cost.kind} cannot be computed.", hint="Choose another cost.")


@cost_function.register
def _(cost: CrossEntropy) -> CostFunction:
    return cross_entropy


@cost_function.register
def _(cost: Squared) -> CostFunction:
    return squared


def cross_entropy(votes: Array, truth: Truth) -> tuple[Array, Array]:
    """-log softmax(votes)[truth]; the largest vote is subtracted first so that no exponential overflows."""
    examples = np.arange(len(truth))
    shifted = votes - votes.max(axis=1, keepdims=True)
    gradient = np.exp(shifted)
    total = gradient.sum(axis=1, keepdims=True)
    gradient /= total
    gradient[examples, truth] -= 1
    return np.log(total[:, 0]) - shifted[examples, truth], gradient


def squared(votes: Array, truth: Truth) -> tuple[Array, Array]:
    """The sum over the classes of (vote - truth)^2, the truth being 1 for the true class and 0 for the others."""
    difference = votes.copy()
    difference[np.arange(len(truth)), truth] -= 1
    return np.square(difference).sum(axis=1), 2 * difference
