"""The process that trains, as seen from the one that delivers: whether it is there, and for how long it has been gone."""

from __future__ import annotations

import select
import time

from runners.tracking.owner import Owner


class Trainer:
    """Watches the trainer over a pipe that it holds open and never writes to."""

    def __init__(self, pipe: int, owner: Owner | None) -> None:
        self.owner = owner
        self._pipe = select.poll()
        self._pipe.register(pipe, select.POLLIN | select.POLLHUP)
        self._gone_at: float | None = None

    def is_gone(self) -> bool:
        """Whether it has closed its end of the pipe, or has ended while a child of its own still holds that open."""
        if self._gone_at is None and (self._pipe.poll(0) or self.owner is None or self.owner.is_gone()):
            self._gone_at = time.monotonic()
        return self._gone_at is not None

    def has_been_gone(self, seconds: float) -> bool:
        """Whether it was first seen to be gone so long ago."""
        return self.is_gone() and time.monotonic() - (self._gone_at or 0.0) >= seconds

    def wait(self, seconds: float) -> None:
        """Sleep, but wake when the trainer goes."""
        if self.is_gone():
            time.sleep(min(seconds, 1.0))
        else:
            self._pipe.poll(seconds * 1000)
