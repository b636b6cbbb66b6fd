"""`convspec schema` accepts and rejects what the specs do, but for the rules that hold fields against each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import ValidationError

from convspec.document import parse
from convspec.errors import PipelineError
from convspec.json_schema import json_schema_of
from convspec.layers import Layer
from convspec.loading import Several, find, load_all, load_all_text
from convspec.pipeline import Pipeline
from convspec.pipeline_file import PipelineFile
from convspec.searching import Searching
from convspec.shipped import names
from tests.convspec.conftest import RIGHT, Command
from tests.convspec.pipelines import pipelines
from tests.convspec.test_any_text import values

SCHEMA = json_schema_of(PipelineFile)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ACROSS_FIELDS: dict[str, tuple[str, Any]] = {
    "nesterov without momentum": ("training", {"epochs": 1, "optimizer": {"sgd": {"nesterov": True}}}),
    "shares that leave nothing to train on": ("data", {"source": "digits", "split": {"validation": 0.5, "test": 0.5}}),
    "a test set of pictures alone": ("data", {"source": "idx", "images": "a", "labels": "b", "test_images": "c"}),
    "a .npy without labels": ("data", {"source": "arrays", "images": "a.npy"}),
    "labels and targets": ("data", {"source": "arrays", "images": "a.npy", "labels": "b.npy", "targets": "c.npy"}),
    "a target named twice": ("data", {"source": "arrays", "images": "a.npz", "target_names": ["a", "a"]}),
    "a number that never varies": ("data", {"source": "xs_and_os", "tell": ["row"]}),
    "biases without a bias": ("network", [{"fully_connected": {"neurons": 1, "bias": False, "biases": [0]}}]),
}
"""All that the JSON Schema accepts and the specs do not, but for shapes, names and files: rules across fields."""

LONGEST = {"experiment": 100, "description": 5000}


def right(**parts: Any) -> dict[str, Any]:
    return {"experiment": "e", "data": {"source": "digits"}, "network": ["relu"], **parts}


def accepted_by_the_specs(value: object) -> bool:
    try:
        Pipeline.of(value)
    except ValidationError as error:
        return {one["type"] for one in broken(error)} == {"rule"}
    return True


def broken(error: ValidationError) -> list[Any]:
    """What is wrong, without that a list is too short because its entries are wrong."""
    return [one for one in error.errors() if one["type"] != "too_short" or len(one["input"]) < one["ctx"]["min_length"]]


def cases() -> Iterator[Any]:
    """Whole files with one part from `fragments.yaml`, and whether they are right."""
    table = parse((Path(__file__).parent / "fragments.yaml").read_text(encoding="utf-8"), "fragments.yaml").plain()
    assert isinstance(table, dict)
    for part, verdicts in table.items():
        for verdict, fragments in verdicts.items():
            for number, fragment in enumerate(fragments, 1):
                yield pytest.param(right(**{part: fragment}), verdict == "right", id=f"{part}-{verdict}-{number}")
    for part, longest in LONGEST.items():
        yield pytest.param(right(**{part: "x" * longest}), True, id=f"{part}-as-long-as-may-be")
        yield pytest.param(right(**{part: "x" * (longest + 1)}), False, id=f"{part}-too-long")
    for part in right():
        yield pytest.param({key: value for key, value in right().items() if key != part}, False, id=f"no-{part}")
    yield pytest.param(right(trainig=None), False, id="unknown-key")
    others: list[Any] = [None, [], "text", 3, {}]
    for value in others:
        yield pytest.param(value, False, id=f"the-whole-file-is-{value}")


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(("value", "expected"), list(cases()))
def test_both_accept_what_is_right_and_reject_what_is_wrong(value: object, expected: bool) -> None:
    assert (VALIDATOR.is_valid(value), accepted_by_the_specs(value)) == (expected, expected)


@given(pipelines)
def test_both_accept_whatever_is_right(value: dict[str, Any]) -> None:
    assert accepted_by_the_specs(value)
    VALIDATOR.validate(value)


@given(pipelines, st.data())
def test_both_agree_where_any_value_stands_anywhere(pipeline: dict[str, Any], data: st.DataObject) -> None:
    owner: Any = pipeline
    while True:
        key = data.draw(st.sampled_from(list(owner) if isinstance(owner, dict) else range(len(owner))))
        if not (isinstance(owner[key], dict | list) and owner[key] and data.draw(st.booleans())):
            break
        owner = owner[key]
    owner[key] = data.draw(values.filter(is_json))
    assert VALIDATOR.is_valid(pipeline) == accepted_by_the_specs(pipeline)


def is_json(value: object) -> bool:
    """JSON has no infinity, which the specs reject; Python's `$` also matches before a last line end, unlike JSON Schema's."""
    text = json.dumps(value)
    return "NaN" not in text and "Infinity" not in text and "\\n" not in text


@pytest.mark.parametrize(("part", "value"), ACROSS_FIELDS.values(), ids=ACROSS_FIELDS)
def test_rules_across_fields_are_the_only_difference(part: str, value: object) -> None:
    VALIDATOR.validate(right(**{part: value}))
    with pytest.raises(ValidationError) as caught:
        Pipeline.of(right(**{part: value}))
    assert [one["type"] for one in broken(caught.value)] == ["rule"]


@pytest.mark.parametrize("name", names())
def test_shipped_pipelines_are_valid(name: str) -> None:
    text = find(name).read_text(encoding="utf-8")
    VALIDATOR.validate(parse(text, name).plain())
    found = load_all(name)
    if isinstance(found, Searching):
        VALIDATOR.validate({**found.base.pipeline.plain(), "search": found.search.plain()})
        return
    for loaded in [member.loaded for member in found.members] if isinstance(found, Several) else [found]:
        VALIDATOR.validate(loaded.pipeline.plain())


def test_a_file_is_valid_as_our_yaml_reads_it() -> None:
    VALIDATOR.validate(parse(RIGHT, "right.yaml").plain())


def test_every_kind_of_layer_is_a_key_with_a_description() -> None:
    (alone, mapping) = SCHEMA["$defs"]["layer"]["anyOf"]
    assert list(mapping["properties"]) == list(Layer.options())
    assert {"relu", "dropout", "flatten"} < set(alone["enum"])
    assert not {"convolution", "pooling", "fully_connected", "repeat"} & set(alone["enum"])
    described = mapping["properties"]["convolution"]["properties"]
    assert all(field["description"] for field in described.values())


def test_the_command_prints_it(command: Command) -> None:
    for arguments in (["schema"], ["schema", "--json"]):
        code, out, err = command(*arguments)
        assert (code, json.loads(out), err) == (0, SCHEMA, "")


SEVERAL = {"experiment": "e", "data": {"source": "digits"}, "training": {"epochs": 1}}
VOTES = [{"fully_connected": {"neurons": 10}}]
RIGHT_KEYS: dict[str, dict[str, Any]] = {
    "architectures": {"architectures": {"a": VOTES, "b": VOTES}},
    "architectures and seeds": {"architectures": {"a": VOTES}, "seeds": [1, 2]},
    "one network with seeds": {"network": VOTES, "seeds": [0]},
}
WRONG_KEYS: dict[str, dict[str, Any]] = {
    "neither": {"seeds": [1]},
    "both": {"network": ["relu"], "architectures": {"a": ["relu"]}},
    "a seed beside seeds": {"network": ["relu"], "seed": 1, "seeds": [1]},
    "no architecture": {"architectures": {}},
    "null": {"architectures": None},
    "a name with a space": {"architectures": {"a b": ["relu"]}},
    "no seeds": {"network": ["relu"], "seeds": []},
    "a seed below 0": {"network": ["relu"], "seeds": [-1]},
    "a wrong layer": {"architectures": {"a": ["relux"]}},
}


@pytest.mark.parametrize("keys", RIGHT_KEYS.values(), ids=RIGHT_KEYS)
def test_several_pipelines_are_right(keys: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid({**SEVERAL, **keys})
    assert isinstance(load_all_text(json.dumps({**SEVERAL, **keys}), "f", folder=Path()), Several)


@pytest.mark.parametrize("keys", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_several_pipelines_are_wrong(keys: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid({**SEVERAL, **keys})
    with pytest.raises(PipelineError):
        load_all_text(json.dumps({**SEVERAL, **keys}), "f", folder=Path())
