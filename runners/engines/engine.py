"""What training asks of a network, whichever engine computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Truth = NDArray[np.integer[Any]]
"""The true class of each example, as its position among the classes: (n,)."""

CostFunction = Callable[[Array, Truth], tuple[Array, Array]]
"""From votes (n, classes) and truth (n,) to the cost of each example (n,) and its gradient for each vote (n, classes)."""

Draw = Callable[[str, int], np.random.Generator]
"""The random numbers of one step of training, for the layer of this name and this chunk of the batch."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch tells: votes (n, classes), the mean cost, and the gradient of that mean in the order of `values`."""

    votes: Array
    cost: float
    gradient: Array


class EngineNetwork(Protocol):
    """A network that an engine has built. Pictures are (n, channels, height, width), convolution weights (features, channels,
    height, width), fully connected weights (neurons, inputs), for every engine alike."""

    @property
    def values(self) -> Array:
        """Every trainable parameter in one vector, in an order of the engine's own. An optimizer changes it in place."""

    @property
    def weights(self) -> dict[str, Array]:
        """Copies of all parameters, trainable or not, by `LAYER.weight` and `LAYER.bias`."""

    def votes(self, pictures: Array) -> Array:
        """The votes (n, classes) of a network that is not in training."""

    def trace(self, pictures: Array) -> dict[str, Array]:
        """The output of every layer by its name, in the order of the file: (n, channels, height, width) or (n, values)."""

    def gradient(self, pictures: Array, truth: Truth, cost: CostFunction, *, draw: Draw | None = None) -> Step:
        """One batch forward and backward, in training. Changes no parameter. `draw` is needed where a layer draws at random."""

    def first_non_finite(self, pictures: Array) -> str | None:
        """The first layer with an output that is not a finite number, or None."""
