"""Embedding: each word of a vocabulary is a list of numbers that training finds."""

from __future__ import annotations

from typing import ClassVar

from convspec.base import Count, Matrix, Shape
from convspec.layers.layer import Layer, Parameter, ShapeError, by, extents_of
from convspec.spec import field

MOST_WORDS = 1 << 24
"""Whole numbers from 0 that a float32 tells apart."""


class Embedding(Layer):
    """Looks every word of the data up in a table: whole numbers from 0 become channels, one for each feature of a word. It
    stands first, as it takes the data themselves.

    Source: Bengio et al. 2003, "A Neural Probabilistic Language Model". First values are drawn with mean 0 and variance 1.
    """

    kind: ClassVar[str] = "embedding"
    looks_words_up: ClassVar[bool] = True

    words: Count = field(le=MOST_WORDS, description="Size of the vocabulary; the data holds words from 0 to one less.")
    features: Count = field(description="Numbers that stand for a word; each gives one channel of the output.")
    weights: Matrix | None = field(
        default=None, description="One row for each word, with its features; left out, they are drawn at random."
    )
    trainable: bool = field(default=True, description="Whether training changes the table.")

    def output_shape(self, shape: Shape) -> Shape:
        places = extents_of(shape, "embedding")
        if shape[0] != 1:
            raise ShapeError(
                f"embedding takes one channel of words, but gets {shape[0]} channels ({by(shape)})",
                hint="Leave the channels out of the stored array, or say with `dimensions` how many axes are extents.",
            )
        return (self.features, *places)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        form = (self.words, self.features)
        axes = ("words", "features")
        return (Parameter("weight", form, "normal", given=self.weights, trainable=self.trainable, axes=axes),)
