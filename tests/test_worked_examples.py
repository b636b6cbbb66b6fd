"""The numbers of the source material, from worked_examples.yaml. They are printed truncated to two decimals there."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from convspec.costs import Absolute, Cost, Exponential, Squared, SquareRoot
from convspec.loading import Loaded, load, load_text
from runners.engines.engine import Array, CostFunction, Truth
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from runners.experiment import Experiment
from runners.gradcheck import GradientCheck
from runners.training.costs import cost_function

EXAMPLES = yaml.safe_load((Path(__file__).parent / "worked_examples.yaml").read_text())
FEATURES = ("diagonal_down", "cross", "diagonal_up")
TRUNCATED = 0.01


def network_of(loaded: Loaded) -> Network:
    return Network(loaded.plan, initial_weights(loaded.plan, loaded.pipeline.seed))


@pytest.fixture(scope="module")
def trace() -> dict[str, np.ndarray]:
    picture = np.array(EXAMPLES["image_of_x"], np.float32)[None, None]
    return network_of(load("worked_example")).trace(picture)


@pytest.mark.parametrize("table", ["filtered", "rectified", "pooled", "pooled_twice"])
@pytest.mark.parametrize("feature", FEATURES)
def test_every_table_of_filtering_is_reproduced(trace: dict[str, np.ndarray], feature: str, table: str) -> None:
    expected = np.array(EXAMPLES["filtering"][feature][table])
    found = trace[table][0, FEATURES.index(feature)]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=TRUNCATED)


@pytest.mark.parametrize("feature", FEATURES)
def test_the_pipeline_holds_the_features_of_the_source(feature: str) -> None:
    first = load("worked_example").pipeline.network[0]
    assert first.weights[FEATURES.index(feature)] == tuple(map(tuple, EXAMPLES["filtering"][feature]["feature"]))


def test_the_feature_laid_over_the_centre_matches_five_ninths(trace: dict[str, np.ndarray]) -> None:
    patch = EXAMPLES["filtering"]["one_mismatching_patch"]
    picture, feature = np.array(EXAMPLES["image_of_x"]), np.array(EXAMPLES["filtering"]["diagonal_down"]["feature"])
    assert (picture[3:6, 3:6] * feature).tolist() == patch["products"]
    assert trace["filtered"][0, 0, 3, 3] == pytest.approx(patch["match"], abs=TRUNCATED)


def test_the_flattened_values_vote_for_x(trace: dict[str, np.ndarray]) -> None:
    votes = EXAMPLES["votes"]
    np.testing.assert_allclose(trace["pooled_twice"].reshape(-1), votes["flattened"], atol=TRUNCATED)
    classes = load("worked_example").plan.data.classes
    assert list(classes) == votes["categories"]
    assert classes[trace["votes"][0].argmax()] == "X"
    np.testing.assert_allclose(trace["votes"][0], [1.0, 0.55], atol=TRUNCATED)


def test_the_worked_example_tells_x_from_o() -> None:
    experiment = Experiment.prepare(load("worked_example"), threads=1)
    weights = experiment.train([], stop=lambda: False)
    assert experiment.evaluate(weights).plain()["confusion_matrix"] == [[1, 0], [0, 1]]


def test_hand_built_weights_classify_every_picture_of_the_four_pixel_camera() -> None:
    loaded = load("four_pixel_camera")
    assert list(loaded.plan.data.classes) == EXAMPLES["four_pixel_camera"]["categories"]
    network = network_of(loaded)
    used = {
        float(value) for name, array in network.weights.items() if name.endswith("weight") for value in array.ravel()
    }
    assert used == {1.0, -1.0, 0.0}
    kinds = {
        "solid": [[1, 1], [1, 1]],
        "vertical": [[1, -1], [1, -1]],
        "diagonal": [[1, -1], [-1, 1]],
        "horizontal": [[1, 1], [-1, -1]],
    }
    for brightness in (1.0, 0.6, 0.2, -0.2, -0.6, -1.0):
        pictures = np.array(list(kinds.values()), np.float32)[:, None] * np.float32(brightness)
        answers = network.votes(pictures).argmax(axis=1)
        assert [loaded.plan.data.classes[index] for index in answers] == list(kinds)


def test_the_weighted_sum_and_squashing_of_the_camera() -> None:
    neuron = EXAMPLES["four_pixel_camera"]["neuron"]
    text = f"""
