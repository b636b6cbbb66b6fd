"""Epochs and progress: how they are called where they are tracked, and what older checkpoints call them."""

from __future__ import annotations

import json
from math import inf

from runners.training.epochs import Epoch, Progress

OLD = """{
  "epoch": 2, "batch": 3, "cost_sum": 4.5, "correct": 17, "best_epoch": 1, "best_cost": 0.25,
  "history": [
    {"number": 1, "cost_training": 0.5, "accuracy_training": 0.75, "cost_validation": 0.25, "accuracy_validation": 0.875,
     "seconds": 0.125, "learning_rate": 0.01},
    {"number": 2, "cost_training": 0.4, "accuracy_training": 0.8, "cost_validation": null, "accuracy_validation": null,
     "seconds": 0.25, "learning_rate": null}
  ]
}"""
"""As version 0.1.0 wrote it, before anything but classes could be told."""

FIRST = Epoch(1, {"cost": 0.5, "accuracy": 0.75}, {"cost": 0.25, "accuracy": 0.875}, 0.125, 0.01)
SECOND = Epoch(2, {"cost": 0.4, "accuracy": 0.8}, {}, 0.25)


def test_older_checkpoints_are_read() -> None:
    assert Progress.of(json.loads(OLD)) == Progress(2, 3, 4.5, 17, 1, 0.25, [FIRST, SECOND])


def test_progress_goes_through_json_and_comes_back() -> None:
    for progress in (Progress(2, 3, 4.5, 17.25, 1, 0.25, [FIRST, SECOND]), Progress(best_cost=inf)):
        assert Progress.of(json.loads(json.dumps(progress.plain()))) == progress


def test_figures_are_tracked_by_what_they_are_and_of_which_examples() -> None:
    numbers = Epoch(3, {"cost": 1.0, "error": 2.0}, {"cost": 3.0, "error": 4.0, "r2": 0.5}, 6.0)
    assert numbers.metrics() == {
        "cost/training": 1.0,
        "error/training": 2.0,
        "cost/validation": 3.0,
        "error/validation": 4.0,
        "r2/validation": 0.5,
        "time/epoch_seconds": 6.0,
    }
    assert FIRST.metrics()["schedule/learning_rate"] == 0.01
    assert SECOND.cost_validation is None
