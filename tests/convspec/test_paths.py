"""The one path grammar, settings put in by it, and pipelines that come back from their plain values as they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convspec.document import parse
from convspec.dump import yaml_text
from convspec.network import Location
from convspec.paths import PathError, apply_setting, format_path, locate, parse_path
from convspec.pipeline import Pipeline
from tests.convspec.conftest import RIGHT
from tests.convspec.pipelines import pipelines
from tests.convspec.test_document import SCALARS

TREE = {
    "network": [
        {"convolution": {"features": 8, "size": [3, 3], "name": "edges"}},
        "relu",
        {"repeat": {"times": 2, "layers": [{"relu": {"name": "again"}}, "tanh"]}},
        {"pooling": None},
    ],
    "training": {"optimizer": "adam"},
}

PATHS: dict[str, tuple[str, Location]] = {
    "one word": ("seed", ("seed",)),
    "words": ("training.optimizer.adam.learning_rate", ("training", "optimizer", "adam", "learning_rate")),
    "layer by name": ("network.edges.features", ("network", 0, "convolution", "features")),
    "layer by position": ("network[0].features", ("network", 0, "convolution", "features")),
    "layer with its kind": ("network[0].convolution.features", ("network", 0, "convolution", "features")),
    "layer by its number": ("network.relu_1.name", ("network", 1, "relu", "name")),
    "layer as a whole": ("network.edges", ("network", 0)),
    "layer as a whole by position": ("network[0]", ("network", 0)),
    "entry of a list": ("network.edges.size[1]", ("network", 0, "convolution", "size", 1)),
    "repeat": ("network.repeat_1.times", ("network", 2, "repeat", "times")),
    "layer inside a repeat": ("network.again_1.name", ("network", 2, "repeat", "layers", 0, "relu", "name")),
    "numbered layer inside a repeat": ("network.tanh_1", ("network", 2, "repeat", "layers", 1)),
    "position inside a repeat": ("network[2].layers[0].name", ("network", 2, "repeat", "layers", 0, "relu", "name")),
    "layer with nothing behind it": ("network.pooling_1.window", ("network", 3, "pooling", "window")),
    "key that is not there yet": ("data.split.test", ("data", "split", "test")),
}


@pytest.mark.parametrize(("path", "location"), PATHS.values(), ids=PATHS)
def test_where_a_path_leads(path: str, location: Location) -> None:
    assert locate(TREE, parse_path(path)) == location


@pytest.mark.parametrize(
    "path", ["", ".", "a.", "a..b", "[0]", "a[", "a[x]", "a[-1]", "a b", "1a", "a[0]b.c]", "a[9999999]"]
)
def test_what_is_not_a_path(path: str) -> None:
    with pytest.raises(PathError, match=r"is not a path|a path is missing"):
        parse_path(path)


steps = st.one_of(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True), st.integers(0, 999_999))


@given(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.lists(steps, max_size=5))
def test_a_location_without_layers_is_read_as_it_is_written(first: str, rest: list[str | int]) -> None:
    between = [
        step
        for before, step in zip([first, *rest], rest, strict=False)
        if not (isinstance(before, int) and isinstance(step, str))
    ]
    if between == rest:
        assert parse_path(format_path((first, *rest))) == (first, *rest)


def test_kinds_of_layers_are_left_out_of_a_path() -> None:
    location = ("network", 2, "repeat", "layers", 0, "relu", "name")
    assert format_path(location) == "network[2].layers[0].name"
    assert format_path(location, {("network", 2): "deep"}) == "network.deep.layers[0].name"
    assert format_path(location, {location[:5]: "again_1"}) == "network.again_1.name"


def applied(*settings: str, text: str = RIGHT) -> Any:
    tree = parse(text, "right.yaml")
    for setting in settings:
        tree = apply_setting(tree, setting)
    return tree.plain()


class TestSettings:
    def test_a_value_is_replaced(self) -> None:
        assert applied("training.epochs=3")["training"]["epochs"] == 3

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("1e-3", 0.001), ("[3, 5]", [3, 5]),
            ("same", "same"), ("{a: 1}", {"a": 1}), ("true", True), ("", None), ("'7'", "7"), ("a=b", "a=b"),
        ],
        ids=["number", "list", "word", "mapping", "truth", "nothing", "quoted", "with an equals sign"],
    )  # fmt: skip
    def test_a_value_is_yaml(self, written: str, meant: object) -> None:
        assert applied(f"description={written}")["description"] == meant

    def test_spaces_around_the_path_do_not_matter(self) -> None:
        assert applied("  seed  = 3")["seed"] == 3

    def test_missing_keys_are_made(self) -> None:
        assert applied("data.split.test=0.3")["data"] == {"source": "digits", "split": {"test": 0.3}}
        assert applied("training.patience=2", text="experiment: e\n") == {
            "experiment": "e",
            "training": {"patience": 2},
        }

    def test_a_name_alone_gets_its_fields(self) -> None:
        assert applied("network.relu_1.name=first")["network"][1] == {"relu": {"name": "first"}}
        assert applied("o.adam.learning_rate=0.1", text="o: adam\n") == {"o": {"adam": {"learning_rate": 0.1}}}
        assert applied("network.relu_1.name=first", text="network:\n- relu:\n") == {
            "network": [{"relu": {"name": "first"}}]
        }

    def test_another_optimizer_takes_the_place_of_the_one_in_the_file(self) -> None:
        expected = {"sgd": {"learning_rate": 0.1}}
        assert applied("training.optimizer.sgd.learning_rate=0.1")["training"]["optimizer"] == expected

    def test_fields_of_the_same_optimizer_stay(self) -> None:
        optimizer = applied("training.optimizer.adam.beta_1=0.8")["training"]["optimizer"]
        assert optimizer == {"adam": {"learning_rate": 0.01, "beta_1": 0.8}}

    def test_a_layer_is_exchanged(self) -> None:
        assert applied("network.relu_1=tanh")["network"][1] == "tanh"
        assert applied("network[1]={dropout: {rate: 0.1}}")["network"][1] == {"dropout": {"rate": 0.1}}

    def test_a_whole_network_is_exchanged_and_then_changed(self) -> None:
        network = applied("network=[relu, {fully_connected: {neurons: 5}}]", "network.fully_connected_1.neurons=10")[
            "network"
        ]
        assert network == ["relu", {"fully_connected": {"neurons": 10}}]

    def test_an_entry_of_a_list_is_replaced(self) -> None:
        assert applied("network.edges.size=[3, 3]", "network.edges.size[1]=5")["network"][0]["convolution"]["size"] == [
            3,
            5,
        ]

    def test_a_layer_inside_a_repeat_is_changed_once_for_all_its_turns(self) -> None:
        text = "network:\n- repeat: {times: 2, layers: [{convolution: {features: 4, name: deep}}]}\n"
        (repeat,) = applied("network.deep_2.features=8", text=text)["network"]
        assert repeat["repeat"]["layers"] == [{"convolution": {"features": 8, "name": "deep"}}]

    def test_later_settings_win(self) -> None:
        assert applied("seed=1", "seed=2")["seed"] == 2

    def test_the_tree_before_is_left_as_it_was(self) -> None:
        tree = parse(RIGHT, "right.yaml")
        before = tree.plain()
        apply_setting(tree, "network.edges.features=9")
        assert tree.plain() == before

    def test_repeated_values_are_changed_in_one_place_only(self) -> None:
        text = "network:\n- convolution: &one {features: 4}\n- convolution: *one\n"
        first, second = applied("network[0].features=9", text=text)["network"]
        assert (first, second) == ({"convolution": {"features": 9}}, {"convolution": {"features": 4}})


class TestComingBack:
    @given(pipelines)
    def test_a_pipeline_equals_the_one_that_its_plain_value_spells(self, value: dict[str, Any]) -> None:
        pipeline = Pipeline.of(value)
        plain = pipeline.plain()
        assert Pipeline.of(plain) == pipeline
        assert Pipeline.of(plain).plain() == plain

    @given(pipelines)
    def test_through_a_file_too(self, value: dict[str, Any]) -> None:
        pipeline = Pipeline.of(value)
        assert Pipeline.of(parse(yaml_text(pipeline.plain()), "file.yaml").plain()) == pipeline

    @pytest.mark.parametrize(
        "text", [*SCALARS, "# no comment", "a: b", "- a", " ", "line\nline", "\x85", "\ud7ff", "<<"]
    )
    def test_texts_that_look_like_something_else(self, text: str) -> None:
        assert parse(yaml_text({"key": text, "keys": [text]}), "file.yaml").plain() == {"key": text, "keys": [text]}

    @given(pipelines)
    def test_nothing_that_the_file_says_is_lost(self, value: dict[str, Any]) -> None:
        plain = Pipeline.of(value).plain()
        for key in value.keys() - {"network", "training"}:
            assert contains(plain[key], value[key])

    @given(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from(" \t\n\r'\":#-.0123456789")), max_size=300))
    def test_any_text(self, text: str) -> None:
        assert parse(yaml_text({"key": text}), "file.yaml").plain() == {"key": text}

    def test_defaults_are_written_out_and_what_is_not_given_is_left_out(self) -> None:
        value = {
            "experiment": "e",
            "data": {"source": "digits"},
            "network": ["relu", {"dropout": None}, {"pooling": {"window": 2, "stride": 2}}],
        }
        assert Pipeline.of(value).plain() == {
            "experiment": "e",
            "description": "",
            "engine": "auto",
            "precision": "float32",
            "processes": 1,
            "data": {"source": "digits", "split": {"validation": 0.1, "test": 0.2}},
            "network": [
                "relu",
                {"dropout": {"rate": 0.5}},
                {"pooling": {"window": 2, "stride": 2, "kind": "max", "edge": "keep", "padding": "valid"}},
            ],
            "seed": 1,
        }


def contains(whole: object, part: object) -> bool:
    """Whether a plain value has everything that another has."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(contains(whole[key], part[key]) for key in part)
    return whole == part
