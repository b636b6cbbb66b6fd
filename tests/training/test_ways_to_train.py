"""The digits network learns in few epochs, whatever it is trained by."""

from __future__ import annotations

import pytest

from convspec.loading import load
from runners.experiment import Experiment

WAYS = {
    "lbfgs": ("{epochs: 60, optimizer: lbfgs}", 0.95),
    "rmsprop": ("{epochs: 5, optimizer: {rmsprop: {learning_rate: 0.002}}}", 0.95),
    "adamw one_cycle": ("{epochs: 5, optimizer: {adamw: {learning_rate: 0.01}}, schedule: one_cycle}", 0.96),
    "sgd cosine": (
        "{epochs: 5, clip: 5, optimizer: {sgd: {learning_rate: 0.05, momentum: 0.9}}, schedule: {cosine: {warm_up: {steps: 9}}}}",
        0.93,
    ),
    "label smoothing": (
        "{epochs: 5, cost: {cross_entropy: {label_smoothing: 0.1}}, optimizer: {adam: {learning_rate: 0.004}}}",
        0.95,
    ),
    "huber": ("{epochs: 5, cost: huber, optimizer: {adam: {learning_rate: 0.004}}}", 0.92),
    "squared": ("{epochs: 5, cost: squared, optimizer: {adam: {learning_rate: 0.004}}}", 0.9),
}


@pytest.mark.parametrize(("training", "goal"), WAYS.values(), ids=WAYS)
def test_the_digits_are_learned(training: str, goal: float) -> None:
    settings = [f"training={training}", "network.dropout_1.rate=0"]
    experiment = Experiment.prepare(load("digits", settings), threads=1)
    weights = experiment.train([], stop=lambda: False)
    accuracy = experiment.evaluate(weights).metrics["accuracy/test"]
    assert accuracy >= goal


def test_lbfgs_repeats_itself_to_the_bit_with_dropout_and_learns() -> None:
    def cost_after(epochs: int) -> list[float]:
        settings = [f"training={{epochs: {epochs}, optimizer: lbfgs}}"]
        experiment = Experiment.prepare(load("digits", settings), threads=1)
        experiment.train([], stop=lambda: False)
        assert experiment.trainer is not None
        return [epoch.cost_training for epoch in experiment.trainer.progress.history]

    first = cost_after(20)
    assert cost_after(20) == first
    assert first[-1] < 0.8 * first[0]
