"""Normalizations: values are brought to mean 0 and variance 1, then scaled and shifted by what training finds best."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from convspec.base import Count, Positive, Shape
from convspec.layers.layer import EVERYTHING, Layer, Parameter, Reach, ShapeError, extents_of
from convspec.spec import field


class Normalization(Layer, ABC):
    """(x - mean) / sqrt(variance + epsilon) * scale + shift."""

    epsilon: Positive = field(
        default=1e-5, description="What is added to the variance, so that nothing is divided by 0."
    )
    trainable: bool = field(default=True, description="Whether training changes scale and shift.")

    @abstractmethod
    def scaled(self, shape: Shape) -> Shape:
        """The shape of the scales."""

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        form = self.scaled(shape)
        return (
            Parameter("scale", form, "ones", trainable=self.trainable),
            Parameter("shift", form, "zeros", trainable=self.trainable),
        )


class BatchNormalization(Normalization):
    """Mean and variance of each channel over all pixels of a batch; outside training, their running averages.

    Source: Ioffe and Szegedy 2015, "Batch Normalization". The running variance is that of n - 1, as PyTorch has it. A batch is
    computed in one piece.
    """

    kind: ClassVar[str] = "batch_normalization"
    averages_batches: ClassVar[bool] = True

    momentum: Positive = field(default=0.1, le=1, description="Share of the newest batch in the running averages.")

    def scaled(self, shape: Shape) -> Shape:
        return shape[:1]

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return (
            *super().parameters(shape),
            Parameter("mean", shape[:1], "zeros", trainable=False, kind="running"),
            Parameter("variance", shape[:1], "ones", trainable=False, kind="running"),
        )


class LayerNormalization(Normalization):
    """Mean and variance over all values of one example; each value has its own scale and shift (Ba et al. 2016)."""

    kind: ClassVar[str] = "layer_normalization"

    def scaled(self, shape: Shape) -> Shape:
        return shape

    def reach(self, shape: Shape) -> Reach:
        return EVERYTHING


class GroupNormalization(Normalization):
    """Mean and variance over a group of channels of one example; each channel has its own scale and shift.

    Source: Wu and He 2018, "Group Normalization".
    """

    kind: ClassVar[str] = "group_normalization"

    groups: Count = field(description="Number of groups into which the channels are divided.")

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] % self.groups:
            raise ShapeError(
                f"{shape[0]} channels cannot be divided into {self.groups} equal groups",
                hint="Use a number of groups that divides the channels.",
                field="groups",
            )
        return shape

    def scaled(self, shape: Shape) -> Shape:
        return shape[:1]

    def reach(self, shape: Shape) -> Reach:
        return EVERYTHING


class LocalResponseNormalization(Layer):
    """x / (k + alpha / size * sum of x^2 over `size` neighbouring channels)^beta.

    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", with PyTorch's division
    of alpha by the size.
    """

    kind: ClassVar[str] = "local_response_normalization"

    size: Count = field(default=5, description="Number of neighbouring channels.")
    alpha: Positive = field(default=1e-4, description="Weight of the mean of their squares.")
    beta: Positive = field(default=0.75, description="The exponent.")
    k: Positive = field(default=1.0, description="What the weighted mean is added to.")

    def output_shape(self, shape: Shape) -> Shape:
        extents_of(shape, "local_response_normalization")
        return shape
