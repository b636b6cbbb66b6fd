"""Layers made of stacks of layers that all begin with the same input: shortcuts and branches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic_core import core_schema

from convspec.base import Shape
from convspec.dimensions import EXTENT_NAMES
from convspec.forms import Form, schema_of
from convspec.layers.layer import EVERYTHING, Layer, Parameter, Reach, ShapeError, Steps, by, end_of
from convspec.spec import field

_stack = core_schema.tuple_schema([schema_of(Layer)], variadic_item_index=0, strict=False)
Stack = Annotated[tuple[Layer, ...], Form(_stack)]
"""Layers one after the other; none of them hand on what comes in."""


class Nested(Layer, ABC):
    """Stacks beside each other, and how their ends are joined."""

    def output_shape(self, shape: Shape) -> Shape:
        return self.joined(shape, [end_of(stack, shape) for stack in self.stacks().values()])

    @abstractmethod
    def joined(self, shape: Shape, ends: Sequence[Shape]) -> Shape:
        """The shape that comes out where the stacks end with these; raises ShapeError where they cannot be joined."""

    def shortcut(self, shape: Shape, end: Shape) -> Reach | None:
        """What a value of the output sees of the input besides what its stacks see, if there is a way beside them."""
        return None


class Residual(Nested):
    """Adds its input to what its layers make of it. Where the shapes differ, the input goes through a convolution of 1 x 1
    (parameter `projection`) with the stride that fits.

    Source: He et al. 2015, "Deep Residual Learning for Image Recognition".
    """

    kind: ClassVar[str] = "residual"

    layers: tuple[Layer, ...] = field(min_length=1, description="The layers beside the shortcut.")

    def stacks(self) -> Mapping[Steps, tuple[Layer, ...]]:
        return {("layers",): self.layers}

    def joined(self, shape: Shape, ends: Sequence[Shape]) -> Shape:
        (end,) = ends
        self.stride(shape, end)
        return end

    def stride(self, shape: Shape, end: Shape) -> tuple[int, ...]:
        """Pixels between those that the shortcut takes of its input. Raises ShapeError where no stride leads to `end`."""
        strides = _strides(shape, end)
        if strides is None:
            raise ShapeError(
                f"the shortcut leads from {by(shape)}, its layers to {by(end)}, and no stride makes one of the other",
                hint="Use `padding: same` in its convolutions, and the same stride in all directions."
                if len(shape) == len(end)
                else "Put what flattens behind it, or before it.",
            )
        return strides

    def shortcut(self, shape: Shape, end: Shape) -> Reach:
        if end == shape:
            return Reach()
        strides = self.stride(shape, end)
        none = tuple(0 for _ in strides)
        return Reach(tuple(1 for _ in strides), strides, none) if strides else EVERYTHING

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        end = end_of(self.layers, shape)
        if end == shape:
            return ()
        form = (end[0], shape[0], *(1 for _ in shape[1:]))
        return (Parameter("projection", form, "he", inputs=shape[0]),)

    def multiply_adds(self, shape: Shape) -> int:
        end = end_of(self.layers, shape)
        return 0 if end == shape else prod(end) * shape[0]


def _strides(shape: Shape, end: Shape) -> tuple[int, ...] | None:
    """The smallest strides that lead from the extents of one shape to those of the other, if there are any."""
    if len(shape) != len(end):
        return None
    strides = tuple(-(-extent // wanted) for extent, wanted in zip(shape[1:], end[1:], strict=True))
    reached = tuple(-(-extent // step) for extent, step in zip(shape[1:], strides, strict=True))
    return strides if reached == end[1:] else None


class Branches(Nested):
    """Several stacks of layers over the same input, side by side; an empty one hands on what comes in."""

    kind: ClassVar[str] = "branches"

    branches: tuple[Stack, ...] = field(min_length=1, description="The stacks of layers.")
    join: Literal["concatenate", "add"] = field(
        default="concatenate", description="`concatenate` puts the channels one after the other, `add` adds them up."
    )

    def stacks(self) -> Mapping[Steps, tuple[Layer, ...]]:
        return {("branches", index): stack for index, stack in enumerate(self.branches)}

    def joined(self, shape: Shape, ends: Sequence[Shape]) -> Shape:
        first = ends[0]
        for index, end in enumerate(ends):
            differs = end != first if self.join == "add" else end[1:] != first[1:] or len(end) != len(first)
            if differs:
                what = "be added up" if self.join == "add" else "stand side by side"
                extents = " and ".join(EXTENT_NAMES.get(len(first) - 1, ("shape",)))
                alike = "the same shape" if self.join == "add" else f"the same {extents}"
                raise ShapeError(
                    f"branches[0] ends with {by(first)} and branches[{index}] with {by(end)}: these cannot {what}",
                    hint=f"Make all branches end with {alike}.",
                    field="branches",
                )
        return first if self.join == "add" else (sum(end[0] for end in ends), *first[1:])
