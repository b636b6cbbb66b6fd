"""What epochs achieve, and where a training stands between two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """An epoch out of a checkpoint, of which older ones call each figure `NAME_PART`."""
        if "training" in plain:
            return cls(**plain)
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

    def plain(self) -> dict[str, Any]:
        """As a checkpoint keeps it."""
        return {**asdict(self), "best_cost": None if math.isinf(self.best_cost) else self.best_cost}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Out of a checkpoint, of which older ones call the tally `correct`."""
        figures = {"tally" if name == "correct" else name: figure for name, figure in plain.items()}
        figures["history"] = [Epoch.of(epoch) for epoch in figures["history"]]
        figures["best_cost"] = math.inf if figures["best_cost"] is None else figures["best_cost"]
        return cls(**figures)
