"""A comparison as a page, as JSON, and what is not compared."""

from __future__ import annotations

import json
import math

import pytest

from convspec.errors import UserError
from runners.compare.members import Member
from runners.compare.report import report


def member(architecture: str, seed: int, accuracy: float, **other: object) -> Member:
    known: dict[str, object] = {"parameters": 10, "multiply_adds": 20, "seconds": 1.0} | other
    return Member(architecture, seed, {"accuracy/test": accuracy}, **known)  # type: ignore[arg-type]


PAIR = [member(name, seed, base + seed / 1000) for name, base in (("a", 0.9), ("b|<i>", 0.8)) for seed in (1, 2, 3)]


def test_a_page_takes_nothing_for_markup() -> None:
    page = report(PAIR, title="x < y").markdown()
    assert page.startswith("# x &lt; y: accuracy/test\n\n| architecture |")
    assert "| b\\|&lt;i> | 3 | 0.8020 |" in page
    assert "<i>" not in page.replace("&lt;i>", "")


def test_json_is_finite() -> None:
    plain = report(PAIR).plain()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["architectures"][1]["test"] == "permutation"
    assert plain["architectures"][1]["effect"] is None


def test_costs_are_left_empty_where_they_are_not_known() -> None:
    told = report([member("a", 1, 0.9, parameters=None, multiply_adds=None, seconds=None)])
    assert told.fronts == {"parameters": (), "multiply_adds": (), "seconds": ()}
    assert "None" not in told.text()
    assert "Pareto" not in told.text()


def test_seconds_are_the_mean_over_seeds() -> None:
    told = report([member("a", 1, 0.9, seconds=1.0), member("a", 2, 0.9, seconds=2.0)])
    assert told.architectures["a"].seconds == 1.5


def test_long_lists_are_cut_on_a_terminal_and_whole_elsewhere() -> None:
    many = [member(f"a{number}", 1, 0.5 + number / 1000) for number in range(50)]
    many += [member("x", seed, 0, status="FAILED", reason="no") for seed in range(12)]
    told = report(many)
    assert "... and 10 more; --json has all of them." in told.text()
    assert "Not compared: 2 more; --json has all of them." in told.text()
    assert len(told.plain()["architectures"]) == 50
    assert len(told.plain()["failures"]) == 12
    assert told.markdown().count("one seed: no test") == 50


def test_nothing_to_compare_is_one_message() -> None:
    with pytest.raises(UserError, match="None of the runs has finished"):
        report([])
    with pytest.raises(UserError, match="In every finished run accuracy/test is not a finite number"):
        report([member("a", 1, math.nan)])
    with pytest.raises(UserError, match="No finished run has the metric own"):
        report(PAIR, metric="own")
