"""What training asks of a network, whichever engine computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Truth = NDArray[Any]
"""The true class of each example, as its position among the classes: (n,); or the numbers that it should be answered with:
(n, k), floating-point."""

Rows = NDArray[np.int64]
"""Which examples, by their positions among all: (k,)."""

CostFunction = Callable[[Array, Truth], tuple[Array, Array]]
"""From votes (n, k), one for each class or number, and truth to the cost of each example (n,) and its gradient for each
vote (n, k)."""

CostOf = Callable[[Truth], CostFunction]
"""The cost function for a batch of this truth, whose plain mean over the examples is the cost of the batch."""

Draw = Callable[[str, int], np.random.Generator]
"""The random numbers of one step of training, for the layer of this name and this chunk of the batch."""


def _nothing() -> Array:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch tells: votes (n, k), the mean cost, the gradient of that mean in the order of `values`, and what the
    running averages become by it, in the order of `running`."""

    votes: Array
    cost: float
    gradient: Array
    running: Array = field(default_factory=_nothing)


class EngineNetwork(Protocol):
    """A network that an engine has built. Pictures are (n, channels, *extents), convolution weights (features, channels, *size),
    fully connected weights (neurons, inputs), for every engine alike."""

    @property
    def values(self) -> Array:
        """Every trainable parameter in one vector, in an order of the engine's own; changed in place by whoever trains the
        network. On a device with memory of its own it is a copy: there a Learner of that engine trains."""

    @property
    def running(self) -> Array:
        """Every running average in one vector, in an order of the engine's own. Training puts those of each step there."""

    @property
    def weights(self) -> dict[str, Array]:
        """Copies of all parameters, trainable or not, and running averages, by `LAYER.weight`, `LAYER.bias`, `LAYER.mean`, ..."""

    def votes(self, pictures: Array) -> Array:
        """The votes (n, k) of a network that is not in training."""

    def trace(self, pictures: Array) -> dict[str, Array]:
        """The output of every layer by its name, in the order of the file, those within a layer before it: (n, channels,
        *extents) or (n, values)."""

    def gradient(self, pictures: Array, truth: Truth, cost: CostFunction, *, draw: Draw | None = None) -> Step:
        """One batch forward and backward, in training. Changes no parameter. `draw` is needed where a layer draws at random."""

    def mean_cost(self, pictures: Array, truth: Truth, cost: CostFunction, *, draw: Draw | None = None) -> float:
        """The cost that `gradient` tells, by the forward pass alone."""

    def first_non_finite(self, pictures: Array) -> str | None:
        """The first layer with an output that is not a finite number, or None."""


class Source(Protocol):
    """Examples to learn from."""

    @property
    def truth(self) -> Truth: ...

    def __len__(self) -> int: ...

    def pictures_at(self, indices: Rows | slice) -> NDArray[np.float32]:
        """(k, channels, *extents) of these examples."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a step of training tells: votes (n, k) and mean cost of its batch, before the parameters changed."""

    votes: Array
    cost: float


class Learner(Protocol):
    """A network together with the examples that it learns from and the optimizer that changes it, on one device."""

    def step(self, chosen: Rows, *, draw: Draw, share: float = 1.0) -> Learned:
        """One batch forward and backward, and a step of the optimizer at a share of its learning rate. Where the cost is not
        a finite number, nothing is changed."""

    def state(self) -> dict[str, Array]:
        """Copies of everything, besides the weights, that the next step depends on."""

    def restore(self, state: Mapping[str, Array]) -> None:
        """Goes on from a `state`."""

    def close(self) -> None:
        """Lets go of whoever helps; the state can still be read. Called once, after the last step."""
