"""How the value of a knob is called where there is little room: whole networks by their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convspec.knobs import Knob, Range
from convspec.values import shown

LONGEST = 24
"""Characters of a value that stands for itself."""


def designation(knob: Knob, value: object) -> str:
    """A value that fits a column of a table; long lists and mappings, which begin alike, are `#2 of 3`."""
    number = _number(knob, value)
    if number is not None:
        return f"#{number} of {len(_values(knob))}"
    text = f"{value:.4g}" if isinstance(value, float) else shown(value, quotes=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def explained(knob: Knob, value: object) -> str:
    """The same where there is a line for it, with what is behind a number: the kinds of layers, where these tell it apart."""
    number = _number(knob, value)
    if number is None:
        return shown(value, quotes=False)
    return f"{designation(knob, value)} ({_summary(knob, value)})"


def explanations(knob: Knob) -> list[str]:
    """A line for each value that goes by its number."""
    numbered = [value for value in _values(knob) if _number(knob, value) is not None]
    return [f"{knob.path} {explained(knob, value)}" for value in numbered]


def _values(knob: Knob) -> Sequence[Any]:
    return () if isinstance(knob.values, Range) else knob.values


def _number(knob: Knob, value: object) -> int | None:
    """The place from 1 of a value in its list, where values of this list are too long to stand for themselves."""
    values = list(_values(knob))
    too_long = any(isinstance(one, list | dict) and len(shown(one)) > LONGEST for one in values)
    return values.index(value) + 1 if too_long and isinstance(value, list | dict) and value in values else None


def _summary(knob: Knob, value: object) -> str:
    kinds = _kinds(value)
    is_clear = kinds is not None and [_kinds(one) for one in _values(knob)].count(kinds) == 1
    return shown(kinds, quotes=False) if is_clear else shown(value)


def _kinds(value: object) -> str | None:
    """`convolution, relu, fully_connected` of a list of layers."""
    if not isinstance(value, list):
        return None
    words = [next(iter(one)) if isinstance(one, dict) and len(one) == 1 else one for one in value]
    return ", ".join(words) if all(isinstance(word, str) for word in words) else None
