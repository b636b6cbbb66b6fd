"""How a network is trained: epochs, batches, cost, optimizer, schedule, and when to stop."""

from __future__ import annotations

from typing import Any

from convspec.base import Count, Positive
from convspec.costs import Cost, CrossEntropy
from convspec.optimizers import Adam, Optimizer
from convspec.schedules import Constant, Schedule
from convspec.spec import Spec, broken, field, rule

SLICE = 512
"""Examples that are computed together where a step takes all of them."""


class Training(Spec):
    """How a network is trained."""

    epochs: Count = field(description="Times that every training example is seen.")
    batch: Count = field(
        default=32, description="Examples for each step of the optimizer; not with lbfgs, which takes all of them."
    )
    cost: Cost = field(default_factory=CrossEntropy, description="What a wrong answer costs.")
    optimizer: Optimizer = field(default_factory=Adam, description="How parameters follow the gradient.")
    schedule: Schedule = field(
        default_factory=Constant, description="How the learning rate changes while the network trains."
    )
    clip: Positive | None = field(
        default=None, description="Length beyond which the gradient of all parameters together is shortened to it."
    )
    patience: Count | None = field(
        default=None, description="Stop after this many epochs without a lower cost on the validation examples."
    )

    @property
    def together(self) -> int:
        """Examples that are computed together."""
        return SLICE if self.optimizer.takes_every_example else self.batch

    @rule
    def batches_are_for_steps_on_batches(self) -> None:
        if self.optimizer.takes_every_example and self.is_given("batch"):
            text = f"{self.optimizer.kind} takes every training example for each step, so it has no batch"
            raise broken(text, field="batch", hint="Leave batch out.")

    @rule
    def clip_and_schedule_are_for_steps_on_batches(self) -> None:
        if not self.optimizer.takes_every_example:
            return
        found = "clip" if self.clip is not None else "schedule" if self.schedule != Constant() else None
        if found is not None:
            text = f"{self.optimizer.kind} finds the length of each step itself, so it has no {found}"
            raise broken(text, field=found, hint=f"Leave {found} out.")

    @rule
    def warm_up_ends_before_training_does(self) -> None:
        epochs = self.schedule.warm_up.epochs if self.schedule.warm_up else None
        if epochs is not None and epochs >= self.epochs:
            text = f"warm_up must end before training does: {epochs} of {self.epochs} epochs"
            raise broken(text, field="schedule", hint="Warm up for fewer epochs.")

    def plain(self) -> Any:
        values = super().plain()
        if self.optimizer.takes_every_example:
            del values["batch"]
        return values
