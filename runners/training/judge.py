"""What is measured of a network's answers besides the cost: how many are right where the truth is classes, how far they are
off where it is numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from convspec.costs import Cost
from convspec.data import Description
from runners.engines.engine import Array, Truth
from runners.training.costs import mean_cost
from runners.training.findings import Confusion, Distances, Findings
from runners.training.metrics import absolute_errors, correct, determination


class Judge(ABC):
    """Measures votes (n, k) against the truth about n examples; `names` are those of the k classes or numbers."""

    figure: ClassVar[str]
    """The figure that is followed from batch to batch; a mean over examples."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    @abstractmethod
    def tally(self, votes: Array, truth: Truth) -> float:
        """What examples add to the sum whose mean is `figure`."""

    def figures(self, votes: Array, truth: Truth, cost: Cost | None = None) -> dict[str, float]:
        """Every figure by its name, the mean cost first where there is a cost."""
        costs = {} if cost is None else {"cost": mean_cost(cost, votes, truth)}
        return {**costs, self.figure: self.tally(votes, truth) / len(truth)}

    @abstractmethod
    def findings(self, votes: Array, truth: Truth) -> Findings:
        """What is shown in the end."""


class ClassJudge(Judge):
    """The truth is labels (n,): the largest vote is the answer."""

    figure: ClassVar[str] = "accuracy"

    def tally(self, votes: Array, truth: Truth) -> float:
        return correct(votes, truth)

    def findings(self, votes: Array, truth: Truth) -> Findings:
        return Confusion.of(votes, truth, self.names)


class NumberJudge(Judge):
    """The truth is numbers (n, k): `error` is the mean absolute one, over examples and numbers; `r2` the coefficient of
    determination, averaged over the numbers."""

    figure: ClassVar[str] = "error"

    def tally(self, votes: Array, truth: Truth) -> float:
        return float(absolute_errors(votes, truth).mean())

    def figures(self, votes: Array, truth: Truth, cost: Cost | None = None) -> dict[str, float]:
        return {**super().figures(votes, truth, cost), "r2": float(determination(votes, truth).mean())}

    def findings(self, votes: Array, truth: Truth) -> Findings:
        return Distances.of(votes, truth, self.names)


def judge_of(data: Description) -> Judge:
    """The judge for the truth that a source delivers."""
    return NumberJudge(data.targets) if data.targets else ClassJudge(data.classes)
