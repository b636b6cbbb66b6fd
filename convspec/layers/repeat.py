"""Repeat: deep stacking; how many of each layer is itself a knob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field

from convspec.base import Count, sequence
from convspec.layers.layer import Layer

if TYPE_CHECKING:
    from convspec.layers import AnyLayer


class Repeat(Layer):
    """The same stack of layers several times in a row, each time with parameters of its own."""

    kind: ClassVar[str] = "repeat"

    times: Count = Field(description="How many times the layers follow each other.", le=1000)
    layers: Annotated[tuple[AnyLayer, ...], BeforeValidator(sequence)] = Field(
        min_length=1, description="The layers that are repeated."
    )
