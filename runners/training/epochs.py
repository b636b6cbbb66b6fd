"""What epochs achieve, and where a training stands between two of them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

Figures = dict[str, float]
"""Figures by their names: `cost`, `accuracy`, ..."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch achieved. `number` counts from 1; `training` figures are of the batches as they were trained on, those of
    `validation` are missing where there is none; the learning rate, where there is one, is that of the last batch."""

    number: int
    training: Figures
    validation: Figures
    seconds: float
    learning_rate: float | None = None

    @property
    def cost_training(self) -> float:
        return self.training["cost"]

    @property
    def cost_validation(self) -> float | None:
        return self.validation.get("cost")

    def metrics(self) -> Figures:
        """The figures under the names by which they are tracked."""
        parts = {"training": self.training, "validation": self.validation}
        named = {f"{name}/{part}": value for part, figures in parts.items() for name, value in figures.items()}
        rate = {} if self.learning_rate is None else {"schedule/learning_rate": self.learning_rate}
        return {**named, **rate, "time/epoch_seconds": self.seconds}

    def plain(self) -> Figures:
        """Everything, as a checkpoint keeps it."""
        return {"number": float(self.number), **self.metrics()}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """An epoch out of a checkpoint, of which older ones name things differently."""
        if "training" in plain:
            return cls(**plain)
        if "time/epoch_seconds" in plain:
            parts = {
                part: {name.removesuffix(f"/{part}"): plain[name] for name in plain if name.endswith(f"/{part}")}
                for part in ("training", "validation")
            }
            rate = plain.get("schedule/learning_rate", math.nan)
            seconds, rate = plain["time/epoch_seconds"], None if math.isnan(rate) else rate
            return cls(int(plain["number"]), **parts, seconds=seconds, learning_rate=rate)
        parts = {
            part: {
                name: plain[f"{name}_{part}"] for name in ("cost", "accuracy") if plain[f"{name}_{part}"] is not None
            }
            for part in ("training", "validation")
        }
        return cls(plain["number"], **parts, seconds=plain["seconds"], learning_rate=plain.get("learning_rate"))


@dataclass
class Progress:
    """Where a training stands: batches done in the epoch that is under way, and what they added up to: the cost, and the
    judge's tally."""

    epoch: int = 0
    batch: int = 0
    cost_sum: float = 0.0
    tally: float = 0.0
    best_epoch: int = 0
    best_cost: float = math.inf
    history: list[Epoch] = field(default_factory=list)
    columns: dict[str, array[float]] = field(init=False, repr=False, compare=False)
    """The history by figure. After every epoch it goes into a checkpoint: copying a column costs nothing, but epochs one by one
    would soon take longer than they were trained."""

    def __post_init__(self) -> None:
        self.columns, epochs, self.history = {}, self.history, []
        for epoch in epochs:
            self.add(epoch)

    def add(self, epoch: Epoch) -> None:
        """An epoch is over. All epochs of a training have the same figures, but for rates that older checkpoints lack."""
        for name, figure in epoch.plain().items():
            self.columns.setdefault(name, array("d", [math.nan] * len(self.history))).append(figure)
        self.history.append(epoch)

    def plain(self) -> dict[str, Any]:
        """As a checkpoint keeps it, with the names of the columns, in their order, in place of themselves."""
        names = ("epoch", "batch", "cost_sum", "tally", "best_epoch")
        best = None if math.isinf(self.best_cost) else self.best_cost
        return {**{name: getattr(self, name) for name in names}, "best_cost": best, "columns": list(self.columns)}

    @classmethod
    def of(cls, plain: Mapping[str, Any], columns: Mapping[str, Sequence[float]]) -> Self:
        """Out of a checkpoint, of which older ones call the tally `correct`, and have a `history` in place of columns."""
        names = ("epoch", "batch", "cost_sum", "tally", "best_epoch", "best_cost")
        figures = {"tally" if name == "correct" else name: figure for name, figure in plain.items()}
        order = figures.get("columns", [])
        rows = (dict(zip(order, row, strict=True)) for row in zip(*(columns[name] for name in order), strict=True))
        history = [Epoch.of(epoch) for epoch in figures.get("history", rows)]
        return cls(**{name: figures[name] for name in names if figures[name] is not None}, history=history)
