"""What is shown while a network trains: a bar on a terminal, a line for each epoch elsewhere; always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runners.cli.output import figure_text

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from runners.training.checkpoint import Checkpoint
    from runners.training.epochs import Epoch, Figures, Progress
    from runners.training.loop import Trainer

REDRAW_SECONDS = 0.05
"""The bar is not moved more often than this."""


def epoch_line(epoch: Epoch, total: int) -> str:
    """One epoch in words."""
    parts = [f"epoch {epoch.number:>{len(str(total))}}/{total}", _in_words(epoch.training)]
    if epoch.validation:
        parts.append(f"validation {_in_words(epoch.validation)}")
    return "  ".join([*parts, f"{epoch.seconds:.2f} s"])


def _in_words(figures: Figures) -> str:
    return "  ".join(f"{name} {figure_text(value)}" for name, value in figures.items())


class PlainProgress:
    """A line for each epoch."""

    def __init__(self) -> None:
        self.total = 0

    def on_start(self, trainer: Trainer) -> None:
        self.total = trainer.training.epochs

    def on_batch(self, progress: Progress) -> None:
        """Batches are too many for lines."""

    def on_epoch(self, epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> None:
        sys.stderr.write(f"{epoch_line(epoch, self.total)}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Nothing is left open."""


class BarProgress:
    """A line for each epoch, and below them a bar over all batches of all epochs."""

    def __init__(self) -> None:
        self.bar: Bar | None = None
        self.task: Any = None
        self.total = self.batches = 0
        self.drawn = 0.0

    def on_start(self, trainer: Trainer) -> None:
        self.total, self.batches = trainer.training.epochs, trainer.batches
        self.bar = _bar()
        self.bar.start()
        self.task = self.bar.add_task(f"epoch 1/{self.total}", total=self.total * self.batches)

    def on_batch(self, progress: Progress) -> None:
        now = time.monotonic()
        if self.bar is not None and now - self.drawn > REDRAW_SECONDS:
            self.drawn = now
            self.bar.update(self.task, completed=progress.epoch * self.batches + progress.batch, refresh=True)

    def on_epoch(self, epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> None:
        if self.bar is not None:
            done = epoch.number * self.batches
            self.bar.console.print(epoch_line(epoch, self.total), highlight=False, soft_wrap=True)
            following = "recording" if epoch.number == self.total else f"epoch {epoch.number + 1}/{self.total}"
            self.bar.update(self.task, completed=done, description=following, refresh=True)

    def close(self) -> None:
        """Leaves the bar as it stands."""
        if self.bar is not None:
            self.bar.stop()


def progress(*, quiet: bool = False) -> PlainProgress | BarProgress:
    """The kind of progress that suits where standard error goes."""
    return BarProgress() if sys.stderr.isatty() and not quiet else PlainProgress()


class Counter:
    """A bar over pieces of work on a terminal; elsewhere a line for each part that begins."""

    def __init__(self, total: int) -> None:
        self.part, self.done, self.drawn = "", 0, 0.0
        self.bar: Bar | None = None
        if sys.stderr.isatty():
            self.bar = _bar()
            self.task = self.bar.add_task("", total=total)
            self.bar.start()

    def count(self, part: str) -> None:
        """One more piece is done, which belongs to this part."""
        self.done += 1
        now = time.monotonic()
        if self.bar is None and part != self.part:
            sys.stderr.write(f"{part}\n")
            sys.stderr.flush()
        elif self.bar is not None and now - self.drawn > REDRAW_SECONDS:
            self.drawn = now
            self.bar.update(self.task, completed=self.done, description=part, refresh=True)
        self.part = part

    def close(self) -> None:
        """Takes the bar away."""
        if self.bar is not None:
            self.bar.update(self.task, visible=False, refresh=True)
            self.bar.stop()


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), auto_refresh=False)
