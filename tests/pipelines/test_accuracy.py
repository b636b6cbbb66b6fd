"""The shipped pipelines reach what their headers promise."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

from convspec.loading import load
from runners.environment import cores
from runners.experiment import Experiment


def accuracy(name: str, seed: int) -> float:
    experiment = Experiment.prepare(load(name, [f"seed={seed}"]), threads=cores())
    weights = experiment.train([], stop=lambda: False)
    return experiment.evaluate(weights).metrics["accuracy/test"]


@pytest.mark.parametrize(
    ("name", "goal"), [("digits", 0.985), ("xs_and_os", 0.99), ("four_pixel_camera_trained", 0.99)]
)
def test_the_mean_test_accuracy_over_five_seeds(name: str, goal: float) -> None:
    assert fmean(accuracy(name, seed) for seed in range(1, 6)) >= goal


def test_the_mean_error_over_five_seeds() -> None:
    experiments = [
        Experiment.prepare(load("xs_and_os_position", [f"seed={seed}"]), threads=cores()) for seed in range(1, 6)
    ]
    found = [one.evaluate(one.train([], stop=lambda: False)).metrics for one in experiments]
    assert fmean(metrics["error/test"] for metrics in found) <= 0.08
    assert fmean(metrics["r2/test"] for metrics in found) >= 0.97


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="dataset-fashion-mnist is not installed"
)
def test_fashion_mnist_on_the_official_test_pictures() -> None:
    assert accuracy("fashion_mnist", 1) >= 0.91
