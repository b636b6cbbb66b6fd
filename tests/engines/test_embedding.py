"""Embedding by hand: what is taken from the table, and where its gradient is added up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convspec.costs import CrossEntropy
from convspec.layers import Embedding, FullyConnected, GlobalPooling
from runners.engines.initial import initial_weights
from runners.engines.numpy.network import Network
from runners.training.costs import cost_function

WORDS = np.array([[[2, 0, 2]], [[1, 1, 2]]], float)


def test_each_word_becomes_its_row_of_the_table(alone: Any) -> None:
    one = alone(Embedding(words=3, features=2), (1, 3), 2)
    one.parameters["weight"][:] = [[1, -1], [2, -2], [3, -3]]
    assert one.forward(WORDS).tolist() == [[[3, 1, 3], [-3, -1, -3]], [[2, 2, 3], [-2, -2, -3]]]


def test_the_gradient_of_a_row_is_the_sum_over_the_places_of_its_word(alone: Any) -> None:
    one = alone(Embedding(words=4, features=2), (1, 3), 2)
    dy = np.array([[[1, 2, 4], [10, 20, 40]], [[8, 16, 32], [80, 160, 320]]], float)
    _, gradient = one.backward(WORDS, dy)
    one.values[:] = gradient
    # word 0 stands in one place, word 1 in two, word 2 in three, word 3 in none.
    assert one.parameters["weight"].tolist() == [[2, 20], [24, 240], [37, 370], [0, 0]]


def test_words_have_neighbours_in_as_many_dimensions_as_the_data(alone: Any) -> None:
    one = alone(Embedding(words=3, features=1), (1, 2, 2), 1)
    one.parameters["weight"][:] = [[5], [6], [7]]
    assert one.forward(np.array([[[[0, 1], [2, 0]]]], float)).tolist() == [[[[5, 6], [7, 5]]]]


def test_first_values_are_standard_normal(planned: Any) -> None:
    layers = [Embedding(words=5000, features=16), GlobalPooling(), FullyConnected(neurons=2)]
    table = initial_weights(planned(layers, (1, 5)), 7)["embedding_1.weight"]
    assert table.shape == (5000, 16)
    assert abs(table.mean()) < 0.02
    assert abs(table.std() - 1) < 0.02


def test_a_given_table_is_taken_as_it_is(planned: Any) -> None:
    layers = [Embedding(words=2, features=2, weights=((1, 2), (3, 4))), FullyConnected(neurons=2)]
    assert initial_weights(planned(layers, (1, 5)), 7)["embedding_1.weight"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("threads", [2, 3])
def test_gradients_are_the_same_to_the_bit_for_any_number_of_threads(
    planned: Any, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runners.engines.numpy.network.WORTH_A_THREAD", 0)
    plan = planned([Embedding(words=50, features=8), GlobalPooling(kind="max"), FullyConnected(neurons=3)], (1, 40))
    generator = np.random.default_rng(1)
    x, truth = generator.integers(50, size=(200, 1, 40)).astype(np.float32), generator.integers(3, size=200)
    cost = cost_function(CrossEntropy())
    one, several = (Network(plan, initial_weights(plan, 7), threads=count) for count in (1, threads))
    expected = one.gradient(x, truth, cost)
    found = several.gradient(x, truth, cost)
    assert np.abs(expected.gradient).max() > 0
    assert found.gradient.tobytes() == expected.gradient.tobytes()
    assert several.votes(x).tobytes() == one.votes(x).tobytes()
