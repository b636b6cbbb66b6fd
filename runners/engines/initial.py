"""The numbers that a network starts with, the same for every engine."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convspec.layers.layer import Parameter
from convspec.plan import Plan
from runners.randomness import stream


def initial_weights(plan: Plan, seed: int, dtype: DTypeLike = np.float32) -> dict[str, NDArray[Any]]:
    """Values for every parameter by `LAYER.weight` and `LAYER.bias`, in the shapes that the plan declares.

    A layer's numbers follow from the seed and its own name alone: layers that two architectures share start alike.
    """
    weights = {}
    for layer in plan.every_layer:
        generator = stream(seed, "initial", layer.name) if layer.parameters else None
        for parameter in layer.parameters:
            weights[f"{layer.name}.{parameter.name}"] = _values(parameter, generator).astype(dtype)
    return weights


def _values(parameter: Parameter, generator: np.random.Generator | None) -> NDArray[Any]:
    if parameter.given is not None:
        return np.array(parameter.given, dtype=np.float64)
    if parameter.initial == "zeros" or parameter.initial == "ones" or generator is None:
        return np.full(parameter.shape, 1.0 if parameter.initial == "ones" else 0.0)
    values: NDArray[Any] = generator.standard_normal(parameter.shape) * np.sqrt(_variance(parameter))
    return values


def _variance(parameter: Parameter) -> float:
    """The variance by the parameter's rule; its outputs are the weighted sums that one input value takes part in."""
    outputs = parameter.shape[0] * prod(parameter.shape[2:])
    variances = {
        "he": 2 / parameter.inputs,
        "glorot": 2 / (parameter.inputs + outputs),
        "lecun": 1 / parameter.inputs,
        "normal": 1.0,
    }
    return variances[parameter.initial]
