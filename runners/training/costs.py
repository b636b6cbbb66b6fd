"""What a wrong answer costs, and how the cost changes with each vote."""

from __future__ import annotations

from functools import partial, singledispatch
from math import log

import numpy as np

from convspec import costs
from convspec.errors import UserError
from runners.engines.engine import Array, CostFunction, Truth

NEAREST = 0.01
"""The slope of square_root, which has no bound at 0, is taken no nearer to 0 than this."""


@singledispatch
def cost_function(cost: costs.Cost) -> CostFunction:
    """The function that computes a kind of cost. Raises UserError where there is none."""
    raise UserError(f"training.cost: {cost.kind} cannot be computed.", hint="Choose another cost.")


@cost_function.register
def _(cost: costs.CrossEntropy) -> CostFunction:
    if cost.class_weights is None and not cost.label_smoothing:
        return cross_entropy
    return partial(softened_cross_entropy, weights=cost.class_weights, smoothing=cost.label_smoothing)


@cost_function.register
def _(cost: costs.Squared) -> CostFunction:
    return squared


@cost_function.register
def _(cost: costs.Absolute) -> CostFunction:
    return absolute


@cost_function.register
def _(cost: costs.SquareRoot) -> CostFunction:
    return square_root


@cost_function.register
def _(cost: costs.Exponential) -> CostFunction:
    return exponential


@cost_function.register
def _(cost: costs.Huber) -> CostFunction:
    return partial(huber, delta=cost.delta)


def weight_of(cost: costs.Cost, truth: Truth) -> float:
    """How many examples the mean over these is taken over: each counts 1, or as much as its class has weight."""
    if not isinstance(cost, costs.CrossEntropy) or cost.class_weights is None:
        return float(len(truth))
    return float(np.array(cost.class_weights)[truth].sum())


def mean_cost(cost: costs.Cost, votes: Array, truth: Truth) -> float:
    """The mean cost of votes (n, k)."""
    with np.errstate(over="ignore"):
        each, _ = cost_function(cost)(votes, truth)
    return float(each.sum(dtype=np.float64)) / weight_of(cost, truth)


def batch_function(cost: costs.Cost, truth: Truth) -> CostFunction:
    """The cost function whose plain mean over the examples of a batch is the mean by the weights of their classes."""
    function, share = cost_function(cost), len(truth) / weight_of(cost, truth)
    if share == 1:
        return function

    def scaled(votes: Array, truth: Truth) -> tuple[Array, Array]:
        each, gradient = function(votes, truth)
        return each * share, gradient * share

    return scaled


def cross_entropy(votes: Array, truth: Truth) -> tuple[Array, Array]:
    """-log softmax(votes)[truth]; the largest vote is subtracted first so that no exponential overflows."""
    examples = np.arange(len(truth))
    shifted = votes - votes.max(axis=1, keepdims=True)
    gradient = np.exp(shifted)
    total = gradient.sum(axis=1, keepdims=True)
    gradient /= total
    gradient[examples, truth] -= 1
    return np.log(total[:, 0]) - shifted[examples, truth], gradient


def softened_cross_entropy(
    votes: Array, truth: Truth, *, weights: tuple[float, ...] | None, smoothing: float
) -> tuple[Array, Array]:
    """The sum over the classes of target * weight * -log softmax(votes); the target is 1 - smoothing for the true class, and
    smoothing is spread evenly over all of them, as PyTorch has it."""
    classes = votes.shape[1]
    target = np.full(votes.shape, smoothing / classes, votes.dtype)
    target[np.arange(len(truth)), truth] += 1 - smoothing
    if weights is not None:
        target *= np.array(weights, votes.dtype)
    shifted = votes - votes.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    gradient = exponentials * (target.sum(axis=1, keepdims=True) / total) - target
    return (target * (np.log(total) - shifted)).sum(axis=1), gradient


def squared(votes: Array, truth: Truth) -> tuple[Array, Array]:
    """d^2."""
    d = _off_by(votes, truth)
    return np.square(d).sum(axis=1), 2 * d


def absolute(votes: Array, truth: Truth) -> tuple[Array, Array]:
    """|d|; the slope at 0 is 0."""
    d = _off_by(votes, truth)
    return np.abs(d).sum(axis=1), np.sign(d)


def square_root(votes: Array, truth: Truth) -> tuple[Array, Array]:
    """sqrt(|d|); the slope is at most that at NEAREST, and 0 at 0."""
    d = _off_by(votes, truth)
    size = np.abs(d)
    return np.sqrt(size).sum(axis=1), np.sign(d) / (2 * np.sqrt(np.maximum(size, NEAREST)))


def exponential(votes: Array, truth: Truth) -> tuple[Array, Array]:
    """10^(|d| - 1), which is infinite where it is too large for the type of number; the slope at 0 is 0."""
    d = _off_by(votes, truth)
    with np.errstate(over="ignore"):
        power = np.power(10.0, np.abs(d) - 1, dtype=votes.dtype)
        return power.sum(axis=1), np.sign(d) * power * log(10)


def huber(votes: Array, truth: Truth, *, delta: float) -> tuple[Array, Array]:
    """d^2 / 2 up to delta, delta * (|d| - delta / 2) beyond."""
    d = _off_by(votes, truth)
    gradient = np.clip(d, -delta, delta)
    return (gradient * (d - gradient / 2)).sum(axis=1), gradient


def _off_by(votes: Array, truth: Truth) -> Array:
    """d = vote - truth (n, k): the truth is 1 for the true class and 0 for the others, or the numbers as they are."""
    d = votes.copy()
    if truth.ndim == 1:
        d[np.arange(len(truth)), truth] -= 1
    else:
        d -= truth
    return d
