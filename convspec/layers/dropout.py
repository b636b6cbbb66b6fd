"""Dropout: in training, values fall out at random."""

from __future__ import annotations

from typing import ClassVar

from convspec.base import Fraction, Shape
from convspec.layers.layer import Layer, extents_of
from convspec.spec import field


class Dropout(Layer):
    """In training each value becomes 0 with probability `rate`; the rest are divided by 1 - `rate`.

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
    """

    kind: ClassVar[str] = "dropout"

    rate: Fraction = field(default=0.5, description="The share of values that fall out.")


class SpatialDropout(Dropout):
    """In training each channel becomes 0 as a whole with probability `rate`; the rest are divided by 1 - `rate`.

    Source: Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks".
    """

    kind: ClassVar[str] = "spatial_dropout"

    def output_shape(self, shape: Shape) -> Shape:
        extents_of(shape, "spatial_dropout")
        return shape
