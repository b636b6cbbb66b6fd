"""Knobs, the combinations of their values, and the candidates that come of them."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import ValidationError
from scipy.stats import binomtest

from convspec.candidates import Candidate, Rejection, Survey, digest_of, random_point, survey
from convspec.document import parse
from convspec.dump import yaml_text
from convspec.errors import PipelineError
from convspec.json_schema import json_schema_of
from convspec.knobs import Knob, Range, point_at, size_of
from convspec.loading import load, load_all, load_all_text, load_text
from convspec.pipeline_file import PipelineFile
from convspec.search import Search, SearchKey
from convspec.searching import Searching
from tests.search.synthetic import BASE, searching

VALIDATOR = jsonschema.Draft202012Validator(json_schema_of(PipelineFile))


def spread(**fields: Any) -> Range:
    return Range.of({"from" if key == "start" else key: value for key, value in fields.items()})


VALUES: dict[str, tuple[Range, list[Any]]] = {
    "whole numbers": (spread(start=2, to=5), [2, 3, 4, 5]),
    "whole numbers in steps": (spread(start=16, to=64, step=16), [16, 32, 48, 64]),
    "steps that miss the end": (spread(start=0, to=8, step=3), [0, 3, 6]),
    "numbers in steps": (spread(start=0.1, to=0.5, step=0.1), [0.1, 0.2, 0.3, 0.4, 0.5]),
    "a whole step between numbers that are not": (spread(start=0.5, to=3, step=1), [0.5, 1.5, 2.5]),
    "whole numbers by their ratio": (spread(start=1, to=4, scale="log"), [1, 2, 3, 4]),
}


@pytest.mark.parametrize(("values", "expected"), VALUES.values(), ids=VALUES)
def test_the_values_of_a_range(values: Range, expected: list[Any]) -> None:
    knob = Knob("k", values)
    assert knob.size == len(expected)
    found = [knob.value(knob.coordinate(number)) for number in range(len(expected))]
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize("fields", [{"start": 0.0, "to": 1}, {"start": 1e-4, "to": 1, "scale": "log"}])
def test_a_range_without_steps_has_no_end_of_values(fields: dict[str, Any]) -> None:
    assert Knob("k", spread(**fields)).size is None


whole = st.integers(-1000, 1000)
ranges = st.one_of(
    st.tuples(whole, st.integers(1, 50), st.integers(1, 7)).map(
        lambda ends: spread(start=ends[0], to=ends[0] + max(ends[1:]), step=ends[2])
    ),
    st.tuples(st.floats(0.001, 10), st.floats(0.5, 5)).map(lambda ends: spread(start=ends[0], to=ends[0] + ends[1])),
    st.tuples(st.floats(1e-6, 1), st.floats(1.5, 1e4)).map(
        lambda ends: spread(start=ends[0], to=ends[0] * ends[1], scale="log")
    ),
    st.integers(1, 50).map(lambda low: spread(start=low, to=low * 9, scale="log")),
)
lists = st.lists(st.one_of(whole, st.text(max_size=3), st.lists(whole, max_size=2)), min_size=1, max_size=4)
knobs = st.lists(st.one_of(ranges, lists), min_size=1, max_size=4).map(
    lambda turns: [Knob(f"k{index}", values) for index, values in enumerate(turns)]
)


@given(knobs, st.integers(0, 10**6))
def test_any_point_stands_within_every_knob(turned: list[Knob], seed: int) -> None:
    for knob, at in zip(turned, random_point(turned, Random(seed)), strict=True):
        value = knob.value(at)
        if isinstance(knob.values, Range):
            assert knob.values.start <= value <= knob.values.to + 1e-9
            assert isinstance(value, int) == knob.values.is_whole
        else:
            assert value in knob.values


@given(knobs)
def test_points_are_counted_without_any_twice(turned: list[Knob]) -> None:
    size = size_of(turned)
    assert size is None or size == math.prod(knob.size or 0 for knob in turned)
    if size is not None and size <= 2000:
        assert len({point_at(turned, number) for number in range(size)}) == size


def test_the_last_knob_turns_fastest() -> None:
    turned = [Knob("a", ["x", "y"]), Knob("b", [1, 2, 3])]
    values = [tuple(knob.value(at) for knob, at in zip(turned, point_at(turned, n), strict=True)) for n in range(6)]
    assert values == [("x", 1), ("x", 2), ("x", 3), ("y", 1), ("y", 2), ("y", 3)]


def network_at(what: Searching, *point: float) -> list[Any]:
    network: list[Any] = what.candidates.combinations.put_in(point).plain()["network"]  # type: ignore[index]
    return network


class TestCombinations:
    def test_values_are_put_in_at_their_paths(self) -> None:
        what = searching("knobs: {network.edges.features: [4, 5], 'network[2].window': [2, 4]}\n" + REST)
        layers = network_at(what, 1, 1)
        assert layers[0] == {"convolution": {"features": 5, "size": 3, "name": "edges"}}
        assert layers[2]["pooling"] == {"window": 4, "stride": 2, "name": "shrink"}

    def test_exchanging_a_layer_does_not_lead_another_path_astray(self) -> None:
        base = BASE.replace("  - pooling: {window: 2, stride: 2, name: shrink}\n", "  - relu\n")
        what = searching("knobs: {network.relu_1: [tanh], network.relu_2: [gelu]}\n" + REST, base=base)
        assert network_at(what, 0, 0)[1:3] == ["tanh", "gelu"]

    def test_a_whole_network_is_a_knob_and_paths_lead_into_it(self) -> None:
        what = searching(
            """
