"""A plan: what a pipeline implies, layer by layer, computed from shapes alone before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

from convspec.base import Shape
from convspec.data import Description
from convspec.given import misfit_of
from convspec.layers import Embedding, Layer, Nested
from convspec.layers.layer import Parameter, Reach, ShapeError, by
from convspec.network import Location, Placed, layer_count, place, same_names
from convspec.paths import format_path
from convspec.sight import Sight, together, whole
from convspec.training import Training

MOST_LAYERS = 5000
"""Layers, repeats written out, beyond which a network is refused."""
VALUE_BYTES = 4
"""Bytes of one float32."""


class Fault(NamedTuple):
    """Why a network cannot be built; `location` leads to the place in the file."""

    location: Location
    message: str
    hint: str


class PlanError(Exception):
    """A network that cannot be built, with every reason."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class LayerPlan:
    """What one layer does to one example. `sights` says what its values see of the picture in each dimension."""

    name: str
    layer: Layer
    location: Location
    input_shape: Shape
    output_shape: Shape
    parameters: tuple[Parameter, ...]
    multiply_adds: int
    sights: tuple[Sight, ...]
    stacks: tuple[tuple[LayerPlan, ...], ...] = ()
    """The layers within this one, whose parameters and costs are not among its own."""

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """(height, width) of the pixels that one value sees, the one that sees most."""
        return tuple(sight.pixels for sight in self.sights)

    @property
    def stride(self) -> tuple[int, ...]:
        """(down, across): pixels between what neighbouring values see."""
        return tuple(sight.stride for sight in self.sights)

    @property
    def kind(self) -> str:
        return self.layer.kind

    @property
    def learned(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.kind == "learned")

    @property
    def running(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.kind == "running")

    @property
    def parameter_count(self) -> int:
        """Numbers that are learned or given, running ones not among them."""
        return sum(prod(parameter.shape) for parameter in self.learned)

    @property
    def trainable_count(self) -> int:
        return sum(prod(parameter.shape) for parameter in self.learned if parameter.trainable)

    @property
    def running_count(self) -> int:
        return sum(prod(parameter.shape) for parameter in self.running)

    @property
    def activation_bytes(self) -> int:
        """Bytes of the layer's output for one example."""
        return VALUE_BYTES * prod(self.output_shape)


@dataclass(frozen=True)
class Plan:
    """What a whole network does to one example."""

    data: Description
    layers: tuple[LayerPlan, ...]

    @cached_property
    def every_layer(self) -> tuple[LayerPlan, ...]:
        """All layers, those within a layer before it, as its output is what it makes of theirs."""
        return tuple(_every(self.layers))

    @property
    def output_shape(self) -> Shape:
        return self.layers[-1].output_shape

    @property
    def parameter_count(self) -> int:
        return sum(layer.parameter_count for layer in self.every_layer)

    @property
    def running_count(self) -> int:
        return sum(layer.running_count for layer in self.every_layer)

    @property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.every_layer)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all layers' outputs for one example."""
        return sum(layer.activation_bytes for layer in self.every_layer)

    @cached_property
    def words(self) -> int | None:
        """How many words the data may hold, 0 being the first, where a layer looks them up."""
        counts = (layer.layer.words for layer in self.every_layer if isinstance(layer.layer, Embedding))
        return min(counts, default=None)

    def training_bytes(self, training: Training) -> int:
        """Memory of one step of training: outputs and their gradients for a batch, the pictures, and for each parameter its
        value, and where it is trained its gradient and what the optimizer remembers."""
        trainable = sum(layer.trainable_count for layer in self.every_layer)
        batch = training.together * (2 * self.activation_bytes + VALUE_BYTES * prod(self.data.shape))
        return batch + VALUE_BYTES * (self.parameter_count + trainable * (1 + training.optimizer.slots))


def plan(network: Sequence[Layer], data: Description) -> Plan:
    """Follows one example through the network. Raises PlanError; behind a layer that does not fit, nothing is known."""
    count = layer_count(network)
    if count > MOST_LAYERS:
        message = f"the network has {count:,} layers; {MOST_LAYERS:,} is the most"
        raise PlanError([Fault(("network",), message, "Repeat fewer times.")])
    placed = place(network)
    faults = [_named_twice(first, second) for first, second in same_names(placed)]
    layers = _follow(placed, _Seen(data.shape, tuple(map(whole, data.shape[1:])), itself=True), [], data, faults)
    faults += _no_votes(layers[-1], data)
    if faults:
        raise PlanError(faults)
    return Plan(data, layers)


class _Seen(NamedTuple):
    """What has come of an example so far: its shape, what its values see of it in each dimension, and whether it is still the
    example itself."""

    shape: Shape
    sights: tuple[Sight, ...]
    itself: bool = False


def _every(layers: Iterable[LayerPlan]) -> Iterator[LayerPlan]:
    for layer in layers:
        for stack in layer.stacks:
            yield from _every(stack)
        yield layer


