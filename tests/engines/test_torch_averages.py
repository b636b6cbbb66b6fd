"""Running averages with PyTorch: what a step makes of them, and a training that is stopped and gone on with to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.costs import CrossEntropy
from convspec.layers import BatchNormalization, Convolution, FullyConnected, GlobalPooling, Layer, Relu, Residual
from convspec.loading import load_text
from convspec.optimizers import Sgd
from convspec.training import Training
from runners.engines.engine import Rows
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network as NumpyNetwork
from runners.experiment import Experiment
from runners.randomness import stream
from runners.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from runners.training.costs import batch_function, cost_function
from runners.training.learner import VectorLearner
from runners.training.loop import Stopped

if find_spec("torch"):
    from runners.engines.torch.learner import Learner
    from runners.engines.torch.network import Network

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed"),
]
Array = NDArray[Any]
cross_entropy = cost_function(CrossEntropy())


def conv(features: int, **fields: Any) -> Convolution:
    return Convolution(features=features, size=3, padding="same", bias=False, **fields)


def block(features: int, stride: int) -> Residual:
    first, second = conv(features, stride=stride), conv(features)
    return Residual(layers=(first, BatchNormalization(), Relu(), second, BatchNormalization()))


RESIDUAL: list[Layer] = [
    conv(4), BatchNormalization(), Relu(), block(4, 1), Relu(), block(6, 2), Relu(), GlobalPooling(),
    FullyConnected(neurons=3),
]  # fmt: skip
SGD = Training(epochs=1, optimizer=Sgd(learning_rate=0.05, momentum=0.9))


class Noise:
    """Pictures of nothing, each of some class."""

    def __init__(self, n: int = 64) -> None:
        generator = np.random.default_rng(0)
        self.pictures = generator.standard_normal((n, 1, 8, 8)).astype(np.float32)
        self.truth = generator.integers(3, size=n)

    def __len__(self) -> int:
        return len(self.truth)

    def pictures_at(self, indices: Rows | slice) -> NDArray[np.float32]:
        return self.pictures[indices]


def draw(layer: str, chunk: int) -> np.random.Generator:
    return stream(5, "dropout", layer, 1, 1, chunk)


def running(weights: dict[str, Array]) -> dict[str, Array]:
    return {name: value for name, value in weights.items() if name.endswith((".mean", ".variance"))}


def test_twenty_steps_of_a_residual_network_are_those_of_the_numpy_engine(planned: Any) -> None:
    plan, examples = planned(RESIDUAL), Noise()
    start = initial_weights(plan, 7)
    cost_of = partial(batch_function, CrossEntropy())
    ours, theirs = Network(plan, start, device="cpu"), NumpyNetwork(plan, start)
    learners = Learner(ours, SGD, examples, cost_of), VectorLearner(theirs, SGD, examples, cost_of)
    for step in range(20):
        chosen = stream(1, "order", step).permutation(len(examples))[:16]
        costs = [learner.step(chosen, draw=draw).cost for learner in learners]
        assert costs[0] == pytest.approx(costs[1], rel=1e-3)
    found, expected = ours.weights, theirs.weights
    assert list(found) == list(expected) == list(start)
    for name, value in expected.items():
        assert np.abs(found[name] - value).max() <= 1e-4 * max(1, np.abs(value).max()), name
        assert np.abs(start[name] - value).max() > 1e-3, name
    votes = [net.votes(examples.pictures) for net in (ours, theirs)]
    np.testing.assert_allclose(*votes, rtol=1e-3, atol=1e-3)


def test_running_averages_follow_a_step_that_is_taken_alone(planned: Any) -> None:
    plan, examples = planned(RESIDUAL), Noise()
    weights = initial_weights(plan, 7)
    weights["fully_connected_1.bias"][:] = np.nan
    net = Network(plan, weights, device="cpu")
    before = net.weights
    learner = Learner(net, SGD, examples, partial(batch_function, CrossEntropy()))
    assert np.isnan(learner.step(np.arange(8), draw=draw).cost)
    assert all(np.array_equal(w, before[name], equal_nan=True) for name, w in net.weights.items())
    weights["fully_connected_1.bias"][:] = 0
    net = Network(plan, weights, device="cpu")
    told = net.gradient(examples.pictures[:8], examples.truth[:8], cross_entropy)
    learner = Learner(net, SGD, examples, partial(batch_function, CrossEntropy()))
    learner.step(np.arange(8), draw=draw)
    assert net.running.tobytes() == told.running.tobytes()
    assert all(not np.array_equal(value, before[name]) for name, value in running(net.weights).items())


def test_votes_change_no_running_average(planned: Any) -> None:
    net = Network(planned(RESIDUAL), initial_weights(planned(RESIDUAL), 7), device="cpu")
    examples = Noise()
    before = net.running.copy()
    net.gradient(examples.pictures, examples.truth, cross_entropy)
    net.votes(examples.pictures)
    net.trace(examples.pictures)
    assert np.array_equal(net.running, before)


@pytest.mark.parametrize("flat", [True, False], ids=["values", "pictures"])
def test_a_batch_with_one_value_of_each_channel_is_that_of_the_numpy_engine(planned: Any, flat: bool) -> None:
    first = FullyConnected(neurons=4) if flat else Convolution(features=4, size=8)
    plan = planned([first, BatchNormalization(momentum=0.3), FullyConnected(neurons=3)])
    weights = initial_weights(plan, 7, np.float64)
    weights["batch_normalization_1.shift"][:] = [1, 2, 3, 4]
    examples, told = Noise(1), []
    for net in (
        Network(plan, weights, dtype=np.float64, device="cpu"),
        NumpyNetwork(plan, weights, dtype=np.float64),
    ):
        step = net.gradient(examples.pictures.astype(np.float64), examples.truth, cross_entropy)
        net.values[:], net.running[:] = step.gradient, step.running
        told.append({"votes": step.votes, **net.weights})
    for name, value in told[1].items():
        np.testing.assert_allclose(told[0][name], value, rtol=1e-9, atol=1e-12, err_msg=name)


TEXT = """
experiment: averages
data: {source: xs_and_os, examples: 300, noise: 0.8, split: {validation: 0.2, test: 0.2}}
network:
  - convolution: {features: 3, size: 3, padding: same, bias: false}
  - batch_normalization
  - residual: {layers: [{convolution: {features: 4, size: 3, padding: same}}, batch_normalization]}
  - relu
  - dropout: {rate: 0.2}
  - fully_connected: {neurons: 2}
