"""How the learning rate may change while a network trains."""

from __future__ import annotations

from typing import ClassVar

from convspec.base import Count, Fraction, NotNegative, Positive
from convspec.choice import Option
from convspec.spec import Spec, broken, field, rule


class WarmUp(Spec):
    """A learning rate that rises evenly, step by step, to where its schedule begins: in this many epochs or steps."""

    epochs: Count | None = field(default=None, description="Length in epochs.")
    steps: Count | None = field(default=None, description="Length in steps of the optimizer; instead of epochs.")

    @rule
    def has_one_length(self) -> None:
        if self.epochs is None and self.steps is None:
            raise broken("warm_up needs its length in epochs or in steps", hint="Write `warm_up: {epochs: 1}`.")
        if self.epochs is not None and self.steps is not None:
            raise broken(
                "warm_up has its length both in epochs and in steps", field="steps", hint="Leave out one of the two."
            )


class Schedule(Option):
    """How the learning rate changes while a network trains; it follows from the number of steps done alone."""

    what: ClassVar[str] = "schedule"

    warm_up: WarmUp | None = field(
        default=None, description="A rise at the beginning, `{epochs: 1}` or `{steps: 100}`; the schedule follows it."
    )


class Constant(Schedule):
    """The learning rate stays."""

    kind: ClassVar[str] = "constant"


class StepWise(Schedule):
    """The learning rate is multiplied by a factor every so many epochs."""

    kind: ClassVar[str] = "step"

    every: Count = field(description="Epochs between two changes.")
    factor: Positive = field(default=0.1, description="What the learning rate is multiplied by.")


class Cosine(Schedule):
    """The learning rate falls along half a cosine until training ends (Loshchilov and Hutter 2017, without restarts)."""

    kind: ClassVar[str] = "cosine"

    final: NotNegative = field(default=0.0, le=1, description="Share of the learning rate that is left at the end.")


class OneCycle(Schedule):
    """The learning rate rises to its full height and falls to almost nothing, each along half a cosine (Smith 2018); momentum
    stays as it is."""

    kind: ClassVar[str] = "one_cycle"

    peak: Fraction = field(default=0.3, description="Share of the training after which it is at its full height.")
    initial: NotNegative = field(default=0.04, le=1, description="Share of the learning rate at the beginning.")
    final: NotNegative = field(default=4e-6, le=1, description="Share of the learning rate at the last step.")
