"""The types that fields of all parts of a pipeline file share."""

from __future__ import annotations

from typing import Annotated

from pydantic_core import CoreSchema, core_schema

from convspec.forms import Form, schema_of

Shape = tuple[int, ...]
"""(channels, *extents) of data whose values have neighbours in one to three dimensions - (channels, height, width) of a
picture -, or (values,) of a flat list."""


def _whole(value: object) -> object:
    """`3.0` stands for 3, as it does in JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole_from(least: int) -> Form:
    schema = core_schema.int_schema(ge=least, le=1_000_000_000)
    return Form(core_schema.no_info_before_validator_function(_whole, schema))


Count = Annotated[int, _whole_from(1)]
"""A whole number from 1 to a thousand million."""
CountOrZero = Annotated[int, _whole_from(0)]
"""A whole number from 0 to a thousand million."""
Positive = Annotated[float, Form(core_schema.float_schema(gt=0))]
NotNegative = Annotated[float, Form(core_schema.float_schema(ge=0))]
Fraction = Annotated[float, Form(core_schema.float_schema(ge=0, lt=1))]
"""A share of a whole: from 0, below 1."""
Name = Annotated[str, Form(core_schema.str_schema(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=100))]
"""A name that can stand in a path: letters, digits, - and _, a letter first."""


def filled(items: CoreSchema, *, most: int | None = None) -> CoreSchema:
    """A list with at least one entry."""
    return core_schema.tuple_schema([items], variadic_item_index=0, min_length=1, max_length=most, strict=False)


Vector = Annotated[tuple[float, ...], Form(filled(core_schema.float_schema()))]
Matrix = Annotated[tuple[Vector, ...], Form(filled(schema_of(Vector)))]


def _extent_form(value: object) -> str:
    return "as list" if isinstance(value, list | tuple) else "as number"


_both = {"as number": schema_of(Count), "as list": filled(schema_of(Count), most=3)}
Extent = Annotated[int | tuple[int, ...], Form(core_schema.tagged_union_schema(_both, _extent_form))]
"""A size, window or stride: one whole number for all dimensions, or one for each of them: [height, width]."""


def extents(extent: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    """One number for each of `rank` dimensions."""
    return extent if isinstance(extent, tuple) else (extent,) * rank
