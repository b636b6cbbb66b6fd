"""Epochs and progress: how they are called where they are tracked, and what older checkpoints call them."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf

import pytest

from runners.training.epochs import Epoch, Progress

OLD = """{
  "epoch": 2, "batch": 3, "cost_sum": 4.5, "correct": 17, "best_epoch": 0, "best_cost": null,
  "history": [
    {"number": 1, "cost_training": 0.5, "accuracy_training": 0.75, "cost_validation": null, "accuracy_validation": null,
     "seconds": 0.125, "learning_rate": 0.01},
    {"number": 2, "cost_training": 0.4, "accuracy_training": 0.8, "cost_validation": null, "accuracy_validation": null,
     "seconds": 0.25, "learning_rate": 0.02}
  ]
}"""
"""As version 0.1.0 wrote it, before anything but classes could be told."""

FIRST = Epoch(1, {"cost": 0.5, "accuracy": 0.75}, {"cost": 0.25, "accuracy": 0.875}, 0.125, 0.01)
SECOND = Epoch(2, {"cost": 0.4, "accuracy": 0.8}, {"cost": 0.2, "accuracy": 0.9}, 0.25, 0.02)


def test_older_checkpoints_are_read() -> None:
    without = [replace(epoch, validation={}) for epoch in (FIRST, SECOND)]
    found = Progress.of(json.loads(OLD), {})
    assert found == Progress(2, 3, 4.5, 17, 0, inf, without)
    assert Progress.of(found.plain(), found.columns) == found


def test_a_training_whose_older_epochs_have_no_learning_rate_goes_on_and_comes_back() -> None:
    older = [
        {key: figure for key, figure in epoch.items() if key != "learning_rate"} for epoch in json.loads(OLD)["history"]
    ]
    found = Progress.of({**json.loads(OLD), "history": older}, {})
    found.add(replace(SECOND, validation={}))
    again = Progress.of(json.loads(json.dumps(found.plain())), found.columns)
    assert [epoch.learning_rate for epoch in again.history] == [None, None, 0.02]
    assert again == found


@pytest.mark.parametrize(
    "epochs",
    [
        [],
        [FIRST, SECOND],
        [replace(epoch, validation={}) for epoch in (FIRST, SECOND)],
        [replace(epoch, learning_rate=None) for epoch in (FIRST, SECOND)],
        [Epoch(1, {"cost": 1 / 3, "error": 2e-300}, {"cost": 3.0, "error": inf, "r2": -0.5}, 6.0)],
    ],
    ids=["none", "two", "without validation", "without a learning rate", "numbers"],
)
def test_progress_goes_through_a_checkpoint_and_comes_back(epochs: list[Epoch]) -> None:
    progress = Progress(2, 3, 4.5, 17.25, 1, 0.25)
    for epoch in epochs:
        progress.add(epoch)
    columns = {name: progress.columns[name].tolist() for name in sorted(progress.columns)}  # as safetensors sorts them
    found = Progress.of(json.loads(json.dumps(progress.plain())), columns)
    assert found == progress
    assert [list(epoch.metrics()) for epoch in found.history] == [list(epoch.metrics()) for epoch in epochs]
    assert [type(epoch.number) for epoch in found.history] == [int] * len(epochs)


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
    assert replace(FIRST, validation={}).cost_validation is None
