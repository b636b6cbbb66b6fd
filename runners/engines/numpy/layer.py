"""What the engine asks of a layer kind: an operation made for one place in a network.

Inside the engine the examples of a batch stand last: pictures are (channels, *extents, n), flat lists are (values, n). So
the parameters of a layer are one matrix that multiplies the columns of another, neighbouring numbers are processed together, and
a picture is flattened by looking at it differently. An operation owns the arrays that it returns or keeps for the way back, and
fills them anew each time; whatever else it needs is scratch, of which nothing is read before the same call has written it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from convspec.base import Shape
from convspec.errors import UserError
from convspec.layers import Layer
from convspec.layers.layer import Parameter, WeightedLayer
from convspec.plan import LayerPlan
from runners.engines.engine import Array
from runners.engines.numpy.memory import Scratch, aligned

if TYPE_CHECKING:
    from runners.engines.numpy.chain import Chain

Backward = Callable[[Array, Array | None], Array | None]
"""From the gradient of the output, and a vector to be filled with the gradient of the parameters (None: not asked for), to the
gradient of the input (None where the site wants none)."""

DrawForLayer = Callable[[str], np.random.Generator]


def _nothing() -> Array:
    return np.zeros(0)


@dataclass(frozen=True)
class Link:
    """A layer and its numbers: those that are learned or given, where their gradient and that of all layers within it stand
    in what the way back is given (None: not trained), the running ones, and the layers within it."""

    layer: LayerPlan
    values: Array
    span: slice | None
    running: Array = field(default_factory=_nothing)
    stacks: tuple[tuple[Link, ...], ...] = ()


@dataclass(frozen=True)
class Site:
    """Where an operation works: shapes of one example, how many examples, and the arrays that it shares with its surroundings."""

    name: str
    input_shape: Shape
    output_shape: Shape
    n: int
    values: Array
    """The parameters of the layer in one vector, in the order of `named_parameters`; changed from outside."""
    output: Array | None = None
    """The array in which the next layer expects this one's output."""
    output_is_overwritten: bool = False
    """Whether the next layer works in place, so that a layer which needs its output on the way back must not put it there."""
    training: bool = True
    wants_dx: bool = True
    running: Array = field(default_factory=_nothing)
    """The running values of the layer in one vector; changed from outside."""
    stacks: tuple[tuple[Link, ...], ...] = ()
    """The layers within the layer. Their spans count from where the gradient of the whole layer begins."""
    scratch: Scratch = field(default_factory=Scratch)
    """Shared with the operations around this one."""

    def empty(self, shape: Shape) -> Array:
        """An array of this shape for every example."""
        return aligned((*shape, self.n), self.values.dtype)

    def zeros(self, shape: Shape) -> Array:
        """An array of this shape for every example, all 0."""
        return aligned((*shape, self.n), self.values.dtype, fill=0)

    @property
    def y(self) -> Array:
        """The array for the output."""
        return self.empty(self.output_shape) if self.output is None else self.output


class Operation(ABC):
    """A layer at its site. `input` is an array into which the layer before can write; some work in place and overwrite it."""

    input: Array
    overwrites_input: bool = False
    chains: Sequence[Chain] = ()
    """Those of the layers within the layer."""

    def running_after(self) -> list[Array]:
        """What the running values become by the last batch in training, in the order of the network."""
        return []

    def take(self, x: Array) -> None:
        """Copies the input, unless it has been written to `input` already."""
        if x is not self.input:
            np.copyto(self.input, x)

    @abstractmethod
    def forward(self, x: Array, draw: DrawForLayer | None) -> tuple[Array, Backward]:
        """The output for x (input shape, n), and the way back from its gradient. Both hold until the next call."""


@singledispatch
def operation(layer: Layer, site: Site) -> Operation:
    """The operation that computes a layer kind; the file of a family registers its own. Raises UserError where none does."""
    raise UserError(
        f"{site.name}: the numpy engine cannot compute a {layer.kind} layer.", hint="Take the layer out of the network."
    )


def one_after_another(parameters: Sequence[Parameter], values: Array) -> dict[str, Array]:
    """Parameters by name, in their public shapes, as views of a vector that holds one after the other."""
    ends = np.cumsum([prod(parameter.shape) for parameter in parameters])
    pieces = np.split(values, ends[:-1]) if parameters else []
    return {one.name: piece.reshape(one.shape) for one, piece in zip(parameters, pieces, strict=True)}


@singledispatch
def named_parameters(layer: Layer, parameters: tuple[Parameter, ...], values: Array) -> dict[str, Array]:
    """The parameters by name, in their public shapes, as views of the vector in which the layer's operation expects them."""
    return one_after_another(parameters, values)


@named_parameters.register
def _(layer: WeightedLayer, parameters: tuple[Parameter, ...], values: Array) -> dict[str, Array]:
    """One column for each feature or neuron: its weights, and its bias below them. So a row of ones below the inputs adds the
    bias within the matrix product, and collects its gradient within another."""
    form = parameters[0].shape
    matrix = values.reshape(-1, form[0])
    inputs = prod(form[1:])
    rows = {"weight": matrix[:inputs].T.reshape(form), "bias": matrix[inputs:].reshape(-1)}
    return {parameter.name: rows[parameter.name] for parameter in parameters}
