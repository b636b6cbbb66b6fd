"""What is drawn of a search; it imports nothing, so that whoever has trials can make these."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """A trial: its number, its first objective, and where each knob stood (a number, or words)."""

    number: int
    value: float
    knobs: dict[str, float | str]
    finished: bool = True
