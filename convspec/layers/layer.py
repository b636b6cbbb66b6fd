"""What a layer kind declares: its fields, its output shape, its parameters, its cost and how far it sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

from convspec.base import Name, Shape, Vector
from convspec.choice import Option
from convspec.dimensions import EXTENT_NAMES
from convspec.spec import broken, field, rule

Numbers = tuple["Numbers | float", ...]
"""Nested tuples of numbers: a vector, a matrix, a stack of matrices, ..."""


Initial = Literal["he", "glorot", "lecun"]
"""Rules for drawing weights, by the variance: `he` 2 / inputs (He et al. 2015), `glorot` 2 / (inputs + outputs) (Glorot and
Bengio 2010), `lecun` 1 / inputs (LeCun et al. 1998)."""


Steps = tuple[str | int, ...]
"""Keys and positions that lead from a layer to something within it."""


class ShapeError(Exception):
    """What came in does not suit the layer. `field` names the field at fault, or is empty for the layer as a whole."""

    def __init__(self, message: str, *, hint: str, field: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.field = message, hint, field


class Parameter(NamedTuple):
    """An array of a layer: what it is called, its shape, and the values it starts with.

    `initial` is the rule for the first values: `zeros` and `ones` are constants, an `Initial` draws from a normal
    distribution, `normal` from that of variance 1; `given` overrides it. `inputs` is how many values each output is the weighted
    sum of.
    `axes` says what the sizes of the shape count, where values may be given. A `running` one follows from the batches that
    pass through in training, not from a gradient; the others are `learned`, or kept as they are where not `trainable`.
    """

    name: str
    shape: Shape
    initial: Initial | Literal["zeros", "ones", "normal"]
    inputs: int = 1
    given: Numbers | None = None
    trainable: bool = True
    axes: tuple[str, ...] = ()
    kind: Literal["learned", "running"] = "learned"


class Reach(NamedTuple):
    """How far one output value sees into the layer's input, how far apart neighbouring outputs look, and how far before the
    input the first one begins, in each dimension. Nothing for all: each output sees the one value in its own place."""

    window: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    before: tuple[int, ...] = ()
    gaps: tuple[int, ...] = ()
    """How far apart the values are that a window looks at; nothing: it looks at all that it covers."""
    everything: bool = False
    """Whether each output sees all of the input, whatever the rest says."""


EVERYTHING = Reach(everything=True)


class Layer(Option):
    """A layer of a network. Shapes are of one example: (channels, *extents) or (values,)."""

    what: ClassVar[str] = "layer"
    averages_batches: ClassVar[bool] = False
    """Whether it keeps running averages over batches."""
    looks_words_up: ClassVar[bool] = False
    """Whether it takes the values of the data themselves, as whole numbers that stand for words."""

    name: Name | None = field(default=None, description="What the layer is called in paths, tables and errors.")

    def stacks(self) -> Mapping[Steps, tuple[Layer, ...]]:
        """The layers within this one, by the steps that lead from it to them."""
        return {}

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that comes out; raises ShapeError where `shape` does not suit."""
        return shape

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        """The arrays of its own for an input of this shape."""
        return ()

    def multiply_adds(self, shape: Shape) -> int:
        """Multiplications followed by an addition that one example costs in the forward direction."""
        return 0

    def reach(self, shape: Shape) -> Reach:
        """What one output value sees of the input."""
        return Reach()


class WeightedLayer(Layer):
    """A layer with parameters, which may be drawn in the file and kept as they are."""

    initial: Initial = field(
        default="he",
        description="How first weights are drawn where they are not given, by their variance:"
        " `he` 2 / inputs, `glorot` 2 / (inputs + outputs), `lecun` 1 / inputs.",
    )
    bias: bool = field(default=True, description="Whether a trainable constant is added to every output.")
    biases: Vector | None = field(default=None, description="The constants, one for each feature or neuron.")
    trainable: bool = field(default=True, description="Whether training changes the parameters.")

    @rule
    def biases_belong_to_a_bias(self) -> None:
        if self.biases is not None and not self.bias:
            raise broken("biases are given, but bias is false", field="biases", hint="Leave out one of the two.")


def extents_of(shape: Shape, layer: str) -> tuple[int, ...]:
    """The extents of a shape; raises ShapeError where it is a flat list of values, which have no neighbours."""
    if len(shape) == 1:
        raise ShapeError(
            f"{layer} needs a picture (channels x height x width) or the like, but gets {by(shape)} values",
            hint="Put it before the first fully_connected layer, which flattens the picture.",
        )
    return shape[1:]


def require_one_each(rank: int, **fields: object) -> None:
    """Raises ShapeError where a field is a list that has not one number for each of `rank` dimensions."""
    for name, value in fields.items():
        if isinstance(value, tuple) and len(value) != rank:
            numbers = "1 number" if len(value) == 1 else f"{len(value)} numbers"
            dimensions = "1 dimension" if rank == 1 else f"{rank} dimensions"
            raise ShapeError(
                f"{name} has {numbers}, but the data has {dimensions} ({', '.join(EXTENT_NAMES[rank])})",
                hint=f"Write one number for all, or [{', '.join(EXTENT_NAMES[rank])}]."
                if rank > 1
                else "Write one number.",
                field=name,
            )


def end_of(stack: Sequence[Layer], shape: Shape) -> Shape:
    """The shape at the end of layers one after the other; raises ShapeError where one does not suit."""
    for layer in stack:
        shape = layer.output_shape(shape)
    return shape


def by(shape: tuple[int, ...]) -> str:
    """A shape as people write it: `16 x 8 x 8`."""
    return " x ".join(str(extent) for extent in shape)
