"""How good the votes are: accuracy, the confusion matrix, figures for each class; of numbers, absolute error and r2."""

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


def absolute_errors(votes: Floats, truth: Floats) -> NDArray[np.float64]:
    """(k,): the sum of |vote - truth| over n examples, for (n, k) votes and numbers."""
    errors: NDArray[np.float64] = np.abs(votes.astype(np.float64) - truth).sum(axis=0)
    return errors


def determination(votes: Floats, truth: Floats) -> NDArray[np.float64]:
    """(k,): r2, the share of each number's variance that votes explain: 1 is all of it, 0 what the mean would do as well.

    Where the truth does not vary, it is 1 if every vote is right and 0 if not, as scikit-learn has it.
    """
    left = np.square(votes.astype(np.float64) - truth).sum(axis=0)
    varying = (truth != truth[:1]).any(axis=0)
    all_of_it = np.square(truth - truth.mean(axis=0, dtype=np.float64)).sum(axis=0)
    shares: NDArray[np.float64] = np.where(varying, 1 - left / np.where(varying, all_of_it, 1), left == 0)
    return shares


@dataclass(frozen=True)
class TargetFigures:
    """One number that a network tells: its mean absolute error, and r2."""

    name: str
    error: float
    r2: float


def target_figures(votes: Floats, truth: Floats, names: Sequence[str]) -> tuple[TargetFigures, ...]:
    """Figures for each of the k numbers of (n, k) votes."""
    errors, shares = absolute_errors(votes, truth) / len(truth), determination(votes, truth)
    return tuple(map(TargetFigures, names, errors.tolist(), shares.tolist()))
