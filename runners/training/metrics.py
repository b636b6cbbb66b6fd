"""How good the votes are: accuracy, the confusion matrix, and figures for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


def correct(votes: Floats, truth: Integers) -> int:
    """How many of (n, classes) votes have their largest at the true class; the first of equal votes counts."""
    return int(np.count_nonzero(votes.argmax(axis=1) == truth))


def confusion_matrix(votes: Floats, truth: Integers) -> NDArray[np.int64]:
    """(classes, classes): how often each true class (row) was answered with each class (column)."""
    classes = votes.shape[1]
    pairs = truth.astype(np.int64) * classes + votes.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class ClassFigures:
    """One class: precision (share of its answers that are right), recall (share of its examples that are found), their
    harmonic mean F1, and how many examples it has. A figure without any case to count is 0."""

    name: str
    precision: float
    recall: float
    f1: float
    examples: int


def class_figures(matrix: NDArray[np.int64], names: Sequence[str]) -> tuple[ClassFigures, ...]:
    """Figures for each class of a confusion matrix."""
    found = []
    for index, name in enumerate(names):
        hits, examples, answers = int(matrix[index, index]), int(matrix[index].sum()), int(matrix[:, index].sum())
        precision, recall = hits / answers if answers else 0.0, hits / examples if examples else 0.0
        f1 = 2 * hits / (examples + answers) if examples + answers else 0.0
        found.append(ClassFigures(name, precision, recall, f1, examples))
    return tuple(found)
