"""Values of a file with their places, and what an unquoted word means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from convspec.errors import Mark

Scalar = str | int | float | bool | None

_NULL = re.compile(r"(?:~|null|Null|NULL|)$")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"[-+]?[0-9]+$")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


class Node(NamedTuple):
    """A value and where it begins. `value` holds nodes in a list or a dict; a mapping keeps the mark of each key."""

    value: Scalar | list[Node] | dict[str, Node]
    mark: Mark
    key_marks: Mapping[str, Mark] = {}

    def child(self, step: str | int) -> Node | None:
        """The value at a key or a position, or None where there is none."""
        inside: Any = self.value
        found: Node | None = None
        if isinstance(inside, dict) and isinstance(step, str):
            found = inside.get(step)
        if isinstance(inside, list) and isinstance(step, int) and step < len(inside):
            found = inside[step]
        return found

    def plain(self) -> object:
        """The value without its marks, as Python has it."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return self.value


def resolve(text: str) -> Scalar:
    """What an unquoted word means: only true and false are booleans; no octals, sexagesimals or dates."""
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    if _INT.match(text) and len(text) <= 300:
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    special = _SPECIAL.get(text.lower())
    return float(special) if special else text