training: {epochs: 3, batch: 16, optimizer: {sgd: {learning_rate: 0.02, momentum: 0.9}}}
engine: torch
seed: 3
"""


def prepared(*settings: str) -> Experiment:
    return Experiment.prepare(load_text(TEXT, "loop.yaml", folder=Path(), settings=settings), threads=1, device="cpu")


def trained(*settings: str, checkpoint: Checkpoint | None = None) -> dict[str, Array]:
    return prepared(*settings).train([], stop=lambda: False, checkpoint=checkpoint)


def stopped(batches: int) -> Checkpoint:
    """The state of a training after so many batches."""
    experiment, asked = prepared(), count()
    with pytest.raises(Stopped):
        experiment.train([], stop=lambda: next(asked) == batches)
    assert experiment.trainer is not None
    return experiment.trainer.checkpoint()


def names_and_bits(weights: dict[str, Array]) -> Iterator[tuple[str, bytes]]:
    return ((name, value.tobytes()) for name, value in sorted(weights.items()))


@pytest.mark.parametrize("batches", [1, 12, 30])
def test_a_training_stopped_at_any_batch_goes_on_to_the_same_averages(tmp_path: Path, batches: int) -> None:
    write_checkpoint(tmp_path / "checkpoint", stopped(batches))
    kept = read_checkpoint(tmp_path / "checkpoint")
    assert len(running(kept.groups["weights"])) == 4
    found, expected = trained(checkpoint=kept), trained()
    assert list(names_and_bits(found)) == list(names_and_bits(expected))


def test_both_engines_train_the_same_averages() -> None:
    ours, theirs = trained(), trained("engine=numpy")
    assert ours.keys() == theirs.keys()
    for name, value in running(theirs).items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_network_trained_with_pytorch_is_evaluated_by_its_averages() -> None:
    experiment = prepared()
    weights = experiment.train([], stop=lambda: False)
    pictures = experiment.dataset.test.pictures_at(slice(None))
    plain = NumpyNetwork(experiment.loaded.plan, weights).votes(pictures)
    np.testing.assert_allclose(experiment.computation.network(weights).votes(pictures), plain, rtol=1e-4, atol=1e-4)
