"""Gradient descent with curvature: steps on functions whose lowest point is known, and scipy's own minimizer beside it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from convspec.loading import load_text
from convspec.optimizers import Lbfgs as Spec
from runners.experiment import Experiment
from runners.files import digest, weights_bytes
from runners.training import loop
from runners.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from runners.training.gradients import Measured
from runners.training.lbfgs import Lbfgs
from runners.training.loop import Stopped

START = np.array([-1.2, 1.0, -1.2, 1.0])
TEXT = """
experiment: curvature
data: {source: xs_and_os, examples: 300, noise: 0.8, split: {validation: 0.2, test: 0.2}}
network:
  - convolution: {features: 3, size: 3}
  - tanh
  - dropout: {rate: RATE}
  - fully_connected: {neurons: 2}
training: {epochs: 8, optimizer: {lbfgs: {memory: 3}}}
seed: 3
"""


class Valley:
    """A function of values, that counts how often it is measured."""

    def __init__(
        self, values: np.ndarray, cost: Callable[..., Any] = rosen, slope: Callable[..., Any] = rosen_der
    ) -> None:
        self.values, self.cost, self.slope, self.measured = values, cost, slope, 0

    def __call__(self) -> Measured:
        self.measured += 1
        return Measured(float(self.cost(self.values)), self.slope(self.values), 0, random=False)


def experiment(rate: float = 0.0) -> Experiment:
    text = TEXT.replace("RATE", str(rate))
    return Experiment.prepare(load_text(text, "curvature.yaml", folder=Path()), threads=1)


def trained(rate: float = 0.0, checkpoint: Checkpoint | None = None) -> tuple[Experiment, str]:
    made = experiment(rate)
    weights = made.train([], stop=lambda: False, checkpoint=checkpoint)
    return made, digest(weights_bytes(weights))


def test_a_banana_shaped_valley_is_walked_as_fast_as_scipy_does() -> None:
    values = START.copy()
    one, valley = Lbfgs(Spec(), 4, np.float64), Valley(values)
    steps = 0
    while not one.finished and steps < 200:
        one.step(values, valley)
        steps += 1
    reference = minimize(rosen, START, jac=rosen_der, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
    np.testing.assert_allclose(values, 1, atol=1e-6)
    assert steps <= 1.5 * reference.nit
    assert valley.measured <= 2 * reference.nfev


def test_every_step_lowers_the_cost_until_none_does() -> None:
    values, costs = START.copy(), []
    one = Lbfgs(Spec(memory=2), 4, np.float64)
    while not one.finished:
        costs.append(one.step(values, Valley(values)).cost)
    assert all(after < before for before, after in pairwise(costs[:-1]))
    assert costs[-1] == costs[-2]


def test_weight_decay_ends_where_the_pull_and_the_slope_are_equal() -> None:
    # (x - 3)^2 + x^2 / 2 * 0.5 is lowest where 2 (x - 3) + 0.5 x = 0
    values = np.zeros(1)
    one = Lbfgs(Spec(weight_decay=0.5), 1, np.float64)
    valley = Valley(values, lambda x: ((x - 3) ** 2).sum(), lambda x: 2 * (x - 3))
    for _ in range(5):
        found = one.step(values, valley)
    assert values[0] == pytest.approx(2.4, abs=1e-6)
    assert found.cost == pytest.approx(0.36, abs=1e-6)


def test_where_a_cost_is_no_number_the_step_is_shorter() -> None:
    values = np.array([2.0])
    one = Lbfgs(Spec(), 1, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        valley = Valley(values, lambda x: (x - np.log(x)).sum(), lambda x: 1 - 1 / x)
        for _ in range(10):
            one.step(values, valley)
    assert values[0] == pytest.approx(1, abs=1e-6)


def test_values_are_as_before_where_measuring_is_broken_off() -> None:
    values = START.copy()
    one, valley = Lbfgs(Spec(), 4, np.float64), Valley(values)
    for _ in range(3):
        one.step(values, valley)
    before, state = values.copy(), one.state()
    calls = iter(range(2))

    def broken_off() -> Measured:
        if next(calls):
            raise Stopped
        return valley()

    with pytest.raises(Stopped):
        for _ in range(2):
            one.step(values, broken_off)
            before, state = values.copy(), one.state()
    assert np.array_equal(values, before)
    assert all(np.array_equal(array, state[name]) for name, array in one.state().items())


@pytest.mark.parametrize("taken", [0, 1, 4, 12])
def test_going_on_from_a_saved_state_is_the_same_to_the_bit(taken: int) -> None:
    values = START.astype(np.float32)
    straight = Lbfgs(Spec(memory=3), 4, np.float32)
    for _ in range(taken):
        straight.step(values, Valley(values))
    saved, resumed = straight.state(), values.copy()
    again = Lbfgs(Spec(memory=3), 4, np.float32)
    again.restore(saved)
    for _ in range(6):
        straight.step(values, Valley(values))
        again.step(resumed, Valley(resumed))
    assert np.array_equal(values, resumed)


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("asked", [0, 1, 3, 6, 9])
def test_a_training_stopped_anywhere_goes_on_to_the_same_weights(tmp_path: Path, asked: int, rate: float) -> None:
    _, expected = trained(rate)
    stopped, calls = experiment(rate), iter(range(1000))
    with pytest.raises(Stopped):
        stopped.train([], stop=lambda: next(calls) >= asked)
    assert stopped.trainer is not None
    write_checkpoint(tmp_path / "checkpoint", stopped.trainer.checkpoint())
    resumed, found = trained(rate, read_checkpoint(tmp_path / "checkpoint"))
    assert found == expected
    assert resumed.trainer is not None
    assert [epoch.number for epoch in resumed.trainer.progress.history] == list(range(1, 9))


def test_figures_are_those_of_all_examples_at_the_end_of_the_step() -> None:
    made, _ = trained()
    trainer = made.trainer
    assert trainer is not None
    last = trainer.progress.history[-1]
    assert last.training == pytest.approx(trainer.evaluate(made.dataset.train), rel=1e-5)
    assert last.learning_rate is None
    assert "schedule/learning_rate" not in last.metrics()


def test_slices_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made = experiment()
    made.train([], stop=lambda: False)
    trainer = made.trainer
    assert trainer is not None

    def measured() -> Measured:
        cost, train = trainer.training.cost, made.dataset.train
        draw = lambda part: lambda layer, chunk: np.random.default_rng(0)  # noqa: E731
        return loop.measure(trainer.network, train, cost, judge=trainer.judge, draw=draw, before=lambda: None)

    whole = measured()
    monkeypatch.setattr("runners.training.gradients.SLICE", 50)
    parts = measured()
    assert (parts.cost, parts.tally) == (pytest.approx(whole.cost, rel=1e-6), whole.tally)
    np.testing.assert_allclose(parts.gradient, whole.gradient, atol=1e-6)
