"""A plan: what a pipeline implies, layer by layer, computed from shapes alone before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from convspec.base import Shape
from convspec.data import Description
from convspec.layers import Layer
from convspec.layers.layer import Numbers, Parameter, ShapeError, by
from convspec.network import Location, Placed, layer_count, place, repeated_names
from convspec.training import Training

MOST_LAYERS = 5000
"""Layers, repeats written out, beyond which a network is refused."""
VALUE_BYTES = 4
"""Bytes of one float32."""


class PlanError(Exception):
    """A network that cannot be built; `location` leads to the place in the file."""

    def __init__(self, location: Location, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.location, self.message, self.hint = location, message, hint


@dataclass(frozen=True)
class LayerPlan:
    """What one layer does to one example. `receptive_field` and `stride` are (height, width) in pixels of the picture."""

    name: str
    layer: Layer
    location: Location
    input_shape: Shape
    output_shape: Shape
    parameters: tuple[Parameter, ...]
    multiply_adds: int
    receptive_field: tuple[int, int]
    stride: tuple[int, int]

    @property
    def kind(self) -> str:
        return self.layer.kind

    @property
    def parameter_count(self) -> int:
        return sum(prod(parameter.shape) for parameter in self.parameters)

    @property
    def trainable_count(self) -> int:
        return sum(prod(parameter.shape) for parameter in self.parameters if parameter.trainable)

    @property
    def activation_bytes(self) -> int:
        """Bytes of the layer's output for one example."""
        return VALUE_BYTES * prod(self.output_shape)


@dataclass(frozen=True)
class Plan:
    """What a whole network does to one example."""

    data: Description
    layers: tuple[LayerPlan, ...]

    @property
    def output_shape(self) -> Shape:
        return self.layers[-1].output_shape

    @property
    def parameter_count(self) -> int:
        return sum(layer.parameter_count for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all layers' outputs for one example."""
        return sum(layer.activation_bytes for layer in self.layers)

    def training_bytes(self, training: Training) -> int:
        """Memory of one step of training: outputs and their gradients for a batch, the pictures, and for each parameter its
        value, and where it is trained its gradient and what the optimizer remembers."""
        trainable = sum(layer.trainable_count for layer in self.layers)
        batch = training.batch * (2 * self.activation_bytes + VALUE_BYTES * prod(self.data.shape))
        return batch + VALUE_BYTES * (self.parameter_count + trainable * (1 + training.optimizer.slots))


def plan(network: Sequence[Layer], data: Description) -> Plan:
    """Follows one example through the network. Raises PlanError at the first layer that does not fit."""
    count = layer_count(network)
    if count > MOST_LAYERS:
        raise PlanError(
            ("network",),
            f"the network has {count:,} layers; {MOST_LAYERS:,} is the most",
            hint="Repeat fewer times.",
        )
    placed = place(network)
    for twice in repeated_names(placed):
        raise PlanError(
            twice.location,
            f"a second layer is called {twice.name}",
            hint="Give it another name; names must be unique.",
        )
    layers: list[LayerPlan] = []
    for one in placed:
        layers.append(_plan_layer(one, layers, data))
    _check_votes(layers, data)
    return Plan(data, tuple(layers))


def _plan_layer(one: Placed, before: list[LayerPlan], data: Description) -> LayerPlan:
    shape = before[-1].output_shape if before else data.shape
    layer = one.layer
    try:
        output = layer.output_shape(shape)
    except ShapeError as error:
        location = (*one.location, layer.kind, error.field) if error.field else one.location
        trail = " -> ".join([f"data {by(data.shape)}", *(f"{each.name} {by(each.output_shape)}" for each in before)])
        raise PlanError(location, f"{error.message}. The shapes that lead here: {trail}", hint=error.hint) from None
    parameters = layer.parameters(shape)
    for parameter in parameters:
        _check_given(one, parameter)
    field, stride = _receptive_field(before, layer, shape, data)
    return LayerPlan(
        one.name, layer, one.location, shape, output, parameters, layer.multiply_adds(shape), field, stride
    )


def _receptive_field(
    before: list[LayerPlan], layer: Layer, shape: Shape, data: Description
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Pixels that one output value sees, never more than the picture has, and pixels between neighbouring outputs."""
    field, stride = (before[-1].receptive_field, before[-1].stride) if before else ((1, 1), (1, 1))
    reach = layer.reach(shape)
    seen = [f + (w - 1) * s for f, w, s in zip(field, reach.window, stride, strict=True)]
    rows, columns = data.shape[1:]
    step = (stride[0] * reach.stride[0], stride[1] * reach.stride[1])
    return (min(seen[0], rows), min(seen[1], columns)), step


def _check_given(one: Placed, parameter: Parameter) -> None:
    """Values given in the file must have the shape that the layer needs."""
    if parameter.given is None:
        return
    found = given_shape(parameter.given)
    if found != parameter.shape:
        field = {"weight": "weights", "bias": "biases"}[parameter.name]
        got = "rows of different lengths" if found is None else by(found)
        raise PlanError(
            (*one.location, one.layer.kind, field),
            f"must be {by(parameter.shape)}. Got {got}",
            hint="One row for each neuron, or one matrix for each feature (for several channels, one matrix a channel).",
        )


def given_shape(values: Numbers | float) -> Shape | None:
    """The shape of nested tuples, or None where they are ragged."""
    if not isinstance(values, tuple):
        return ()
    inner = {given_shape(value) for value in values}
    if len(inner) != 1 or None in inner:
        return None if values else (0,)
    (shape,) = inner
    return None if shape is None else (len(values), *shape)


def _check_votes(layers: list[LayerPlan], data: Description) -> None:
    """The last layer votes: one value for each class of the data."""
    last = layers[-1]
    if last.output_shape != (len(data.classes),):
        field = (last.kind, "neurons") if last.kind == "fully_connected" else ()
        raise PlanError(
            (*last.location, *field),
            f"the network ends with {by(last.output_shape)} values, but the data has {len(data.classes)} classes",
            hint=f"End with `fully_connected: {{neurons: {len(data.classes)}}}`.",
        )
