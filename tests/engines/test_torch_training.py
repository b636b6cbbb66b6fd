"""Training with PyTorch: step by step as with numpy, the same to the bit each time and when it is gone on with."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convspec.errors import UserError
from convspec.loading import Loaded, load, load_text
from runners.engines.engine import Learner
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network as NumpyNetwork
from runners.experiment import Experiment
from runners.files import digest, weights_bytes
from runners.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from runners.training.loop import Stopped

if find_spec("torch"):
    from runners.engines.torch import learner as torch_learner

pytestmark = pytest.mark.torch
TEXT = """
experiment: loop
data: {source: xs_and_os, examples: 300, noise: 0.8, split: {validation: 0.2, test: 0.2}}
network:
  - convolution: {features: 3, size: 3}
  - relu
  - dropout: {rate: 0.3}
  - fully_connected: {neurons: 2}
training: {epochs: 4, batch: 16, optimizer: {adam: {learning_rate: 0.01}}}
engine: torch
seed: 3
"""
OPTIMIZERS = {
    "sgd": "{sgd: {learning_rate: 0.02}}",
    "momentum": "{sgd: {learning_rate: 0.01, momentum: 0.9}}",
    "nesterov": "{sgd: {learning_rate: 0.01, momentum: 0.9, nesterov: true, weight_decay: 0.01}}",
    "rmsprop": "{rmsprop: {learning_rate: 0.0001, momentum: 0.5, weight_decay: 0.01}}",
    "adam": "{adam: {learning_rate: 0.001, weight_decay: 0.01}}",
    "adamw": "{adamw: {learning_rate: 0.001}}",
}
with_optimizers = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


def loaded(*settings: str) -> Loaded:
    return load_text(TEXT, "loop.yaml", folder=Path(), settings=settings)


def trained(*settings: str, checkpoint: Checkpoint | None = None) -> tuple[Experiment, str]:
    experiment = Experiment.prepare(loaded(*settings), threads=1, device="cpu")
    weights = experiment.train([], stop=lambda: False, checkpoint=checkpoint)
    return experiment, digest(weights_bytes(weights))


def after(steps: int, pipeline: Loaded) -> dict[str, Any]:
    """The weights after some steps of training."""
    experiment, asked = Experiment.prepare(pipeline, threads=1, device="auto"), iter(range(steps + 1))
    with pytest.raises(Stopped):
        experiment.train([], stop=lambda: next(asked) == steps)
    assert experiment.trainer is not None
    return experiment.trainer.network.weights


def apart(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """The distance of all weights, relative to their length."""
    distance = sum(np.square(ours[name] - weight).sum() for name, weight in theirs.items())
    return float(np.sqrt(distance / sum(np.square(weight).sum() for weight in theirs.values())))


@with_optimizers
@pytest.mark.parametrize("name", ["digits", "xs_and_os"])
def test_both_engines_agree_after_fifty_steps(name: str, optimizer: str) -> None:
    settings = [f"training.optimizer={optimizer}", "training.clip=5"]
    ours = after(50, load(name, [*settings, "engine=torch"]))
    theirs = after(50, load(name, [*settings, "engine=numpy"]))
    start = initial_weights(load(name).plan, load(name).pipeline.seed)
    assert apart(ours, theirs) < 1e-4
    assert apart(start, theirs) > 1e-2


@pytest.mark.parametrize(
    "cost",
    ["{cross_entropy: {class_weights: [1, 3], label_smoothing: 0.1}}", "squared", "huber"],
    ids=["weighted", "squared", "huber"],
)
def test_both_engines_agree_for_any_cost_and_schedule(cost: str) -> None:
    settings = [f"training.cost={cost}", "training.schedule={cosine: {warm_up: {steps: 5}}}"]
    ours, theirs = after(40, loaded(*settings)), after(40, loaded(*settings, "engine=numpy"))
    assert apart(ours, theirs) < 1e-4


def test_lbfgs_works_on_the_values_of_either_engine() -> None:
    settings = ("training={epochs: 3, optimizer: lbfgs}", "network.dropout_1.rate=0")
    costs = []
    for engine in ("torch", "numpy"):
        trainer = trained(*settings, f"engine={engine}")[0].trainer
        assert trainer is not None
        costs.append([epoch.cost_training for epoch in trainer.progress.history])
    assert costs[0] == pytest.approx(costs[1], rel=1e-3)


def test_the_same_seed_gives_the_same_weights_to_the_bit() -> None:
    assert trained()[1] == trained()[1]
    assert trained("seed=4")[1] != trained()[1]


@with_optimizers
@pytest.mark.parametrize("batches", [1, 12, 30])
def test_a_training_stopped_at_any_batch_goes_on_to_the_same_weights(
    tmp_path: Path, batches: int, optimizer: str
) -> None:
    setting = f"training.optimizer={optimizer}"
    _, expected = trained(setting)
    experiment, asked = Experiment.prepare(loaded(setting), threads=1, device="cpu"), iter(range(batches + 1))
    with pytest.raises(Stopped):
        experiment.train([], stop=lambda: next(asked) == batches)
    assert experiment.trainer is not None
    write_checkpoint(tmp_path / "checkpoint", experiment.trainer.checkpoint())
    _, found = trained(setting, checkpoint=read_checkpoint(tmp_path / "checkpoint"))
    assert found == expected


def test_pictures_that_do_not_fit_into_memory_are_fetched_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    _, expected = trained()
    monkeypatch.setattr(torch_learner, "RESIDENT_BYTES", 0)
    experiment, found = trained()
    assert experiment.trainer is not None
    learner: Any = experiment.trainer.learner
    assert learner.pictures is None
    assert found == expected


def test_a_step_with_a_cost_that_is_not_finite_changes_nothing() -> None:
    experiment = Experiment.prepare(loaded(), threads=1, device="cpu")
    pipeline, plan = experiment.loaded.pipeline, experiment.loaded.plan
    assert pipeline.training is not None
    weights = initial_weights(plan, 3)
    weights["fully_connected_1.bias"][:] = np.nan
    trainer = experiment.computation.trainer(weights, pipeline.training, experiment.dataset, seed=3)
    learner = trainer.learner
    before, state = trainer.network.weights, learner.state()
    assert isinstance(learner, torch_learner.Learner)
    one: Learner = learner
    assert np.isnan(one.step(np.arange(8), draw=lambda layer, chunk: np.random.default_rng(0)).cost)
    assert learner.state().keys() == state.keys()
    assert all(np.array_equal(w, before[name], equal_nan=True) for name, w in trainer.network.weights.items())


def test_a_cost_that_is_not_finite_is_reported_with_its_place() -> None:
    with pytest.raises(UserError, match=r"^The cost stopped being finite in epoch 1, batch 2, layer "):
        trained("training.optimizer={sgd: {learning_rate: 1e30}}")


def test_what_pytorch_has_trained_votes_without_it() -> None:
    experiment = Experiment.prepare(loaded(), threads=1, device="cpu")
    weights = experiment.train([], stop=lambda: False)
    pictures = experiment.dataset.test.pictures_at(slice(None))
    plain = NumpyNetwork(experiment.loaded.plan, weights).votes(pictures)
    np.testing.assert_allclose(experiment.computation.network(weights).votes(pictures), plain, rtol=1e-4, atol=1e-5)
    assert experiment.evaluate(weights).metrics["accuracy/test"] > 0.9
