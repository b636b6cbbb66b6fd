"""How a network is trained: epochs, batches, cost, optimizer, and when to stop."""

from __future__ import annotations

from typing import ClassVar

from convspec.base import Count, Fraction, Positive
from convspec.choice import Option
from convspec.spec import Spec, broken, field, rule


class Cost(Option):
    """What a wrong answer costs, averaged over the examples."""

    what: ClassVar[str] = "cost"


class CrossEntropy(Cost):
    """-log of the probability given to the true class, the votes made probabilities by softmax."""

    kind: ClassVar[str] = "cross_entropy"


class Squared(Cost):
    """(vote - truth)^2, added up over the classes; the truth is 1 for the true class and 0 for the others."""

    kind: ClassVar[str] = "squared"


class Optimizer(Option):
    """How parameters follow the gradient. `slots` is the number of values that it remembers for each parameter."""

    what: ClassVar[str] = "optimizer"
    slots: ClassVar[int]

    learning_rate: Positive


class Sgd(Optimizer):
    """Gradient descent on batches, with momentum if asked (Sutskever et al. 2013)."""

    kind: ClassVar[str] = "sgd"
    slots: ClassVar[int] = 1

    learning_rate: Positive = field(default=0.01, description="Step along the gradient.")
    momentum: Fraction = field(default=0.0, description="Share of the last step that is kept.")
    nesterov: bool = field(default=False, description="Look ahead along the momentum before stepping.")

    @rule
    def nesterov_needs_momentum(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise broken("nesterov needs a momentum above 0", field="nesterov", hint="Add `momentum: 0.9`.")


class Adam(Optimizer):
    """Steps scaled by running averages of the gradient and its square (Kingma and Ba 2015)."""

    kind: ClassVar[str] = "adam"
    slots: ClassVar[int] = 2

    learning_rate: Positive = field(default=0.001, description="Step along the scaled gradient.")
    beta_1: Fraction = field(default=0.9, description="Share of the running average of the gradient that is kept.")
    beta_2: Fraction = field(default=0.999, description="Share of the running average of its square that is kept.")
    epsilon: Positive = field(default=1e-8, description="Added to the divisor so that it is never zero.")


class Training(Spec):
    """How a network is trained."""

    epochs: Count = field(description="Times that every training example is seen.")
    batch: Count = field(default=32, description="Examples for each step of the optimizer.")
    cost: Cost = field(default_factory=CrossEntropy, description="What a wrong answer costs.")
    optimizer: Optimizer = field(default_factory=Adam, description="How parameters follow the gradient.")
    patience: Count | None = field(
        default=None, description="Stop after this many epochs without a lower cost on the validation examples."
    )
