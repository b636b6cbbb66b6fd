"""How a network is trained: epochs, batches, cost, optimizer, and when to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from convspec.base import Count, Fraction, Option, Positive, Spec, one_of


class Cost(Option):
    """What a wrong answer costs, averaged over the examples."""


class CrossEntropy(Cost):
    """-log of the probability given to the true class, the votes made probabilities by softmax."""

    kind: ClassVar[str] = "cross_entropy"


class Squared(Cost):
    """(vote - truth)^2, added up over the classes; the truth is 1 for the true class and 0 for the others."""

    kind: ClassVar[str] = "squared"


class Optimizer(Option):
    """How parameters follow the gradient. `slots` is the number of values that it remembers for each parameter."""

    slots: ClassVar[int]
    learning_rate: Positive


class Sgd(Optimizer):
    """Gradient descent on batches, with momentum if asked (Sutskever et al. 2013)."""

    kind: ClassVar[str] = "sgd"
    slots: ClassVar[int] = 1

    learning_rate: Positive = Field(0.01, description="Step along the gradient.")
    momentum: Fraction = Field(0.0, description="Share of the last step that is kept.")
    nesterov: bool = Field(False, description="Look ahead along the momentum before stepping.")

    @model_validator(mode="after")
    def nesterov_needs_momentum(self) -> Sgd:
        if self.nesterov and self.momentum == 0:
            raise PydanticCustomError("nesterov_momentum", "nesterov needs a momentum above 0")
        return self


class Adam(Optimizer):
    """Steps scaled by running averages of the gradient and its square (Kingma and Ba 2015)."""

    kind: ClassVar[str] = "adam"
    slots: ClassVar[int] = 2

    learning_rate: Positive = Field(0.001, description="Step along the scaled gradient.")
    beta_1: Fraction = Field(0.9, description="Share of the running average of the gradient that is kept.")
    beta_2: Fraction = Field(0.999, description="Share of the running average of its square that is kept.")
    epsilon: Positive = Field(1e-8, description="Added to the divisor so that it is never zero.")


if TYPE_CHECKING:
    AnyCost = Cost
    AnyOptimizer = Optimizer
else:
    AnyCost = one_of(Cost, what="cost")
    AnyOptimizer = one_of(Optimizer, what="optimizer")


class Training(Spec):
    """How a network is trained."""

    epochs: Count = Field(description="Times that every training example is seen.")
    batch: Count = Field(32, description="Examples for each step of the optimizer.")
    cost: AnyCost = Field(default_factory=CrossEntropy, description="What a wrong answer costs.")
    optimizer: AnyOptimizer = Field(default_factory=Adam, description="How parameters follow the gradient.")
    patience: Count | None = Field(
        None, description="Stop after this many epochs without a lower cost on the validation examples."
    )
