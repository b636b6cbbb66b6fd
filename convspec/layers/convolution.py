"""Convolution: features slid over the picture, one filtered picture for each."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar

from pydantic_core import core_schema

from convspec.base import Count, Extent, Matrix, Shape, Vector, extents, filled
from convspec.dimensions import NOUNS
from convspec.forms import Form, schema_of
from convspec.layers.layer import (
    Numbers,
    Parameter,
    Reach,
    ShapeError,
    WeightedLayer,
    by,
    extents_of,
    require_one_each,
)
from convspec.padding import Margins, Padding, margins_of
from convspec.spec import field

_AXES = {1: ("values",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}
"""What the axes of a feature count, by the number of dimensions."""


def _depth(value: object) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list | tuple) and value else 0


def _feature_form(value: object) -> str | None:
    return {0: None, 1: "vector", 2: "matrix", 3: "stack"}.get(_depth(value), "stacks")


_feature = core_schema.tagged_union_schema(
    {
        "vector": schema_of(Vector),
        "matrix": schema_of(Matrix),
        "stack": filled(schema_of(Matrix)),
        "stacks": filled(filled(schema_of(Matrix))),
    },
    _feature_form,
    custom_error_type="no_matrix",
    custom_error_message="must be a matrix",
)
Feature = Annotated[tuple[Any, ...], Form(_feature)]
"""A feature drawn as it looks: a small matrix, or a stack of matrices, one for each channel; in one dimension a list, in three a
stack of matrices, or one of these for each channel."""


class Convolution(WeightedLayer):
    """Lays each feature over every patch of the picture, multiplies and adds up."""

    kind: ClassVar[str] = "convolution"

    features: Count = field(description="Number of features; each gives one channel of the output.")
    size: Extent = field(
        description="Extent of a feature in pixels: one number, or one for each dimension: [height, width]."
    )
    stride: Extent = field(default=1, description="Pixels between neighbouring patches.")
    padding: Padding = field(
        default="valid",
        description="Zeros around the picture: `valid` none, `same` as many as keep its size at stride 1, or a number of pixels"
        " (or one for each dimension).",
    )
    dilation: Extent = field(
        default=1, description="Pixels between neighbouring values of a feature: 1 leaves no gaps."
    )
    groups: Count = field(
        default=1,
        description="Parts into which channels and features are divided; each feature sees the channels of its part alone.",
    )
    average: bool = field(
        default=False,
        description="Divide each sum by the number of values in the feature, so that a perfect match is 1.",
    )
    weights: tuple[Feature, ...] | None = field(
        default=None, min_length=1, description="The features, drawn as matrices; left out, they are drawn at random."
    )

    def output_shape(self, shape: Shape) -> Shape:
        inside = extents_of(shape, "convolution")
        require_one_each(len(inside), size=self.size, stride=self.stride, padding=self.padding, dilation=self.dilation)
        self._divide(shape[0], "channels")
        self._divide(self.features, "features")
        size, stride, span = (
            extents(self.size, len(inside)),
            extents(self.stride, len(inside)),
            self.span(len(inside)),
        )
        before, after = self.margins(shape)
        wide = tuple(map(sum, zip(before, inside, after, strict=True)))
        if any(s > e for s, e in zip(span, wide, strict=True)):
            padded = " with its padding" if wide != inside else ""
            spread = f", spread over {by(span)} by its dilation," if span != size else ""
            raise ShapeError(
                f"a feature of {by(size)}{spread} does not fit into a {NOUNS[len(inside)]} of {by(wide)}{padded}",
                hint="Use a smaller size or `padding: same`, or pool less before it.",
                field="size",
            )
        return (self.features, *((e - s) // step + 1 for e, s, step in zip(wide, span, stride, strict=True)))

    def _divide(self, count: int, what: str) -> None:
        if count % self.groups:
            raise ShapeError(
                f"{count} {what} cannot be divided into {self.groups} equal groups",
                hint="Use a number of groups that divides channels and features alike.",
                field="groups",
            )

    def span(self, rank: int) -> tuple[int, ...]:
        """What a feature covers in each dimension, with the gaps that dilation leaves in it."""
        size, dilation = extents(self.size, rank), extents(self.dilation, rank)
        return tuple((extent - 1) * step + 1 for extent, step in zip(size, dilation, strict=True))

    def margins(self, shape: Shape) -> Margins:
        """Zeros before and after the data: (above, left) and (below, right) of a picture."""
        rank = len(shape) - 1
        return margins_of(self.padding, shape[1:], span=self.span(rank), stride=extents(self.stride, rank))

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        rank, channels = len(shape) - 1, shape[0] // self.groups
        form, axes = (self.features, channels, *extents(self.size, rank)), ("features", "channels", *_AXES[rank])
        given: Numbers | None = self.weights
        if self.weights is not None and channels == 1:
            given = tuple((feature,) if _depth(feature) == rank else feature for feature in self.weights)
        weight = Parameter(
            "weight", form, self.initial, inputs=prod(form[1:]), given=given, trainable=self.trainable, axes=axes
        )
        if not self.bias:
            return (weight,)
        return (
            weight,
            Parameter("bias", form[:1], "zeros", given=self.biases, trainable=self.trainable, axes=axes[:1]),
        )

    def multiply_adds(self, shape: Shape) -> int:
        return prod(self.output_shape(shape)) * shape[0] // self.groups * prod(extents(self.size, len(shape) - 1))

    def reach(self, shape: Shape) -> Reach:
        rank = len(shape) - 1
        return Reach(
            self.span(rank), extents(self.stride, rank), self.margins(shape)[0], gaps=extents(self.dilation, rank)
        )
