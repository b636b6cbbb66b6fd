"""Knobs: what a search may turn, and where each of them can stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic_core import core_schema

from convspec.forms import Form
from convspec.spec import Spec, broken, field, rule

Coordinate = int | float
Point = tuple[Coordinate, ...]
"""Where every knob stands: the position in a list or among the steps of a range, or the number itself."""


def _as_written(value: object, check: core_schema.ValidatorFunctionWrapHandler) -> object:
    """A number, which stays whole where it was written whole."""
    checked = check(value)
    return value if isinstance(value, int) else checked


Number = Annotated[
    int | float, Form(core_schema.no_info_wrap_validator_function(_as_written, core_schema.float_schema()))
]
"""A number that remembers whether it was written whole: 1 and 1.0 differ."""


MOST_STEPS = 2**53
"""Steps of a range; beyond that neighbouring numbers are not told apart any more."""


class Range(Spec):
    """Numbers between two ends, both of them included."""

    start: Number = field(alias="from", description="The least value.")
    to: Number = field(description="The greatest value.")
    scale: Literal["linear", "log"] = field(
        default="linear", description="Whether steps or ratios count as equal; `log` for learning rates and the like."
    )
    step: Number | None = field(
        default=None,
        gt=0,
        description="Distance between neighbouring values, on a linear scale; left out, any value will do.",
    )

    @rule
    def ends_are_in_order(self) -> None:
        if self.start >= self.to:
            text = f"a range goes from the least value to the greatest. Got {self.start:g} to {self.to:g}"
            raise broken(text, field="to", hint="Exchange them, or write the one value as a list.")

    @rule
    def logarithms_are_of_positive_numbers(self) -> None:
        if self.scale == "log" and self.start <= 0:
            text = f"a logarithmic scale begins above 0. Got {self.start:g}"
            raise broken(text, field="from", hint="Begin above 0, such as `from: 0.0001`, or take `scale: linear`.")

    @rule
    def steps_are_on_a_linear_scale(self) -> None:
        if self.scale == "log" and self.step is not None:
            hint = "Leave step out, or list the values: [0.001, 0.01, 0.1]."
            raise broken("a logarithmic scale has no steps of one length", field="step", hint=hint)

    @rule
    def a_step_fits_in(self) -> None:
        if self.step is not None and self.step > self.to - self.start:
            text = f"a step of {self.step:g} leads beyond {self.to:g} at once"
            raise broken(text, field="step", hint="Take a smaller step.")

    @rule
    def values_can_be_told_apart(self) -> None:
        extent = float(self.to) - float(self.start)
        if not math.isfinite(extent):
            text = f"a range from {self.start:g} to {self.to:g} is wider than a number can say"
            raise broken(text, field="to", hint="Bring the ends closer together.")
        if self.stride is not None and extent / self.stride > MOST_STEPS:
            text = f"a range has at most {MOST_STEPS:,} steps. Got {extent / self.stride:.3g}"
            raise broken(
                text, field="to" if self.step is None else "step", hint="Take a greater step, or a smaller range."
            )

    @property
    def is_whole(self) -> bool:
        """Whether all values are whole numbers: as both ends, and the step where there is one, were written."""
        return all(isinstance(one, int) for one in (self.start, self.to, 1 if self.step is None else self.step))

    @property
    def stride(self) -> Coordinate | None:
        """The distance between neighbouring values, or None where there is no such thing."""
        return 1 if self.step is None and self.is_whole else self.step


class Steps(NamedTuple):
    """A knob has this many positions; `in_order`: neighbours are alike."""

    size: int
    in_order: bool


class Continuum(NamedTuple):
    """A knob takes any number, or whole number, between two ends, which are included."""

    low: Coordinate
    high: Coordinate
    whole: bool
    log: bool

    @property
    def size(self) -> int | None:
        return int(self.high - self.low) + 1 if self.whole else None


class Knob(NamedTuple):
    """A path of the file, and the values that may stand there."""

    path: str
    values: Sequence[Any] | Range

    @property
    def extent(self) -> Steps | Continuum:
        """Which coordinates there are."""
        values = self.values
        if not isinstance(values, Range):
            numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
            return Steps(len(values), numbers and list(values) == sorted(values))
        if values.scale == "linear" and values.stride is not None:
            return Steps(math.floor((values.to - values.start) / values.stride + 1e-9) + 1, True)
        return Continuum(values.start, values.to, values.is_whole, values.scale == "log")

    @property
    def size(self) -> int | None:
        """How many values there are, or None where there is no end of them."""
        return self.extent.size

    def coordinate(self, number: int) -> Coordinate:
        """Where the knob stands at one of its countable values, from 0."""
        extent = self.extent
        return number if isinstance(extent, Steps) else extent.low + number

    def value(self, at: Coordinate) -> Any:
        """What stands in the file when the knob stands there."""
        values = self.values
        if not isinstance(values, Range):
            return values[int(at)]
        if isinstance(self.extent, Continuum):
            return at
        value = values.start + int(at) * (values.stride or 1)
        return value if values.is_whole else float(f"{value:.12g}")


def size_of(knobs: Sequence[Knob]) -> int | None:
    """How many points there are, or None where there is no end of them."""
    counts = [knob.size for knob in knobs]
    return None if None in counts else math.prod(count for count in counts if count is not None)


def point_at(knobs: Sequence[Knob], number: int) -> Point:
    """One of countable points, from 0: the last knob turns fastest."""
    found: list[Coordinate] = []
    for knob in reversed(knobs):
        assert knob.size is not None, "there is an end of the points"
        number, rest = divmod(number, knob.size)
        found.append(knob.coordinate(rest))
    return tuple(reversed(found))
