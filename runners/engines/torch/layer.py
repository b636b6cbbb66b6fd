"""What the engine asks of a layer kind: a function from input to output, made for one place in a network.

Tensors are (n, channels, *extents) or (n, values), as they are in public; pictures lie in memory with their channels last where
`device.channels_last` says so. The way back is PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch

from torch import Tensor

from convspec.base import Shape
from convspec.errors import UserError
from convspec.layers import Layer
from runners.engines.torch.group import Group

Uniform = Callable[[str, Shape], Tensor]
"""Random numbers from 0 to 1 for a layer of this name: (n, *shape) float32, the same that the numpy engine draws."""

Operation = Callable[[Tensor, Uniform], Tensor]
"""A layer at its site: from x (n, input shape) to y (n, output shape)."""


def in_turn(operations: Sequence[Operation]) -> Operation:
    """One operation after the other; none of them hand on what comes in."""

    def all_of_them(x: Tensor, uniform: Uniform) -> Tensor:
        for each in operations:
            x = each(x, uniform)
        return x

    return all_of_them


def sides_of(before: Sequence[int], after: Sequence[int]) -> tuple[int, ...]:
    """Margins in the order in which PyTorch pads: before and after the last dimension, then those of the one before it."""
    return tuple(margin for pair in reversed(list(zip(before, after, strict=True))) for margin in pair)


@dataclass(frozen=True)
class Site:
    """Where an operation works: shapes of one example, the parameters by name, changed from outside, and the stacks of layers
    within the layer. In training the running averages are those that a step may change; averages over a batch are taken over
    what all processes of the group, where there is one, have of it."""

    name: str
    input_shape: Shape
    output_shape: Shape
    parameters: Mapping[str, Tensor]
    training: bool
    stacks: tuple[Operation, ...] = ()
    group: Group | None = None


@singledispatch
def operation(layer: Layer, site: Site) -> Operation:
    """The operation that computes a layer kind; the file of a family registers its own. Raises UserError where none does."""
    raise UserError(
        f"{site.name}: the torch engine cannot compute a {layer.kind} layer.",
        hint="Take the layer out of the network, or ask for `engine: numpy`.",
    )
