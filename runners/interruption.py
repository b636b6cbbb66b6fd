"""Ctrl-C and termination as a wish that is granted between two batches, so that nothing is left half done."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self


class Interruption:
    """While it is entered, the first SIGINT or SIGTERM only sets `wanted`; a second one acts as it always does."""

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[signal.Signals, object] = {}

    def __call__(self) -> bool:
        return self.wanted

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._want)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _want(self, number: int, frame: FrameType | None) -> None:
        self.wanted = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
