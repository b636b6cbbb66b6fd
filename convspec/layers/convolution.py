"""Convolution: features slid over the picture, one filtered picture for each."""

from __future__ import annotations

from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic_core import core_schema

from convspec.base import Count, CountOrZero, Extent, Matrix, Shape, filled, pair
from convspec.forms import Form, schema_of
from convspec.layers.layer import Numbers, Parameter, Reach, ShapeError, WeightedLayer, by, picture
from convspec.spec import field

_AXES = ("features", "channels", "rows", "columns")


def _padding_form(value: object) -> str:
    return "as rule" if isinstance(value, str) else "as pixels"


_paddings = {"as rule": core_schema.literal_schema(["valid", "same"]), "as pixels": schema_of(CountOrZero)}
Padding = Annotated[Literal["valid", "same"] | int, Form(core_schema.tagged_union_schema(_paddings, _padding_form))]


def _depth(value: object) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list | tuple) and value else 0


def _feature_form(value: object) -> str | None:
    return {0: None, 1: None, 2: "matrix"}.get(_depth(value), "stack")


_feature = core_schema.tagged_union_schema(
    {"matrix": schema_of(Matrix), "stack": filled(schema_of(Matrix))},
    _feature_form,
    custom_error_type="no_matrix",
    custom_error_message="must be a matrix",
)
Feature = Annotated[Matrix | tuple[Matrix, ...], Form(_feature)]
"""A feature drawn as a small matrix, or as a stack of matrices, one for each channel."""


class Convolution(WeightedLayer):
    """Lays each feature over every patch of the picture, multiplies and adds up."""

    kind: ClassVar[str] = "convolution"

    features: Count = field(description="Number of features; each gives one channel of the output.")
    size: Extent = field(description="Height and width of a feature in pixels: one number, or [height, width].")
    stride: Extent = field(default=1, description="Pixels between neighbouring patches.")
    padding: Padding = field(
        default="valid",
        description="Zeros around the picture: `valid` none, `same` as many as keep its size at stride 1, or a number of pixels.",
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
        channels, height, width = picture(shape, "convolution")
        self._divide(channels, "channels")
        self._divide(self.features, "features")
        before, after = self.margins(shape)
        extents = (height + before[0] + after[0], width + before[1] + after[1])
        span, stride = self.span, pair(self.stride)
        if span[0] > extents[0] or span[1] > extents[1]:
            padded = " with its padding" if extents != (height, width) else ""
            spread = f", spread over {by(span)} by its dilation," if span != pair(self.size) else ""
            raise ShapeError(
                f"a feature of {by(pair(self.size))}{spread} does not fit into a picture of {by(extents)}{padded}",
                hint="Use a smaller size or `padding: same`, or pool less before it.",
                field="size",
            )
        rows, columns = ((e - s) // step + 1 for e, s, step in zip(extents, span, stride, strict=True))
        return (self.features, rows, columns)

    def _divide(self, count: int, what: str) -> None:
        if count % self.groups:
            raise ShapeError(
                f"{count} {what} cannot be divided into {self.groups} equal groups",
                hint="Use a number of groups that divides channels and features alike.",
                field="groups",
            )

    @property
    def span(self) -> tuple[int, int]:
        """(height, width) that a feature covers, with the gaps that dilation leaves in it."""
        (height, width), (down, across) = pair(self.size), pair(self.dilation)
        return (height - 1) * down + 1, (width - 1) * across + 1

    def margins(self, shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
        """Zeros (above, left) and (below, right) of the picture."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if self.padding != "same":
            return (self.padding, self.padding), (self.padding, self.padding)
        total = [
            max((-(-extent // stride) - 1) * stride + span - extent, 0)
            for extent, span, stride in zip(shape[1:], self.span, pair(self.stride), strict=True)
        ]
        before = (total[0] // 2, total[1] // 2)
        return before, (total[0] - before[0], total[1] - before[1])

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        channels = shape[0] // self.groups
        form = (self.features, channels, *pair(self.size))
        given: Numbers | None = self.weights
        if self.weights is not None and channels == 1:
            given = tuple(feature if _feature_form(feature) == "stack" else (feature,) for feature in self.weights)
        weight = Parameter(
            "weight", form, self.initial, inputs=prod(form[1:]), given=given, trainable=self.trainable, axes=_AXES
        )
        if not self.bias:
            return (weight,)
        return (
            weight,
            Parameter("bias", form[:1], "zeros", given=self.biases, trainable=self.trainable, axes=_AXES[:1]),
        )

    def multiply_adds(self, shape: Shape) -> int:
        return prod(self.output_shape(shape)) * shape[0] // self.groups * prod(pair(self.size))

    def reach(self, shape: Shape) -> Reach:
        return Reach(self.span, pair(self.stride), self.margins(shape)[0])
