"""The numbers of the source material, from worked_examples.yaml. They are printed truncated to two decimals there."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from convspec.costs import Absolute, Cost, Exponential, Squared, SquareRoot
from convspec.loading import Loaded, load, load_text
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from runners.experiment import Experiment
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