experiment: neuron
data: {{source: arrays, images: none.npz, shape: [2, 2], classes: 1}}
network:
  - fully_connected: {{name: neuron, neurons: 1, bias: false, weights: [{neuron["weights"]}]}}
  - tanh: {{name: squashed}}
"""
    inputs = np.array(neuron["inputs"], np.float32).reshape(1, 1, 2, 2)
    trace = network_of(load_text(text, "neuron.yaml", folder=Path())).trace(inputs)
    assert trace["neuron"][0, 0] == pytest.approx(neuron["weighted_sum"], abs=1e-6)
    assert trace["squashed"][0, 0] == pytest.approx(math.tanh(neuron["weighted_sum"]), abs=1e-6)


COSTS = {cost.kind: cost for cost in (SquareRoot(), Absolute(), Squared(), Exponential())}


def costs_of_being_off(cost: Cost, off_by: np.ndarray) -> np.ndarray:
    """What votes for one class cost that are off by so much."""
    found, _ = cost_function(cost)(off_by[:, None] + 1.0, np.zeros(len(off_by), np.int64))
    return found


@pytest.mark.parametrize("kind", COSTS)
@pytest.mark.parametrize("side", [1.0, -1.0], ids=["above", "below"])
def test_the_cost_of_being_off(kind: str, side: float) -> None:
    table = EXAMPLES["costs"]
    off_by = side * np.array(table["off_by"], np.float64)
    np.testing.assert_allclose(costs_of_being_off(COSTS[kind], off_by), table[kind], atol=TRUNCATED)


@pytest.mark.parametrize(("kind", "best"), [("squared", np.mean), ("absolute", np.median)])
def test_the_best_guess_under_a_cost(kind: str, best: Callable[[np.ndarray], float]) -> None:
    observations, guesses = np.array([1.0, 2.0, 2.0, 5.0, 11.0]), np.arange(0, 12, 0.1)
    totals = [costs_of_being_off(COSTS[kind], guess - observations).sum() for guess in guesses]
    assert guesses[int(np.argmin(totals))] == pytest.approx(best(observations), abs=0.05)


def test_the_error_of_an_answer_is_added_up_over_the_categories() -> None:
    truth = EXAMPLES["error_of_an_answer"]["truth"]
    answer = np.array([[0.25, -0.5, 0.0, 0.75]])
    found, _ = cost_function(Absolute())(answer, np.array([list(truth.values()).index(1.0)]))
    assert found.tolist() == [0.25 + 0.5 + 0.0 + 0.25]


BACKPROPAGATION = EXAMPLES["backpropagation"]
ONE_VALUE = "experiment: slopes\ndata: {source: arrays, images: none.npz, shape: [1, 1], classes: 1}\nnetwork:\n"


def the_vote(votes: Array, truth: Truth) -> tuple[Array, Array]:
    """An error that is the vote itself."""
    return votes[:, 0], np.ones_like(votes)


def slopes_of(layers: str, x: float, cost: CostFunction = the_vote) -> tuple[float, dict[str, Array]]:
    """The error of a network of single neurons for one value, and its slope for every weight, by backpropagation."""
    loaded = load_text(f"{ONE_VALUE}{layers}", "slopes.yaml", folder=Path())
    network = Network(loaded.plan, initial_weights(loaded.plan, 1, np.float64), dtype=np.float64)
    step = network.gradient(np.array([[[[x]]]]), np.array([0]), cost)
    network.values[:] = step.gradient
    return step.cost, network.weights


def neuron(name: str, weight: float, bias: float | None = None, *, trainable: bool = True) -> str:
    """A neuron in a line of a file; its bias is where what comes out of it can be moved, so the slope of one is that of the
    other."""
    fields = f"name: {name}, neurons: 1, weights: [[{weight}]], trainable: {str(trainable).lower()}"
    return f"  - fully_connected: {{{fields}, {'bias: false' if bias is None else f'biases: [{bias}]'}}}\n"


def test_the_slope_of_weight_squared() -> None:
    """The second neuron adds 1, which is the truth, so what the vote is off by is the weight."""
    example = BACKPROPAGATION["slope_of_weight_squared"]
    assert example["error"] == "weight^2"
    layers = neuron("first", example["weight"]) + neuron("second", 1, 1, trainable=False)
    error, slopes = slopes_of(layers, 1.0, cost_function(Squared()))
    assert error == example["weight"] ** 2
    assert slopes["first.weight"] == example["slope"]


@pytest.mark.parametrize(("x", "w1", "w2"), [(2.0, 3.0, 5.0), (-1.5, 0.5, -4.0), (1.0, 0.0, 7.0)])
def test_slopes_along_a_chain_are_multiplied(x: float, w1: float, w2: float) -> None:
    assert BACKPROPAGATION["chain"] == {"y": "x * w1", "e": "y * w2", "de_dw1": "x * w2"}
    error, slopes = slopes_of(neuron("first", w1) + neuron("second", w2), x)
    assert error == x * w1 * w2
    assert slopes["first.weight"] == x * w2
    assert slopes["second.weight"] == x * w1


@pytest.mark.parametrize("w", [3.0, -0.25, 0.0])
def test_the_slope_behind_a_weight_is_the_weight(w: float) -> None:
    assert BACKPROPAGATION["weight"] == {"b": "w * a", "db_da": "w"}
    b, slopes = slopes_of(neuron("a", 2.0, 1.0) + neuron("b", w), 1.0)
    assert b == w * 3.0
    assert slopes["a.bias"] == w


def test_the_slope_of_a_sum_is_one_for_each_of_its_parts() -> None:
    assert BACKPROPAGATION["sum"] == {"z": "a + b + c + d + ...", "dz_da": 1}
    parts = "  - fully_connected: {name: parts, neurons: 5, weights: [[1], [2], [3], [-4], [0.5]], biases: [0, 0, 1, 0, 0]}\n"
    z, slopes = slopes_of(f"{parts}  - fully_connected: {{neurons: 1, weights: [[1, 1, 1, 1, 1]], bias: false}}\n", 2.0)
    assert z == 2 + 4 + (6 + 1) - 8 + 1
    assert slopes["parts.bias"].tolist() == [BACKPROPAGATION["sum"]["dz_da"]] * 5


@pytest.mark.parametrize("a", [-3.0, -0.1, 0.0, 2.0])
def test_the_slope_of_sigmoid(a: float) -> None:
    assert BACKPROPAGATION["sigmoid"] == {"b": "1 / (1 + exp(-a))", "db_da": "b * (1 - b)"}
    b, slopes = slopes_of(neuron("a", 1.0, a) + "  - sigmoid\n", 0.0)
    expected = 1 / (1 + math.exp(-a))
    assert b == pytest.approx(expected, rel=1e-12)
    assert slopes["a.bias"][0] == pytest.approx(expected * (1 - expected), rel=1e-12)


@pytest.mark.parametrize(("a", "b", "slope"), [(-3.0, 0.0, 0.0), (-0.1, 0.0, 0.0), (0.0, 0.0, 0.0), (2.0, 2.0, 1.0)])
def test_the_slope_of_relu(a: float, b: float, slope: float) -> None:
    assert BACKPROPAGATION["relu"] == {"b": "a if a > 0 else 0", "db_da": "1 if a > 0 else 0"}
    found, slopes = slopes_of(neuron("a", 1.0, a) + "  - relu\n", 0.0)
    assert (found, slopes["a.bias"][0]) == (b, slope)


def test_numerical_slopes_cost_a_forward_pass_for_every_weight_and_backpropagation_one_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = GradientCheck(load("four_pixel_camera"), threads=1)
    weights = sum(array.size for array in check.network.weights.values())
    passes, moved, forward = [0], set(), Network.mean_cost
    start = check.network.values.copy()

    def counted(self: Network, *arguments: Any, **options: Any) -> float:
        passes[0] += 1
        moved.update(np.flatnonzero(self.values != start).tolist())
        return forward(self, *arguments, **options)

    monkeypatch.setattr(Network, "mean_cost", counted)
    report = check.run(most=None, told=lambda name: None)
    assert report.slopes == weights == len(moved)
    assert passes[0] > report.all_passes == 2 * weights
    step = check.network.gradient(check.pictures, check.truth, check.cost)
    assert step.gradient.size == weights
