"""Networks that tell numbers: costs and gradients beside PyTorch and finite differences, figures beside scikit-learn, and
trainings that go on to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from convspec.costs import Absolute, Cost, Exponential, Huber, Squared, SquareRoot
from convspec.data import Description
from convspec.errors import UserError
from convspec.loading import Loaded, load_text
from runners.engines.engine import CostFunction
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from runners.experiment import Experiment
from runners.files import digest, weights_bytes
from runners.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from runners.training.costs import batch_function, cost_function, mean_cost
from runners.training.findings import Distances
from runners.training.judge import ClassJudge, NumberJudge, judge_of
from runners.training.loop import Stopped

COSTS: dict[str, Cost] = {
    "squared": Squared(),
    "absolute": Absolute(),
    "square_root": SquareRoot(),
    "exponential": Exponential(),
    "huber": Huber(delta=0.7),
}
TEXT = """
experiment: numbers
data:
  source: xs_and_os
  tell: [row, rotation]
  examples: 300
  tricks: {translation: 1, rotation: 15}
  split: {validation: 0.2, test: 0.2}
network:
  - convolution: {features: 3, size: 3}
  - relu
  - dropout: {rate: 0.2}
  - fully_connected: {neurons: 2}
training: {epochs: 4, batch: 16, cost: squared, optimizer: {adam: {learning_rate: 0.01}}}
seed: 3
"""


def loaded(*settings: str) -> Loaded:
    return load_text(TEXT, "numbers.yaml", folder=Path(), settings=settings)


def trained(*settings: str, threads: int = 1, checkpoint: Checkpoint | None = None) -> tuple[Experiment, str]:
    experiment = Experiment.prepare(loaded(*settings), threads=threads, device="cpu")
    weights = experiment.train([], stop=lambda: False, checkpoint=checkpoint)
    return experiment, digest(weights_bytes(weights))


def stopped(steps: int, *settings: str) -> Experiment:
    experiment, asked = Experiment.prepare(loaded(*settings), threads=1, device="cpu"), iter(range(steps + 1))
    with pytest.raises(Stopped):
        experiment.train([], stop=lambda: next(asked) == steps)
    return experiment


class TestCosts:
    """d is the vote less the number."""

    @pytest.mark.parametrize(
        ("cost", "costs", "gradient"),
        [
            (Squared(), [9 + 0.25 + 4], [[6, -1, -4]]),
            (Absolute(), [3 + 0.5 + 2], [[1, -1, -1]]),
            (SquareRoot(), [sqrt(3) + sqrt(0.5) + sqrt(2)], [[0.5 / sqrt(3), -0.5 / sqrt(0.5), -0.5 / sqrt(2)]]),
            (Exponential(), [100 + 10**-0.5 + 10], [[100 * log(10), -(10**-0.5) * log(10), -10 * log(10)]]),
            (Huber(delta=2.5), [2.5 * 1.75 + 0.125 + 2], [[2.5, -0.5, -2]]),
        ],
        ids=COSTS,
    )
    def test_by_hand(self, cost: Cost, costs: Any, gradient: Any) -> None:
        # off by 3, -0.5 and -2
        votes, truth = np.array([[13.0, 0.0, -5.0]]), np.array([[10.0, 0.5, -3.0]])
        before = votes.copy()
        found = cost_function(cost)(votes, truth)
        np.testing.assert_allclose(found[0], costs, rtol=1e-14)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-14)
        assert np.array_equal(votes, before)

    @pytest.mark.torch
    @pytest.mark.parametrize("width", [1, 3])
    @pytest.mark.parametrize("kind", COSTS)
    def test_beside_pytorch(self, kind: str, width: int) -> None:
        torch = pytest.importorskip("torch")
        by_torch: dict[str, Callable[[Any], Any]] = {
            "squared": lambda d: d**2,
            "absolute": torch.abs,
            "square_root": lambda d: torch.sqrt(torch.abs(d)),
            "exponential": lambda d: 10 ** (torch.abs(d) - 1),
            "huber": lambda d: torch.nn.functional.huber_loss(d, torch.zeros_like(d), delta=0.7, reduction="none"),
        }
        generator = np.random.default_rng(0)
        votes = generator.standard_normal((9, width))
        off = generator.uniform(0.02, 3, (9, width))  # square_root has a slope of its own nearer to the truth
        truth = votes + np.where(generator.random((9, width)) < 0.5, off, -off)
        theirs = torch.tensor(votes, requires_grad=True)
        expected = by_torch[kind](theirs - torch.tensor(truth)).sum(dim=1).mean()
        expected.backward()
        each, gradient = batch_function(COSTS[kind], truth)(votes, truth)
        assert each.mean() == pytest.approx(expected.item(), rel=1e-12)
        assert mean_cost(COSTS[kind], votes, truth) == pytest.approx(expected.item(), rel=1e-12)
        np.testing.assert_allclose(gradient / 9, theirs.grad.numpy(), rtol=1e-10, atol=1e-14)

    @pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
    def test_costs_of_32_bit_votes_are_32_bit(self, cost: Cost) -> None:
        numbers = np.float32([[0.5], [2.0]])
        each, gradient = cost_function(cost)(numbers, numbers[::-1].copy())
        assert each.dtype == gradient.dtype == np.float32

    def test_a_mean_cost_beyond_the_type_is_infinite_without_a_warning(self) -> None:
        assert mean_cost(Squared(), np.float32([[1e30]]), np.float32([[0]])) == np.inf


@pytest.mark.parametrize("engine", ["numpy", pytest.param("torch", marks=pytest.mark.torch)])
@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
def test_the_gradient_of_a_network_is_that_of_finite_differences(engine: str, cost: Cost) -> None:
    plan, generator = loaded("network.dropout_1.rate=0", "network.relu_1=tanh").plan, np.random.default_rng(0)
    network = network_of(engine)(plan, initial_weights(plan, 5, np.float64), dtype=np.float64)
    pictures, truth = generator.standard_normal((6, 1, 9, 9)), generator.standard_normal((6, 2))
    function = cost_function(cost)
    gradient = network.gradient(pictures, truth, function).gradient.copy()
    values = network.values
    for place in generator.choice(values.size, 25, replace=False):
        here = values[place]
        ends = []
        for step in (1e-5, -1e-5):
            values[place] = here + step
            ends.append(mean_cost(cost, network.votes(pictures), truth))
        values[place] = here
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-8)


def network_of(engine: str) -> Any:
    if engine == "numpy":
        return Network
    from runners.engines.torch.network import Network as TorchNetwork

    return lambda plan, weights, dtype: TorchNetwork(plan, weights, dtype=dtype, device="cpu")


@pytest.mark.torch
@pytest.mark.parametrize("cost", COSTS)
def test_both_engines_agree_after_fifty_steps(cost: str) -> None:
    within = 1e-3 if cost == "square_root" else 1e-4  # its slope turns about within 0.02 of the truth
    settings = (f"training.cost={cost}", "training.epochs=9", "training.optimizer.adam.learning_rate=0.001")
    trainers = [stopped(50, *settings, f"engine={engine}").trainer for engine in ("numpy", "torch")]
    ours, theirs = (trainer.network.weights for trainer in trainers if trainer is not None)
    start = initial_weights(loaded().plan, 3)
    length = sqrt(sum(float(np.square(weight).sum()) for weight in ours.values()))
    assert sqrt(sum(float(np.square(theirs[name] - ours[name]).sum()) for name in ours)) < within * length
    assert sqrt(sum(float(np.square(start[name] - ours[name]).sum()) for name in ours)) > 1e-2 * length


class TestFigures:
    """Beside scikit-learn."""

    GENERATOR = np.random.default_rng(1)
    TRUTH = GENERATOR.uniform(-3, 30, (50, 3)).astype(np.float32)
    VOTES = (TRUTH + GENERATOR.standard_normal((50, 3)) * [0.1, 3, 30]).astype(np.float32)

    def test_error_and_r2(self) -> None:
        figures = NumberJudge(("a", "b", "c")).figures(self.VOTES, self.TRUTH, Squared())
        assert list(figures) == ["cost", "error", "r2"]
        assert figures["error"] == pytest.approx(mean_absolute_error(self.TRUTH, self.VOTES), rel=1e-6)
        assert figures["r2"] == pytest.approx(r2_score(self.TRUTH, self.VOTES), rel=1e-6)
        squares = np.square(self.VOTES.astype(np.float64) - self.TRUTH)
        assert figures["cost"] == pytest.approx(squares.sum(axis=1).mean(), rel=1e-6)

    def test_figures_of_each_number(self) -> None:
        found = Distances.of(self.VOTES, self.TRUTH, ("a", "b", "c"))
        assert [one.name for one in found.targets] == ["a", "b", "c"]
        errors = mean_absolute_error(self.TRUTH, self.VOTES, multioutput="raw_values")
        shares = r2_score(self.TRUTH, self.VOTES, multioutput="raw_values")
        assert [one.error for one in found.targets] == pytest.approx(errors.tolist(), rel=1e-6)
        assert [one.r2 for one in found.targets] == pytest.approx(shares.tolist(), rel=1e-6)

    @pytest.mark.parametrize("off", [0.0, 1.0], ids=["right", "wrong"])
    def test_r2_of_a_truth_that_never_varies(self, off: float) -> None:
        truth = np.full((7, 2), 0.5, np.float32)
        votes = truth + np.float32(off)
        figures = NumberJudge(("a", "b")).figures(votes, truth)
        assert figures["r2"] == r2_score(truth, votes) == (0.0 if off else 1.0)

    def test_r2_of_a_truth_whose_mean_is_rounded(self) -> None:
        truth = np.full((7, 1), 0.1, np.float32)
        assert NumberJudge(("a",)).figures(truth + np.float32(1), truth)["r2"] == 0

    def test_one_that_never_varies_does_not_hide_the_others(self) -> None:
        truth = self.TRUTH.copy()
        truth[:, 1] = 5
        assert NumberJudge("abc").figures(self.VOTES, truth)["r2"] == pytest.approx(
            r2_score(truth, self.VOTES), rel=1e-6
        )

    def test_batches_add_up_to_the_whole(self) -> None:
        judge = NumberJudge(("a", "b", "c"))
        parts = sum(judge.tally(self.VOTES[part], self.TRUTH[part]) for part in (slice(0, 17), slice(17, 50)))
        assert parts / 50 == pytest.approx(mean_absolute_error(self.TRUTH, self.VOTES), rel=1e-6)

    def test_the_data_choose_the_judge(self) -> None:
        assert isinstance(judge_of(Description((1, 8, 8), targets=("a",))), NumberJudge)
        assert isinstance(judge_of(Description((1, 8, 8), ("a", "b"))), ClassJudge)


class TestTraining:
    """The loop, for numbers."""

    def test_every_epoch_tells_error_and_r2(self) -> None:
        experiment, _ = trained()
        assert experiment.trainer is not None
        metrics = experiment.trainer.progress.history[-1].metrics()
        assert metrics.keys() == {
            "cost/training", "error/training", "cost/validation", "error/validation", "r2/validation",
            "schedule/learning_rate", "time/epoch_seconds",
        }  # fmt: skip

    def test_training_error_is_that_of_the_examples_as_they_were_seen(self) -> None:
        still = ("training.optimizer={sgd: {learning_rate: 1e-30}}", "training.epochs=1", "network.dropout_1.rate=0")
        experiment, _ = trained(*still)
        assert experiment.trainer is not None
        expected = experiment.trainer.evaluate(experiment.dataset.train)
        found = experiment.trainer.progress.history[0].training
        assert found == pytest.approx({name: expected[name] for name in ("cost", "error")}, rel=1e-5)

    def test_the_weights_with_the_lowest_validation_cost_are_kept(self) -> None:
        experiment, _ = trained("training.optimizer.adam.learning_rate=0.2", "training.epochs=12")
        trainer = experiment.trainer
        assert trainer is not None
        costs = [epoch.cost_validation for epoch in trainer.progress.history]
        assert trainer.progress.best_epoch == 1 + int(np.argmin(costs))
        network = Network(trainer.plan, trainer.best_weights())
        votes = network.votes(experiment.dataset.validation.pictures_at(slice(None)))
        found = mean_cost(Squared(), votes, experiment.dataset.validation.truth)
        assert found == pytest.approx(costs[trainer.progress.best_epoch - 1])

    def test_evaluation_is_of_the_test_examples(self) -> None:
        experiment, _ = trained()
        assert experiment.trainer is not None
        weights, test = experiment.trainer.best_weights(), experiment.dataset.test
        votes = Network(experiment.loaded.plan, weights).votes(test.pictures_at(slice(None)))
        metrics = experiment.evaluate(weights).metrics
        assert metrics["error/test"] == pytest.approx(mean_absolute_error(test.truth, votes), rel=1e-5)
        assert metrics["r2/test"] == pytest.approx(r2_score(test.truth, votes), rel=1e-5)
        assert metrics.keys() == {"cost/test", "error/test", "r2/test"}

    @pytest.mark.parametrize("batches", [1, 12, 17])
    @pytest.mark.parametrize("engine", ["numpy", pytest.param("torch", marks=pytest.mark.torch)])
    def test_it_goes_on_to_the_bit(self, tmp_path: Path, batches: int, engine: str) -> None:
        straight, expected = trained(f"engine={engine}")
        trainer = stopped(batches, f"engine={engine}").trainer
        assert trainer is not None
        write_checkpoint(tmp_path / "checkpoint", trainer.checkpoint())
        resumed, found = trained(f"engine={engine}", checkpoint=read_checkpoint(tmp_path / "checkpoint"))
        assert found == expected
        histories = [
            [replace(epoch, seconds=0) for epoch in one.trainer.progress.history]
            for one in (straight, resumed)
            if one.trainer is not None
        ]
        assert histories[0] == histories[1]

    def test_any_number_of_threads_gives_the_same_weights(self) -> None:
        assert trained(threads=2)[1] == trained()[1]

    @pytest.mark.parametrize("engine", ["numpy", pytest.param("torch", marks=pytest.mark.torch)])
    def test_lbfgs_lowers_the_cost_and_goes_on_to_the_bit(self, tmp_path: Path, engine: str) -> None:
        settings = ("training={epochs: 20, cost: squared, optimizer: lbfgs}", f"engine={engine}")
        experiment, expected = trained(*settings)
        assert experiment.trainer is not None
        history = experiment.trainer.progress.history
        assert history[-1].cost_training < 0.6 * history[0].cost_training
        trainer = stopped(9, *settings).trainer
        assert trainer is not None
        write_checkpoint(tmp_path / "checkpoint", trainer.checkpoint())
        assert trained(*settings, checkpoint=read_checkpoint(tmp_path / "checkpoint"))[1] == expected

    def test_numbers_that_are_far_too_large_end_the_run_with_a_message(self) -> None:
        experiment = Experiment.prepare(loaded(), threads=1, device="cpu")
        experiment.dataset.train.truth[:] = 1e30
        with pytest.raises(
            UserError, match=r"its votes are too large for the cost.*values in the data that are far too"
        ):
            experiment.train([], stop=lambda: False)


def test_a_cost_function_is_told_numbers_as_they_are() -> None:
    seen: list[Any] = []

    def watched(votes: Any, truth: Any) -> Any:
        seen.append(truth)
        return np.zeros(len(truth)), np.zeros_like(votes)

    cost: CostFunction = watched
    plan = loaded().plan
    truth = np.float32([[1.5, -2.0]] * 3)
    drawn = np.random.default_rng(0)
    Network(plan, initial_weights(plan, 1)).gradient(
        np.zeros((3, 1, 9, 9), np.float32), truth, cost, draw=lambda *_: drawn
    )
    assert np.array_equal(np.concatenate(seen), truth)