knobs:
  network.edges.features: [4, 6]
  network:
    - [{convolution: {features: 1, size: 3, name: edges}}, {fully_connected: {neurons: 10}}]
    - [relu, {fully_connected: {neurons: 10}}]
"""
            + REST
        )
        assert network_at(what, 1, 0)[0]["convolution"]["features"] == 6
        assert network_at(what, 1, 1)[0] == "relu"
        assert what.candidates.choice((1, 0)).keys() == {"network", "network.edges.features"}
        assert what.candidates.choice((1, 1)).keys() == {"network"}

    def test_a_knob_without_effect_makes_no_other_candidate(self) -> None:
        what = searching(OPTIMIZERS + REST)
        digests = {what.candidates.at((0, at)).digest for at in (0, 1)}  # type: ignore[union-attr]
        assert len(digests) == 1
        found = survey(what.candidates)
        assert (found.size, found.valid, found.distinct) == (4, 4, 3)

    def test_a_field_of_an_optimizer_that_was_not_chosen_has_no_effect(self) -> None:
        what = searching(OPTIMIZERS + REST)
        trainings = [what.candidates.combinations.put_in((number, 1)).plain()["training"] for number in (0, 1)]  # type: ignore[index]
        assert [training["optimizer"] for training in trainings] == ["adam", {"sgd": {"momentum": 0.9}}]

    def test_a_nested_list_of_layers_is_a_knob(self) -> None:
        base = BASE.replace("  - relu\n", "  - repeat: {times: 2, name: deep, layers: [relu]}\n")
        what = searching(
            "knobs:\n  network.deep.layers: [[relu], [tanh, relu]]\n  network.deep.times: [1, 3]\n" + REST, base=base
        )
        assert network_at(what, 1, 1)[1] == {"repeat": {"times": 3, "name": "deep", "layers": ["tanh", "relu"]}}


REST = "maximize: accuracy/validation\ntrials: 4"
OPTIMIZERS = "knobs:\n  training.optimizer: [adam, sgd]\n  training.optimizer.sgd.momentum: [0.5, 0.9]\n"


class TestCandidates:
    def test_a_candidate_is_what_a_file_with_its_values_would_be(self) -> None:
        what = searching("knobs: {network.edges.features: [4, 5], training.batch: [8]}\n" + REST)
        found = what.candidates.at((1, 0))
        assert isinstance(found, Candidate)
        settings = ("network.edges.features=5", "training.batch=8")
        same = load_text(BASE, "same.yaml", folder=Path(), settings=settings)
        assert (found.loaded.pipeline, found.loaded.plan) == (same.pipeline, same.plan)
        assert found.choice == {"network.edges.features": 5, "training.batch": 8}
        assert found.digest == digest_of(same.pipeline)

    def test_a_shape_that_does_not_fit_is_a_rejection_with_its_reason(self) -> None:
        what = searching("knobs: {network.edges.size: [3, 9]}\n" + REST)
        found = what.candidates.at((1,))
        assert isinstance(found, Rejection)
        assert "a feature of 9 x 9 does not fit into a picture of 8 x 8" in found.reason

    def test_what_contradicts_itself_is_a_rejection(self) -> None:
        lines = "knobs: {training.optimizer: [{sgd: {momentum: 0.9}}], training.optimizer.sgd.nesterov: [true, false], "
        what = searching(lines + "training.optimizer.sgd.momentum: [0.0, 0.9]}\n" + REST)
        assert what.candidates.at((0, 0, 0)) == Rejection(
            "training.optimizer.sgd.nesterov  nesterov needs a momentum above 0."
        )
        assert isinstance(what.candidates.at((0, 0, 1)), Candidate)

    def test_what_is_beyond_the_budget_is_a_rejection(self) -> None:
        lines = "knobs: {network.edges.features: [1, 2, 4]}\nbudget: {parameters: 200, multiply_adds: 1000}\n"
        what = searching(lines + REST)
        # 9 + 1 parameters for each feature, (9 values x 10 + 10) behind 3 x 3 pooled ones; 36 x 9 and 90 multiply-adds
        reasons = [
            found.reason if isinstance(found, Rejection) else ""
            for found in map(what.candidates.at, [(0,), (1,), (2,)])
        ]
        assert reasons == [
            "",
            "over the budget: 210 parameters, 200 is the most.",
            "over the budget: 410 parameters, 200 is the most.",
        ]

    def test_what_is_not_validated_is_a_rejection_where_validation_counts(self) -> None:
        lines = "knobs: {data.split.validation: [0.1, 0]}\ntrials: 2\nstopping: median\n"
        reason = "there is no accuracy/validation without validation examples."
        validated = searching(lines + "maximize: accuracy/validation").candidates
        assert isinstance(validated.at((0,)), Candidate)
        assert validated.at((1,)) == Rejection(reason)
        assert isinstance(searching(lines + "minimize: cost/training").candidates.at((1,)), Candidate)

    def test_a_split_that_is_a_knob_may_give_validation_examples(self) -> None:
        base = BASE.replace("{source: digits}", "{source: digits, split: {validation: 0}}")
        what = searching("knobs: {data.split: [{validation: 0}, {validation: 0.2}]}\n" + REST, base=base)
        assert [isinstance(what.candidates.at((at,)), Candidate) for at in (0, 1)] == [False, True]

    def test_all_of_a_small_space_is_counted(self) -> None:
        what = searching("knobs: {network.edges.size: [3, 5, 9, 11], training.batch: {from: 1, to: 50}}\n" + REST)
        found = survey(what.candidates)
        assert (found.size, found.tried, found.valid, found.distinct) == (200, 200, 100, 100)
        assert found.is_exact and found.interval == (0.5, 0.5)

    def test_a_sample_of_a_large_space_gives_an_interval(self) -> None:
        lines = "knobs: {network.edges.size: [3, 5, 9, 11], training.clip: {from: 0.5, to: 1.0}}\n"
        found = survey(searching(lines + REST).candidates)
        low, high = found.interval
        assert (found.size, found.tried) == (None, 1000)
        assert low < 0.5 < high < low + 0.07

    def test_the_interval_is_wilsons(self) -> None:
        interval = binomtest(900, 1000).proportion_ci(confidence_level=0.95, method="wilson")
        expected = (interval.low, interval.high)
        assert Survey(None, 1000, 900, 900, {}).interval == pytest.approx(expected, abs=1e-5)


def test_a_search_as_it_is_recorded_reads_back_the_same() -> None:
    what = load_all("digits_search")
    assert isinstance(what, Searching)
    plain = what.search.plain()
    assert Search.of(parse(yaml_text(plain), "search.yaml").plain()) == what.search


def test_a_single_pipeline_of_a_search_is_the_file_as_it_stands() -> None:
    assert load("digits_search").pipeline.network[0].plain()["convolution"]["features"] == 8


def test_settings_change_the_search_too() -> None:
    text = f"{BASE}search:\n  knobs: {{training.batch: [1, 2]}}\n  minimize: cost/validation\n"
    what = load_all_text(text, "f.yaml", folder=Path(), settings=("search.strategy=exhaustive",))
    assert isinstance(what, Searching)
    assert what.search.strategy.kind == "exhaustive"


def test_a_layer_that_only_another_network_has_can_have_knobs() -> None:
    with pytest.raises(PipelineError, match="no layer is called wings"):
        searching("knobs: {network.wings.features: [1, 2]}\n" + REST)
    networks = (
        "knobs: {network: [[{convolution: {features: 1, size: 3, name: wings}}, {fully_connected: {neurons: 10}}]], "
    )
    searching(networks + "network.wings.features: [1, 2]}\n" + REST)


FRAGMENTS: dict[bool, list[str]] = {
    True: [
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: [1, x, [relu], {b: c}, null]}, minimize: [cost/validation, parameters], trials: 1}",
        "{knobs: {a: {from: 1, to: 2}}, maximize: r2/validation, strategy: exhaustive}",
        "{knobs: {a: {from: 0.1, to: 2, scale: log}}, minimize: cost/training, trials: 3, strategy: random}",
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 9, strategy: {genetic: {population: 4}}, seeds: [1, 2]}",
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 9, strategy: {annealing: {chains: 2}}, seed: 0}",
        "{knobs: {a: [1, 2], b: [3, 4]}, minimize: cost/validation, trials: 9, strategy: {cma: {population: 5}}}",
        "{knobs: {a: [1]}, minimize: cost/validation, trials: 9, budget: {parameters: 9, multiply_adds: 9, seconds: 1.5}}",
        "{knobs: {a: [1]}, minimize: cost/validation, trials: 9, stopping: median}",
        "{knobs: {a: [1]}, minimize: cost/validation, trials: 9, stopping: {hyperband: {epochs: 1, factor: 2}}}",
        "{knobs: {a: [1]}, minimize: cost/validation, trials: 9, stopping: {successive_halving: {factor: 4}}}",
    ],
    False: [
        "{}",
        "[]",
        "{maximize: accuracy/validation, trials: 1}",
        "{knobs: {}, maximize: accuracy/validation, trials: 1}",
        "{knobs: [a], maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: 1}, maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: []}, maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: {from: 1}}, maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: {from: 1, to: x}}, maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: {from: true, to: 3}}, maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: {from: 1, to: 2, step: 0}}, maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: {from: 1, to: 2, scale: square}}, maximize: accuracy/validation, trials: 1}",
        "{knobs: {a: [1]}, maximize: accuracy/test, trials: 1}",
        "{knobs: {a: [1]}, maximize: [], trials: 1}",
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 0}",
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 1, strategy: guess}",
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 1, strategy: {genetic: {population: 1}}}",
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 1, stopping: {median: {epochs: 0}}}",
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 1, budget: {seconds: 0}}",
        "{knobs: {a: [1]}, maximize: accuracy/validation, trials: 1, seeds: []}",
    ],
}


@pytest.mark.parametrize(
    ("fragment", "expected"), [(text, right) for right, texts in FRAGMENTS.items() for text in texts]
)
def test_json_schema_and_specs_agree(fragment: str, expected: bool) -> None:
    value = parse(fragment, "search.yaml").plain()
    whole = {"experiment": "e", "data": {"source": "digits"}, "network": ["relu"], "search": value}
    assert VALIDATOR.is_valid(whole) == expected
    try:
        SearchKey.of({"search": value})
    except ValidationError as error:
        assert not expected, error
    else:
        assert expected


def problems_in(lines: str) -> list[str]:
    with pytest.raises(PipelineError) as caught:
        searching(lines)
    return [f"{one.path}  {one.message} {one.hint}" for one in caught.value.problems]


def test_a_knob_of_an_optimizer_that_is_never_chosen_is_a_mistake() -> None:
    momentum = "knobs: {training.optimizer.sgd.momentum: [0.1, 0.2]%s}\n" + REST
    assert problems_in(momentum % "") == [
        "search.knobs.training.optimizer.sgd.momentum  has no effect: training.optimizer is adam in every combination. "
        "Write `training.optimizer: sgd` in the file, or make it a knob: `training.optimizer: [adam, sgd]`."
    ]
    (told,) = problems_in(momentum % ", training.optimizer: [adam, rmsprop]")
    assert "has no effect: it leads nowhere in any value of training.optimizer." in told
    assert searching(momentum % ", training.optimizer: [adam, sgd]").search.size == 4


def test_a_wrong_key_of_a_knob_is_told_once_for_all_of_its_values() -> None:
    assert problems_in("knobs: {network.edges.featurs: [2, 4]}\n" + REST) == [
        "network.edges.featurs  unknown key featurs. Did you mean features?"
    ]
    wrong = "[{convolution: {featurs: %d, size: 3}}, {fully_connected: {neurons: 10}}]"
    told = problems_in(f"knobs: {{network: [{wrong % 2}, {wrong % 4}]}}\n{REST}")
    assert sum("unknown key featurs" in one for one in told) == 2


def test_why_test_examples_are_no_objective_is_told() -> None:
    (told,) = problems_in("knobs: {training.batch: [1, 2]}\nmaximize: accuracy/test\ntrials: 4")
    assert told.endswith(
        "Test examples are kept for the end, and choosing by them would spoil them. Take accuracy/validation."
    )
