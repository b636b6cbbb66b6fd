"""What the answers to test examples tell beyond single figures: which class was taken for which, how far off each number is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from runners.training.metrics import ClassFigures, TargetFigures, class_figures, confusion_matrix, target_figures


class Findings(Protocol):
    """What a person or a program is shown of an evaluation."""

    @property
    def remark(self) -> str:
        """What the first figure stands for, in a few words."""

    def plain(self) -> dict[str, Any]:
        """For `--json` and artifacts."""

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The head of a table, and a row for each class or target."""


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix (true classes are rows, answers columns), and figures for each class."""

    matrix: tuple[tuple[int, ...], ...]
    classes: tuple[ClassFigures, ...]

    @classmethod
    def of(cls, votes: NDArray[Any], truth: NDArray[Any], names: Sequence[str]) -> Confusion:
        """Of votes (n, classes) and labels (n,)."""
        matrix = confusion_matrix(votes, truth)
        return cls(tuple(map(tuple, matrix.tolist())), class_figures(matrix, names))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.classes)

    @property
    def remark(self) -> str:
        hits = sum(row[index] for index, row in enumerate(self.matrix))
        return f"{hits:,} of {sum(map(sum, self.matrix)):,}"

    def plain(self) -> dict[str, Any]:
        return {
            "confusion_matrix": [list(row) for row in self.matrix],
            "classes": [asdict(one) for one in self.classes],
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [one.name, *map(str, row), f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}"]
            for one, row in zip(self.classes, self.matrix, strict=True)
        ]
        return ["truth \\ answer", *self.names, "precision", "recall", "F1"], rows


@dataclass(frozen=True, eq=False)
class Distances:
    """Answers and truth, both (n, k), and figures for each of the k targets."""

    votes: NDArray[Any]
    truth: NDArray[Any]
    targets: tuple[TargetFigures, ...]

    @classmethod
    def of(cls, votes: NDArray[Any], truth: NDArray[Any], names: Sequence[str]) -> Distances:
        """Of votes and numbers, both (n, k)."""
        return cls(votes, truth, target_figures(votes, truth, names))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.targets)

    @property
    def remark(self) -> str:
        return f"mean absolute, over {len(self.truth):,} examples"

    def plain(self) -> dict[str, Any]:
        return {"targets": [asdict(one) for one in self.targets]}

    def table(self) -> tuple[list[str], list[list[str]]]:
        return ["target", "error", "r2"], [[one.name, f"{one.error:.4g}", f"{one.r2:.4f}"] for one in self.targets]
