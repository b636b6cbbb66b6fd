"""Ctrl-C and termination as a wish that is granted between two batches, so that nothing is left half done."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Self

_STANDARD_ERROR = 2


def say_stopping() -> None:
    """A line on standard error; written past its buffer, in the middle of which the signal may have come."""
    begin = b"\n" if os.isatty(_STANDARD_ERROR) else b""  # the terminal shows ^C, or a bar
    with suppress(OSError):  # nobody reads
        os.write(_STANDARD_ERROR, begin + b"Stopping: saving what is under way (again Ctrl-C ends at once).\n")


class Interruption:
    """While it is entered, the first SIGINT or SIGTERM only sets `wanted`; a second one acts as it always does.
    `say` tells whoever asked that it was heard."""

    def __init__(self, say: Callable[[], None] = say_stopping) -> None:
        self.wanted = False
        self._say = say
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
        self._say()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
