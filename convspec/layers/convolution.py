"""Convolution: features slid over the picture, one filtered picture for each."""

from __future__ import annotations

from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from convspec.base import Count, CountOrZero, Extent, Matrix, Shape, Vector, pair, sequence
from convspec.layers.layer import Numbers, Parameter, Reach, ShapeError, WeightedLayer, by, picture


def _padding_form(value: object) -> str:
    return "rule" if isinstance(value, str) else "pixels"


Padding = Annotated[
    Annotated[Literal["valid", "same"], Tag("rule")] | Annotated[CountOrZero, Tag("pixels")],
    Discriminator(_padding_form),
]


def _depth(value: object) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list | tuple) and value else 0


def _feature_form(value: object) -> str:
    return "stack" if _depth(value) >= 3 else "matrix"


Feature = Annotated[
    Annotated[Matrix, Tag("matrix")] | Annotated[tuple[Matrix, ...], Tag("stack")],
    Discriminator(_feature_form),
]
"""A feature drawn as a small matrix, or as a stack of matrices, one for each channel."""


class Convolution(WeightedLayer):
    """Lays each feature over every patch of the picture, multiplies and adds up."""

    kind: ClassVar[str] = "convolution"

    features: Count = Field(description="Number of features; each gives one channel of the output.")
    size: Extent = Field(description="Height and width of a feature in pixels: one number, or [height, width].")
    stride: Extent = Field(1, description="Pixels between neighbouring patches.")
    padding: Padding = Field(
        "valid",
        description="Zeros around the picture: `valid` none, `same` as many as keep its size at stride 1, or a number of pixels.",
    )
    average: bool = Field(
        False,
        description="Divide each sum by the number of values in the feature, so that a perfect match is 1.",
    )
    weights: Annotated[tuple[Feature, ...], BeforeValidator(sequence)] | None = Field(
        None, description="The features, drawn as matrices; left out, they are drawn at random."
    )
    biases: Vector | None = Field(None, description="One constant for each feature.")

    def output_shape(self, shape: Shape) -> Shape:
        _, height, width = picture(shape, "convolution")
        before, after = self.margins(shape)
        extents = (height + before[0] + after[0], width + before[1] + after[1])
        size, stride = pair(self.size), pair(self.stride)
        if size[0] > extents[0] or size[1] > extents[1]:
            raise ShapeError(
                f"a feature of {by(size)} does not fit into a picture of {by(extents)}",
                hint="Use a smaller size or `padding: same`, or pool less before it.",
                field="size",
            )
        rows, columns = ((e - s) // step + 1 for e, s, step in zip(extents, size, stride, strict=True))
        return (self.features, rows, columns)

    def margins(self, shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
        """Zeros (above, left) and (below, right) of the picture."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if self.padding != "same":
            return (self.padding, self.padding), (self.padding, self.padding)
        total = [
            max((-(-extent // stride) - 1) * stride + size - extent, 0)
            for extent, size, stride in zip(shape[1:], pair(self.size), pair(self.stride), strict=True)
        ]
        before = (total[0] // 2, total[1] // 2)
        return before, (total[0] - before[0], total[1] - before[1])

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        channels = shape[0]
        form = (self.features, channels, *pair(self.size))
        given: Numbers | None = self.weights
        if self.weights is not None and channels == 1:
            given = tuple(feature if _feature_form(feature) == "stack" else (feature,) for feature in self.weights)
        weight = Parameter("weight", form, "he", inputs=prod(form[1:]), given=given, trainable=self.trainable)
        if not self.bias:
            return (weight,)
        return (
            weight,
            Parameter("bias", (self.features,), "zeros", given=self.biases, trainable=self.trainable),
        )

    def multiply_adds(self, shape: Shape) -> int:
        return prod(self.output_shape(shape)) * shape[0] * prod(pair(self.size))

    def reach(self, shape: Shape) -> Reach:
        return Reach(pair(self.size), pair(self.stride))