def _follow(
    stack: Sequence[Placed], seen: _Seen, before: Sequence[LayerPlan], data: Description, faults: list[Fault]
) -> tuple[LayerPlan, ...]:
    """The plans of layers one after the other; adds to `faults`, and raises PlanError where a shape does not suit."""
    layers: list[LayerPlan] = []
    for one in stack:
        strange = _no_words(one, seen, data)
        inner = [_follow(each, seen, [*before, *layers], data, faults) for each in one.stacks]
        try:
            layer = _plan_layer(one, seen, inner, data)
        except ShapeError as error:
            reasons = strange or [_does_not_fit(one, error, [*before, *layers], data)]
            raise PlanError([*faults, *reasons]) from None
        layers.append(layer)
        faults += [*strange, *_misfits(layer)]
        seen = _Seen(layer.output_shape, layer.sights)
    return tuple(layers)


def _plan_layer(one: Placed, seen: _Seen, stacks: Sequence[tuple[LayerPlan, ...]], data: Description) -> LayerPlan:
    layer, shape = one.layer, seen.shape
    ends = [_Seen(stack[-1].output_shape, stack[-1].sights) if stack else seen for stack in stacks]
    if isinstance(layer, Nested):
        output = layer.joined(shape, [end.shape for end in ends])
        beside = layer.shortcut(shape, output)
        ways = [end.sights for end in ends] + ([] if beside is None else [_through(seen, beside, output)])
        sights = tuple(map(together, zip(*ways, strict=True)))
    else:
        output = layer.output_shape(shape)
        sights = _through(seen, layer.reach(shape), output)
    return LayerPlan(
        name=one.name,
        layer=layer,
        location=one.location,
        input_shape=shape,
        output_shape=output,
        parameters=layer.parameters(shape),
        multiply_adds=layer.multiply_adds(shape),
        sights=sights,
        stacks=tuple(stacks),
    )


def _through(seen: _Seen, reach: Reach, output: Shape) -> tuple[Sight, ...]:
    """What the values of a layer see, by what they see of its input."""
    if reach.everything:
        counts = output[1:] or (None,) * len(seen.sights)
        return tuple(sight.of_everything(count) for sight, count in zip(seen.sights, counts, strict=True))
    if not reach.window:
        return seen.sights
    gaps = reach.gaps or (1,) * len(seen.sights)
    sides = zip(seen.sights, output[1:], reach.window, reach.stride, reach.before, gaps, strict=True)
    return tuple(
        sight.through(count, window=window, stride=stride, before=before, gap=gap)
        for sight, count, window, stride, before, gap in sides
    )


def _named_twice(first: Placed, second: Placed) -> Fault:
    location = (*second.location, second.layer.kind, "name") if second.layer.name else second.location
    message = f"{format_path(first.location)} is called {first.name} already"
    return Fault(location, message, "Every layer needs a name of its own.")


def _does_not_fit(one: Placed, error: ShapeError, before: Sequence[LayerPlan], data: Description) -> Fault:
    """A layer that the shape does not suit, with the way the shape came about, the middle of a long way left out."""
    steps = [f"data {by(data.shape)}"]
    steps += [f"{each.name} {by(each.output_shape)}" for each in before if each.output_shape != each.input_shape]
    if len(steps) > 8:
        steps[3:-4] = ["..."]
    location = (*one.location, one.layer.kind, error.field) if error.field else one.location
    trail = " -> ".join([*steps, one.name])
    return Fault(location, f"{error.message}. The shapes that lead here: {trail}", error.hint)


def _misfits(layer: LayerPlan) -> list[Fault]:
    """Values given in the file that do not have the shape of their parameter."""
    found = [misfit for misfit in map(misfit_of, layer.parameters) if misfit is not None]
    return [Fault((*layer.location, layer.kind, *one.at), one.message, one.hint) for one in found]


def _no_words(one: Placed, seen: _Seen, data: Description) -> list[Fault]:
    """A layer that looks words up needs the data themselves, and data that can be words."""
    kind = one.layer.kind
    if not one.layer.looks_words_up:
        return []
    if not seen.itself:
        message = f"{kind} looks up the words of the data themselves, but other layers stand before it"
        return [Fault(one.location, message, "Put it first in the network, or first in a stack of branches.")]
    if not data.may_be_words:
        values = f"values between {data.low:g} and {data.high:g}"
        message = f"{kind} looks up words, which are whole numbers, but the data has {values}"
        hint = "Take `source: arrays` with whole numbers (np.int32), or with bytes and `values: as_they_are`."
        return [Fault(one.location, message, hint)]
    return []


def _no_votes(last: LayerPlan, data: Description) -> list[Fault]:
    """The last layer votes: one value for each class or target of the data."""
    count = len(data.votes)
    if last.output_shape == (count,):
        return []
    wanted = f"{count} target{'s' * (count > 1)}" if data.targets else f"{count} classes"
    location = (*last.location, last.kind, "neurons") if last.kind == "fully_connected" else last.location
    message = f"the network ends with {by(last.output_shape)} values, but the data has {wanted}"
    return [Fault(location, message, f"End with `fully_connected: {{neurons: {count}}}`.")]
