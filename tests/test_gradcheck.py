"""Backpropagation against numerical gradients: right engines pass, whatever is broken is found and named, kinks are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convspec.costs import Cost
from convspec.errors import UserError
from convspec.loading import Loaded, load_text
from runners import gradcheck
from runners.engines.engine import Array
from runners.engines.numpy.fully_connected import FullyConnectedOperation
from runners.engines.numpy.network import Network
from runners.engines.numpy.normalization import BatchOperation
from runners.engines.numpy.pooling import PoolingOperation
from runners.gradcheck import TOLERANCE, GradientCheck, GradientReport

EVERYTHING = """
experiment: e
data: {source: digits}
network:
  - convolution: {features: 3, size: 3, padding: same}
  - batch_normalization
  - relu
  - pooling: {window: 2, stride: 2}
  - residual: {layers: [{convolution: {features: 4, size: 3, padding: same}}, {group_normalization: {groups: 2}}]}
  - spatial_dropout: {rate: 0.2}
  - branches: {branches: [[{convolution: {features: 2, size: 1}}, gelu], [], [leaky_relu, layer_normalization]]}
  - local_response_normalization
  - fully_connected: {neurons: 6}
  - tanh
  - dropout: {rate: 0.3}
  - fully_connected: {neurons: 10}
training:
  epochs: 1
  cost: {cross_entropy: {class_weights: [1, 2, 3, 4, 5, 1, 2, 3, 4, 5], label_smoothing: 0.1}}
seed: 3
"""
SMALL = """
experiment: e
data: {source: digits}
network:
  - convolution: {name: edges, features: 2, size: 3}
  - batch_normalization: {name: even}
  - relu: {name: bend}
  - pooling: {name: pool, window: 2, stride: 2}
  - fully_connected: {name: votes, neurons: 10}
training: {epochs: 1}
"""


def loaded(text: str) -> Loaded:
    return load_text(text, "e.yaml", folder=Path())


def checked(text: str, most: int | None = None, **options: Any) -> GradientReport:
    check = GradientCheck(loaded(text), threads=1, **options)
    return check.run(most=most, told=lambda name: None)


engines = pytest.mark.parametrize("engine", ["numpy", pytest.param("torch", marks=pytest.mark.torch)])


@engines
@pytest.mark.parametrize("text", [EVERYTHING, SMALL], ids=["everything", "small"])
def test_a_right_engine_is_found_right(text: str, engine: str) -> None:
    report = checked(f"{text}engine: {engine}\n", most=12)
    assert not report.wrong
    assert not report.suspects(loaded(text).plan)
    assert max(one.error for one in report.parameters if one.error is not None) < TOLERANCE
    assert sum(one.at_kink for one in report.parameters) <= 0.05 * sum(one.checked for one in report.parameters)


@pytest.mark.parametrize("kind", [option for option in Cost.options() if option != "square_root"])
def test_every_cost_is_found_right(kind: str) -> None:
    assert not checked(SMALL.replace("epochs: 1", f"epochs: 1, cost: {kind}"), most=8).wrong


def test_the_slope_that_square_root_bounds_is_found() -> None:
    """It is bounded near 0 on purpose: where a vote is off by less than 0.01, it is not the slope of the cost."""
    text = (
        "experiment: e\ndata: {source: four_pixels, examples: 80}\n"
        "network: [{fully_connected: {neurons: 4, weights: WEIGHTS, bias: false}}]\n"
        "training: {epochs: 1, cost: square_root}\n"
    ).replace("WEIGHTS", str([[0.001] * 4] * 4))
    assert checked(text).wrong


def scaled(backward: Any, factor: float, *, parameters: bool) -> Any:
    """A way back whose gradient of the parameters, or of the input, is too long."""

    def broken(self: Any, dy: Array, gradient: Array | None) -> Array | None:
        dx: Array | None = backward(self, dy, gradient)
        if parameters and gradient is not None:
            gradient *= factor
        return dx if dx is None or parameters else dx * factor

    return broken


BROKEN = {
    "weights of the last layer": (FullyConnectedOperation, True, ["votes"], ["votes", "the cost"]),
    "input of the last layer": (FullyConnectedOperation, False, ["edges", "even"], ["even", "bend", "pool", "votes"]),
    "input of pooling": (PoolingOperation, False, ["edges", "even"], ["even", "bend", "pool", "votes"]),
    "input of a normalization": (BatchOperation, False, ["edges"], ["edges", "even"]),
    "scale and shift": (BatchOperation, True, ["even"], ["even", "bend", "pool", "votes"]),
}


@pytest.mark.parametrize(("operation", "parameters", "wrong", "suspects"), BROKEN.values(), ids=BROKEN)
def test_a_way_back_that_is_a_little_wrong_is_found_and_named(
    operation: Any, parameters: bool, wrong: list[str], suspects: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "backward", scaled(operation.backward, 1.0001, parameters=parameters))
    report = checked(SMALL)
    assert sorted({one.layer for one in report.wrong}) == wrong
    assert report.suspects(loaded(SMALL).plan) == suspects
    assert 0.5e-4 < max(one.error or 0 for one in report.parameters) < 2e-4


def test_a_relu_at_its_kink_is_counted_and_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a nudge, a bias of 0 over blank pictures stands where relu bends, and no slope is right there."""
    monkeypatch.setattr(gradcheck, "NUDGE", 0.0)
    text = """
experiment: e
data: {source: digits}
network:
  - convolution: {name: blank, features: 2, size: 1}
  - relu
  - fully_connected: {neurons: 10}
training: {epochs: 1}
"""
    report = checked(text)
    (bias,) = (one for one in report.parameters if (one.layer, one.parameter) == ("blank", "bias"))
    assert (bias.checked, bias.at_kink, bias.error) == (2, 2, None)
    assert report.wrong == (bias,)
    assert report.suspects(loaded(text).plan) == []
    monkeypatch.undo()
    assert not checked(text).wrong


