"""The training loop: what follows from the seed, what is kept, and when it stops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convspec.errors import UserError
from convspec.loading import Loaded, load_text
from runners.data import Examples
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from runners.experiment import Experiment
from runners.files import digest, weights_bytes
from runners.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from runners.training.loop import Stopped, Trainer

TEXT = """
experiment: loop
data: {source: xs_and_os, examples: 300, noise: 0.8, split: {validation: 0.2, test: 0.2}}
network:
  - convolution: {features: 3, size: 3}
  - relu
  - dropout: {rate: 0.3}
  - fully_connected: {neurons: 2}
training: {epochs: 6, batch: 16, optimizer: {adam: {learning_rate: 0.01}}}
seed: 3
"""


def loaded(*settings: str) -> Loaded:
    return load_text(TEXT, "loop.yaml", folder=Path(), settings=settings)


def trained(*settings: str, threads: int = 1, checkpoint: Checkpoint | None = None) -> tuple[Experiment, str]:
    experiment = Experiment.prepare(loaded(*settings), threads=threads)
    weights = experiment.train([], stop=lambda: False, checkpoint=checkpoint)
    return experiment, digest(weights_bytes(weights))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    _, first = trained()
    assert trained(threads=2)[1] == first
    assert trained("seed=4")[1] != first


@pytest.mark.parametrize(
    "optimizer",
    ["adam", "{sgd: {momentum: 0.9, nesterov: true}}", "{rmsprop: {momentum: 0.9}}", "{adamw: {learning_rate: 0.01}}"],
)
@pytest.mark.parametrize("batches", [1, 7, 12, 13, 40])
def test_a_training_stopped_at_any_batch_goes_on_to_the_same_weights(
    tmp_path: Path, batches: int, optimizer: str
) -> None:
    setting = f"training.optimizer={optimizer}"
    _, expected = trained(setting)
    experiment = Experiment.prepare(loaded(setting), threads=1)
    asked = iter(range(batches + 1))
    with pytest.raises(Stopped):
        experiment.train([], stop=lambda: next(asked) == batches)
    assert experiment.trainer is not None
    write_checkpoint(tmp_path / "checkpoint", experiment.trainer.checkpoint())
    resumed, found = trained(setting, checkpoint=read_checkpoint(tmp_path / "checkpoint"))
    assert found == expected
    assert resumed.trainer is not None
    assert [epoch.number for epoch in resumed.trainer.progress.history] == [1, 2, 3, 4, 5, 6]


def test_the_weights_with_the_lowest_validation_cost_are_kept() -> None:
    experiment, _ = trained("training.optimizer.adam.learning_rate=0.2", "training.epochs=12")
    trainer = experiment.trainer
    assert trainer is not None
    costs = [epoch.cost_validation for epoch in trainer.progress.history]
    assert trainer.progress.best_epoch == 1 + int(np.argmin(costs))
    assert trainer.progress.best_epoch < 12
    kept = Experiment.prepare(loaded(), threads=1)
    weights = trainer.best_weights()
    again = Trainer(Network(trainer.plan, weights), trainer.training, kept.dataset, plan=trainer.plan, seed=3)
    assert again.evaluate(kept.dataset.validation)["cost"] == pytest.approx(min(costs))


@pytest.mark.parametrize("schedule", ["one_cycle", "{cosine: {warm_up: {steps: 5}}}", "{step: {every: 2}}"])
def test_a_schedule_goes_on_where_it_was(tmp_path: Path, schedule: str) -> None:
    settings = (
        f"training.schedule={schedule}",
        "training.clip=0.5",
        "training.cost={cross_entropy: {class_weights: [1, 3]}}",
    )
    straight, expected = trained(*settings)
    experiment, asked = Experiment.prepare(loaded(*settings), threads=1), iter(range(100))
    with pytest.raises(Stopped):
        experiment.train([], stop=lambda: next(asked) == 29)
    assert experiment.trainer is not None
    assert straight.trainer is not None
    write_checkpoint(tmp_path / "checkpoint", experiment.trainer.checkpoint())
    resumed, found = trained(*settings, checkpoint=read_checkpoint(tmp_path / "checkpoint"))
    assert found == expected
    assert resumed.trainer is not None
    rates = [[epoch.learning_rate for epoch in each.trainer.progress.history] for each in (straight, resumed)]
    assert rates[0] == rates[1]


def test_each_epoch_tells_the_learning_rate_of_its_last_step() -> None:
    experiment, _ = trained("training.schedule={step: {every: 2, factor: 0.5}}")
    assert experiment.trainer is not None
    rates = [epoch.metrics()["schedule/learning_rate"] for epoch in experiment.trainer.progress.history]
    assert rates == [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025]


def test_a_clipped_step_is_no_longer_than_asked() -> None:
    settings = (
        "training.epochs=1",
        "training.batch=1000",
        "training.optimizer={sgd: {learning_rate: 1}}",
        "training.clip=0.01",
    )
    experiment, _ = trained(*settings, "data.split.validation=0")
    trainer = experiment.trainer
    assert trainer is not None
    before, after = initial_weights(trainer.plan, 3), trainer.network.weights
    moved = np.concatenate([(after[name] - before[name]).ravel() for name in before])
    assert np.linalg.norm(moved) == pytest.approx(0.01, rel=1e-4)


def test_the_cost_of_an_epoch_is_the_mean_by_the_weights_of_the_classes() -> None:
    cost = "training.cost={cross_entropy: {class_weights: [1, 3]}}"
    still = ("training.optimizer={sgd: {learning_rate: 1e-30}}", "training.epochs=1", "network.dropout_1.rate=0")
    experiment, _ = trained(cost, *still)
    assert experiment.trainer is not None
    expected = experiment.trainer.evaluate(experiment.dataset.train)["cost"]
    assert experiment.trainer.progress.history[0].cost_training == pytest.approx(expected, rel=1e-5)


def test_without_validation_the_last_weights_are_kept() -> None:
    experiment, found = trained("data.split.validation=0")
    trainer = experiment.trainer
    assert trainer is not None
    assert trainer.progress.best_epoch == 0
    assert digest(weights_bytes(trainer.network.weights)) == found
    assert trainer.progress.history[0].cost_validation is None


def test_every_training_example_is_seen_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment.prepare(loaded("training.epochs=2", "data.split.validation=0"), threads=1)
    seen: list[int] = []
    take = Examples.pictures_at

    def watched(self: Examples, indices: np.ndarray) -> np.ndarray:
        seen.extend(indices.tolist())
        return take(self, indices)

    monkeypatch.setattr(Examples, "pictures_at", watched)
    experiment.train([], stop=lambda: False)
    count = len(experiment.dataset.train)
    assert sorted(seen[:count]) == sorted(seen[count:]) == list(range(count))
    assert seen[:count] != seen[count:]


def test_a_frozen_layer_keeps_its_weights() -> None:
    experiment, _ = trained("network.convolution_1.trainable=false")
    trainer = experiment.trainer
    assert trainer is not None
    before = initial_weights(trainer.plan, 3)
    after = trainer.network.weights
    np.testing.assert_array_equal(after["convolution_1.weight"], before["convolution_1.weight"])
    assert not np.array_equal(after["fully_connected_1.weight"], before["fully_connected_1.weight"])


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "], ids=["empty", "text", "header"]
)
def test_a_broken_checkpoint_is_one_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint").write_bytes(content)
    with pytest.raises(UserError, match="is not a checkpoint"):
        read_checkpoint(tmp_path / "checkpoint")


def test_a_missing_checkpoint_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no checkpoint"):
        read_checkpoint(tmp_path / "none")
