"""What a wrong answer may cost."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from convspec.base import Fraction, Positive
from convspec.choice import Option
from convspec.data import Description
from convspec.spec import field


class Misfit(NamedTuple):
    """A field of a cost that does not suit the data: the rule, and what to do. Without a field, the cost as a whole does not;
    the message then says of it what it does."""

    field: str
    message: str
    hint: str


class Cost(Option):
    """What a wrong answer costs, averaged over the examples."""

    what: ClassVar[str] = "cost"

    def misfit(self, data: Description) -> Misfit | None:
        """What does not suit the data."""
        return None


class CrossEntropy(Cost):
    """-log of the probability given to the true class, the votes made probabilities by softmax."""

    kind: ClassVar[str] = "cross_entropy"

    class_weights: tuple[Positive, ...] | None = field(
        default=None,
        min_length=1,
        description="How much an example of each class counts; the mean is then over these weights.",
    )
    label_smoothing: Fraction = field(
        default=0.0, description="Share of the truth that is spread evenly over all classes (Szegedy et al. 2016)."
    )

    def misfit(self, data: Description) -> Misfit | None:
        if data.targets:
            message = "compares classes, but the targets of the data are numbers."
            return Misfit("", message, "Use `cost: squared`, or another that says how far a vote is off.")
        classes = len(data.classes)
        count = classes if self.class_weights is None else len(self.class_weights)
        if count == classes:
            return None
        message = f"must have one weight for each of the {classes} classes. Got {count}."
        return Misfit("class_weights", message, "They stand in the order of the classes.")


class Squared(Cost):
    """d^2, where d is how far a vote is off: from 1 for the true class and 0 for the others, or from a target that is a number.
    The costs of all votes of an example are added up."""

    kind: ClassVar[str] = "squared"


class Absolute(Cost):
    """|d|, added up over the votes as with squared: being off far is not punished more than in proportion."""

    kind: ClassVar[str] = "absolute"


class SquareRoot(Cost):
    """sqrt(|d|), added up over the votes as with squared: the first bit of being off costs most. Its slope has no bound at
    d = 0; training takes the slope at |d| = 0.01 for everything nearer, and 0 at 0 itself."""

    kind: ClassVar[str] = "square_root"


class Exponential(Cost):
    """10^(|d| - 1), added up over the votes as with squared: being off by one more costs ten times as much."""

    kind: ClassVar[str] = "exponential"


class Huber(Cost):
    """d^2 / 2 up to delta, and delta * (|d| - delta / 2) beyond it, added up over the votes as with squared (Huber 1964)."""

    kind: ClassVar[str] = "huber"

    delta: Positive = field(default=1.0, description="Where the parabola becomes a straight line.")
