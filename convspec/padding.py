"""Padding: how far windows may reach beyond the data, before and after them in each dimension."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic_core import core_schema

from convspec.base import CountOrZero, filled
from convspec.forms import Form, schema_of


def _form(value: object) -> str:
    return (
        "as rule" if isinstance(value, str) else "as list of pixels" if isinstance(value, list | tuple) else "as pixels"
    )


_pixels = schema_of(CountOrZero)
_forms = {
    "as rule": core_schema.literal_schema(["valid", "same"]),
    "as pixels": _pixels,
    "as list of pixels": filled(_pixels, most=3),
}
Padding = Annotated[
    Literal["valid", "same"] | int | tuple[int, ...], Form(core_schema.tagged_union_schema(_forms, _form))
]
"""`valid` none, `same` as much as keeps the size at stride 1, or a number of pixels: one, or one for each dimension."""

Margins = tuple[tuple[int, ...], tuple[int, ...]]
"""Pixels before and after the data, each with one number for each dimension."""


def margins_of(
    padding: Literal["valid", "same"] | int | tuple[int, ...],
    extents: tuple[int, ...],
    *,
    span: tuple[int, ...],
    stride: tuple[int, ...],
) -> Margins:
    """The margins that a padding gives to data of these extents, for windows that cover `span`.

    Where `same` takes an odd number, the larger half comes after the data.
    """
    if padding == "same":
        steps = zip(extents, span, stride, strict=True)
        total = [max((-(-extent // step) - 1) * step + wide - extent, 0) for extent, wide, step in steps]
        before = tuple(one // 2 for one in total)
        return before, tuple(one - half for one, half in zip(total, before, strict=True))
    pixels = 0 if padding == "valid" else padding
    alike = pixels if isinstance(pixels, tuple) else (pixels,) * len(extents)
    return alike, alike
