"""Figures of a small confusion matrix, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from runners.training.metrics import class_figures, confusion_matrix, correct

VOTES = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [5.0, 0.0, 0.0], [0.0, 1.0, 2.0], [1.0, 1.0, 0.0]])
TRUTH = np.array([0, 1, 1, 1, 0])


def test_the_first_of_equal_votes_counts() -> None:
    assert correct(VOTES, TRUTH) == 3


def test_rows_are_the_truth_and_columns_the_answers() -> None:
    assert confusion_matrix(VOTES, TRUTH).tolist() == [[2, 0, 0], [1, 1, 1], [0, 0, 0]]


def test_precision_recall_and_f1() -> None:
    first, second, third = class_figures(confusion_matrix(VOTES, TRUTH), ("a", "b", "c"))
    assert (first.precision, first.recall, first.f1, first.examples) == pytest.approx((2 / 3, 1.0, 0.8, 2))
    assert (second.precision, second.recall, second.f1, second.examples) == pytest.approx((1.0, 1 / 3, 0.5, 3))
    assert (third.precision, third.recall, third.f1, third.examples) == (0.0, 0.0, 0.0, 0)
