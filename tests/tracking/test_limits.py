"""Keys and values are made to fit what MLflow itself accepts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.tracking import limits


@pytest.mark.parametrize(
    ("given_key", "expected"),
    [
        ("training.optimizer.adam.learning_rate", "training.optimizer.adam.learning_rate"),
        ("accuracy/test", "accuracy/test"),
        ("network[0].features", "network_0_.features"),
        ("größe", "gr__e"),
        ("../up", "_.._up"),
        ("a//b", "_a__b"),
        ("", "_"),
    ],
    ids=["path", "metric", "brackets", "letters", "up", "double slash", "empty"],
)
def test_a_key_keeps_what_mlflow_accepts(given_key: str, expected: str) -> None:
    assert limits.key(given_key) == expected


@settings(deadline=None)  # the first example waits for MLflow to be imported
@given(st.dictionaries(st.text(max_size=300), st.text(max_size=20), max_size=5))
def test_any_parameters_pass_mlflows_own_check(values: dict[str, str]) -> None:
    from mlflow.utils.validation import _validate_param, _validate_tag

    accepted = limits.parameters(values)
    assert len(accepted) == len(values)
    for name, value in accepted.items():
        _validate_param(name, value)
        _validate_tag(name, value)


def test_long_keys_that_differ_at_their_end_stay_two() -> None:
    one, two = limits.key("a" * 300 + "1"), limits.key("a" * 300 + "2")
    assert one != two
    assert len(one) == len(two) == 250


def test_a_long_value_shows_that_it_was_cut() -> None:
    cut = limits.parameters({"weights": "x" * 7000})["weights"]
    assert len(cut) == 6000
    assert cut.endswith("x…")
    assert len(limits.tags({"note": "x" * 9000})["note"]) == 8000