def test_the_steepest_weight_and_others_by_the_seed_are_checked() -> None:
    places, slopes = np.arange(100, 200), np.zeros(300)
    slopes[[150, 120]], slopes[10] = (-3.0, 2.0), 9.0

    def chosen(seed: int, most: int) -> list[int]:
        return gradcheck._chosen(places, slopes, most=most, generator=np.random.default_rng(seed))

    assert chosen(1, 1) == [150]
    assert {150, 120} <= set(chosen(1, 8))
    assert len(set(chosen(1, 8))) == 8
    assert chosen(1, 8) == chosen(1, 8) != chosen(2, 8)
    assert chosen(1, 100) == chosen(1, 1000) == places.tolist()


@engines
def test_places_are_those_of_the_engine(engine: str) -> None:
    check = GradientCheck(loaded(f"{EVERYTHING}engine: {engine}\n"), threads=1)
    before = check.network.weights
    for (layer, parameter), places in check.places.items():
        assert check.network.values[places].tolist() == before[f"{layer}.{parameter}"].ravel().tolist()
    assert sorted(np.concatenate(list(check.places.values()))) == list(range(check.network.values.size))


def test_a_layer_that_is_kept_is_not_checked_and_a_network_of_them_is_refused() -> None:
    kept = SMALL.replace("size: 3", "size: 3, trainable: false")
    assert {one.layer for one in checked(kept, most=1).parameters} == {"even", "votes"}
    text = "experiment: e\ndata: {source: four_pixels}\nnetwork: [{fully_connected: {neurons: 4, trainable: false}}]\n"
    with pytest.raises(UserError, match=r"e.yaml has no weight that training changes: there is no slope to check"):
        checked(text)


def test_a_cost_that_is_not_finite_is_one_message() -> None:
    text = (
        "experiment: e\ndata: {source: four_pixels, examples: 80}\n"
        "network: [{fully_connected: {name: huge, neurons: 4, weights: WEIGHTS}}]\n"
        "training: {epochs: 1, cost: squared}\n"
    ).replace("WEIGHTS", str([[1e200, 0, 0, 0]] * 4))
    with pytest.raises(UserError, match=r"not a finite number before anything is trained, layer huge"):
        checked(text)


@engines
def test_the_cost_of_a_forward_pass_is_that_of_the_gradient(engine: str) -> None:
    check = GradientCheck(loaded(f"{EVERYTHING}engine: {engine}\n"), threads=1, examples=70)
    step = check.network.gradient(check.pictures, check.truth, check.cost, draw=check.draw)
    assert check.forward() == step.cost


def test_numerical_slopes_cost_passes_for_every_weight_and_backpropagation_one(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    forward = Network.mean_cost
    monkeypatch.setattr(Network, "mean_cost", lambda *args, **more: passes.append(1) or forward(*args, **more))
    report = checked(SMALL)
    # 2 * 9 + 2 of the convolution, 2 + 2 of the normalization, 10 * 2 * 3 * 3 + 10 of the votes
    assert report.slopes == 20 + 4 + 190
    assert report.all_passes == 2 * 214
    assert report.passes == len(passes) >= 1 + 4 * 214
    assert report.ratio == pytest.approx(report.all_passes * report.forward_seconds / report.backward_seconds)
