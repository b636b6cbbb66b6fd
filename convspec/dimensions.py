"""In how many dimensions the values of an example have neighbours: what is called how, and how examples may be stored."""

from __future__ import annotations

from convspec.base import Shape

EXTENT_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""What the extents of an example are called, by the number of dimensions."""

NOUNS = {1: "sequence", 2: "picture", 3: "volume"}
"""What an example is called."""


def suits(stored: Shape, dimensions: int | None) -> bool:
    """Whether an example may be stored in this shape: its extents, alone or behind the channels."""
    return 1 <= len(stored) <= 4 if dimensions is None else len(stored) - dimensions in (0, 1)


def with_channels(stored: Shape, dimensions: int | None) -> Shape:
    """(channels, *extents) of an example stored in this shape, which suits. Where nothing else is said, three numbers are the
    channels, height and width of a picture."""
    rank = dimensions or {1: 1, 2: 2, 3: 2, 4: 3}[len(stored)]
    return stored if len(stored) > rank else (1, *stored)


def forms(dimensions: int | None) -> str:
    """How arrays of n examples may be stored, in words."""
    if dimensions is None:
        return "(n, length), (n, height, width), (n, channels, height, width) or (n, channels, depth, height, width)"
    names = ", ".join(EXTENT_NAMES[dimensions])
    return f"(n, {names}) or (n, channels, {names})"
