"""Where a training stands: what each epoch achieved, and how far the one under way has come."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Epoch:
    """What one epoch achieved. `number` counts from 1; training figures are of the batches as they were trained on, and
    the learning rate, where there is one, of the last of them."""

    number: int
    cost_training: float
    accuracy_training: float
    cost_validation: float | None
    accuracy_validation: float | None
    seconds: float
    learning_rate: float | None = None

    def metrics(self) -> dict[str, float]:
        """The figures under the names by which they are tracked."""
        named = {
            "cost/training": self.cost_training,
            "cost/validation": self.cost_validation,
            "accuracy/training": self.accuracy_training,
            "accuracy/validation": self.accuracy_validation,
            "schedule/learning_rate": self.learning_rate,
            "time/epoch_seconds": self.seconds,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass
class Progress:
    """Where a training stands: batches done in the epoch that is under way, and what they added up to."""

    epoch: int = 0
    batch: int = 0
    cost_sum: float = 0.0
    correct: int = 0
    best_epoch: int = 0
    best_cost: float = math.inf
    history: list[Epoch] = field(default_factory=list)
