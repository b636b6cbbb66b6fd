"""Steps in bfloat16 and compiled steps: close to plain ones, and what stays as it is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convspec.costs import CrossEntropy
from convspec.errors import UserError
from convspec.loading import load, load_text
from runners.engines.initial import initial_weights
from runners.experiment import Experiment
from runners.randomness import StepDraw
from runners.training.costs import cost_function
from runners.training.loop import Stopped
from tests.pipelines.test_architectures import REDUCED
from tests.pipelines.test_architectures_with_torch import reduced

if find_spec("torch"):
    import torch

    from runners.engines.torch.network import Network
    from runners.engines.torch.steps import Steps, check_compiler

pytestmark = pytest.mark.torch
BFLOAT16 = 2.0**-8
"""The relative rounding of a bfloat16."""
TEXT = """
experiment: steps
data: {source: xs_and_os, examples: 300, noise: 0.8, split: {validation: 0.2, test: 0.2}}
network:
  - convolution: {features: 3, size: 3}
  - batch_normalization
  - relu
  - pooling: {window: 2, stride: 2}
  - dropout: {rate: 0.3}
  - fully_connected: {neurons: 2}
training: {epochs: 4, batch: 16, optimizer: {sgd: {learning_rate: 0.05, momentum: 0.9}}}
engine: torch
seed: 3
"""


def gradient(name: str, precision: str) -> tuple[Any, Any]:
    """Of one batch of noise: the gradient, and the votes."""
    plan = reduced(name, REDUCED[name])
    network = Network(plan, initial_weights(plan, 7), device="cpu", steps=Steps(precision))
    pictures = np.random.default_rng(0).standard_normal((8, *REDUCED[name]), dtype=np.float32)
    step = network.gradient(pictures, np.arange(8) % 4, cost_function(CrossEntropy()), draw=StepDraw(7, 1, 0))
    assert step.votes.dtype == step.gradient.dtype == network.values.dtype == np.float32
    return step.gradient, step.votes


@pytest.mark.parametrize("name", ["lenet_5", "alexnet", "vgg_11", "dqn"])
def test_a_gradient_in_bfloat16_is_as_close_as_its_numbers_allow(name: str) -> None:
    (ours, votes), (theirs, exact) = gradient(name, "bfloat16"), gradient(name, "float32")
    off = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    assert BFLOAT16 / 100 < off < 0.1  # some roundings for each of up to 20 layers, on the way there and back
    assert np.linalg.norm(votes - exact) < 4 * BFLOAT16 * np.linalg.norm(exact)


def after(steps: int, *settings: str, compiled: bool = False) -> Experiment:
    pipeline, asked = load_text(TEXT, "steps.yaml", folder=Path(), settings=settings), iter(range(steps + 1))
    experiment = Experiment.prepare(pipeline, threads=1, device="cpu", compiled=compiled)
    with pytest.raises(Stopped):
        experiment.train([], stop=lambda: next(asked) == steps)
    return experiment


def test_training_in_bfloat16_keeps_parameters_and_optimizer_in_float32() -> None:
    trainer = after(20, "precision=bfloat16", "training.optimizer=adam").trainer
    assert trainer is not None
    assert {weight.dtype for weight in trainer.network.weights.values()} == {np.dtype(np.float32)}
    assert {array.dtype for array in trainer.learner.state().values()} == {np.dtype(np.float32)}


def test_training_in_bfloat16_learns() -> None:
    loaded = load("digits", ("precision=bfloat16", "training.epochs=4"))
    experiment = Experiment.prepare(loaded, threads=1, device="cpu")
    evaluation = experiment.evaluate(experiment.train([], stop=lambda: False))
    assert experiment.engine.reason == "only PyTorch computes in bfloat16"
    assert evaluation.metrics["accuracy/test"] > 0.95


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # PyTorch's own, on importing its compiler
def test_compiled_steps_agree_with_plain_ones() -> None:
    """With a short last batch, a mask, and running averages."""
    ours, theirs = after(25, compiled=True).trainer, after(25).trainer
    assert ours is not None
    assert theirs is not None
    for name, weight in theirs.network.weights.items():
        np.testing.assert_allclose(ours.network.weights[name], weight, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_compiled_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(function: Any) -> Any:
        def run(*_: Any) -> Any:
            raise torch._dynamo.exc.TorchDynamoException("no header\nand a long trace")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(UserError) as refused:
        after(1, compiled=True)
    assert str(refused.value) == "PyTorch could not compile the network: no header Leave out --compile."


def test_a_missing_compiler_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError) as refused:
        check_compiler(torch.device("cpu"))
    assert str(refused.value) == (
        "--compile needs a C++ compiler, and there is no no-such-compiler here. "
        "Install g++, name another compiler in CXX, or leave out --compile."
    )
