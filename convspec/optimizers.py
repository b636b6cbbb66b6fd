"""How parameters may follow the gradient."""

from __future__ import annotations

from typing import ClassVar

from convspec.base import Count, Fraction, NotNegative, Positive
from convspec.choice import Option
from convspec.spec import broken, field, rule

DECAY = "Pull of every parameter towards zero: this times the parameter joins its gradient."


class Optimizer(Option):
    """How parameters follow the gradient."""

    what: ClassVar[str] = "optimizer"
    takes_every_example: ClassVar[bool] = False
    """Whether each step is over the whole training set, instead of a batch."""

    @property
    def slots(self) -> int:
        """Values that are remembered for each parameter."""
        return 0


class SteppingOptimizer(Optimizer):
    """An optimizer that takes one step for each batch, as long as the learning rate says."""

    learning_rate: Positive
    weight_decay: NotNegative = field(default=0.0, description=DECAY)


class Sgd(SteppingOptimizer):
    """Gradient descent on batches, with momentum if asked (Sutskever et al. 2013)."""

    kind: ClassVar[str] = "sgd"

    learning_rate: Positive = field(default=0.01, description="Step along the gradient.")
    momentum: Fraction = field(default=0.0, description="Share of the last step that is kept.")
    nesterov: bool = field(default=False, description="Look ahead along the momentum before stepping.")

    @property
    def slots(self) -> int:
        return 1 if self.momentum else 0

    @rule
    def nesterov_needs_momentum(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise broken("nesterov needs a momentum above 0", field="nesterov", hint="Add `momentum: 0.9`.")


class RmsProp(SteppingOptimizer):
    """Steps divided by the root of a running average of the gradient's square (Tieleman and Hinton 2012)."""

    kind: ClassVar[str] = "rmsprop"

    learning_rate: Positive = field(default=0.01, description="Step along the scaled gradient.")
    beta: Fraction = field(default=0.99, description="Share of the running average of the square that is kept.")
    epsilon: Positive = field(default=1e-8, description="Added to the divisor so that it is never zero.")
    momentum: Fraction = field(default=0.0, description="Share of the last step that is kept.")

    @property
    def slots(self) -> int:
        return 2 if self.momentum else 1


class Adam(SteppingOptimizer):
    """Steps scaled by running averages of the gradient and its square (Kingma and Ba 2015)."""

    kind: ClassVar[str] = "adam"

    learning_rate: Positive = field(default=0.001, description="Step along the scaled gradient.")
    beta_1: Fraction = field(default=0.9, description="Share of the running average of the gradient that is kept.")
    beta_2: Fraction = field(default=0.999, description="Share of the running average of its square that is kept.")
    epsilon: Positive = field(default=1e-8, description="Added to the divisor so that it is never zero.")

    @property
    def slots(self) -> int:
        return 2


class AdamW(Adam):
    """Adam with a weight decay that is not scaled along with the gradient (Loshchilov and Hutter 2019)."""

    kind: ClassVar[str] = "adamw"

    weight_decay: NotNegative = field(
        default=0.01, description="Share of every parameter, times the learning rate, that each step takes away."
    )


class Lbfgs(Optimizer):
    """Gradient descent with curvature (L-BFGS, Liu and Nocedal 1989): each epoch is one step, over all training examples,
    as long as a line search finds best. There is no learning rate and no batch."""

    kind: ClassVar[str] = "lbfgs"
    takes_every_example: ClassVar[bool] = True

    memory: Count = field(
        default=10, le=1000, description="Number of past steps from which the curvature is estimated."
    )
    weight_decay: NotNegative = field(default=0.0, description=DECAY)

    @property
    def slots(self) -> int:
        return 2 * self.memory + 4
