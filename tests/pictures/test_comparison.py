"""Pictures of a comparison: everything that is compared is in them, and no text is cut off or over another."""

from __future__ import annotations

from pathlib import Path

import pytest

from runners.compare.members import Member
from runners.compare.report import Report, report
from runners.pictures import intervals, pareto
from tests.pictures.test_pictures import Drawn, assert_good, drawn, words

__all__ = ["drawn"]


def compared(count: int, seeds: int = 3, *, metric: str = "accuracy/test", stem: str = "a") -> Report:
    members = [
        Member(
            f"{stem}{number}",
            seed,
            {metric: 0.9 + (number * 7 % 11) / 150 + seed * (number + 1) / 3000},
            100 * (number + 1) ** 3,
            2000 * (number + 1),
            1.0 + number,
        )
        for number in range(count)
        for seed in range(seeds)
    ]
    return report(members)


@pytest.mark.parametrize(
    "told",
    [
        compared(1, 1),
        compared(2),
        compared(5),
        compared(40, 1),
        compared(6, stem="a_name_that_is_rather_long_for_a_label_"),
    ],
    ids=["one", "two", "five", "more than fit", "long names"],
)
def test_both_pictures_are_good(told: Report, tmp_path: Path, drawn: Drawn) -> None:
    assert_good(intervals(told, tmp_path / "intervals.png"), drawn)
    drawn.clear()
    drawn.texts.clear()
    assert_good(pareto(told, tmp_path / "pareto.png"), drawn)


def test_every_architecture_and_seed_is_shown(tmp_path: Path, drawn: Drawn) -> None:
    told = compared(4)
    intervals(told, tmp_path / "intervals.png")
    (axes,) = drawn[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [row.name for row in told.comparison.rows]
    dots = [line.get_xdata() for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [sorted(each) for each in dots] == [
        sorted(told.architectures[row.name].values.values()) for row in told.comparison.rows
    ]


def test_the_front_is_marked_and_named(tmp_path: Path, drawn: Drawn) -> None:
    told = compared(5)
    pareto(told, tmp_path / "pareto.png")
    assert len(drawn[0].axes) == 3
    for cost, axes in zip(("parameters", "multiply_adds", "seconds"), drawn[0].axes, strict=True):
        beaten, front = axes.lines[:2]
        assert len(front.get_xdata()) == len(told.fronts[cost])
        assert len(beaten.get_xdata()) == 5 - len(told.fronts[cost])
        low, high = axes.get_xlim()
        assert all(low < x < high for line in (beaten, front) for x in line.get_xdata())
    assert set(told.fronts["parameters"]) <= set(words(drawn))


def test_lower_may_be_better(tmp_path: Path, drawn: Drawn) -> None:
    assert_good(pareto(compared(5, metric="error/test"), tmp_path / "pareto.png"), drawn)


def test_costs_that_are_not_known_have_no_panel(tmp_path: Path, drawn: Drawn) -> None:
    members = [Member("a", seed, {"accuracy/test": 0.9}, None, None, 1.0) for seed in (1, 2)]
    pareto(report(members), tmp_path / "pareto.png")
    assert len(drawn[0].axes) == 1
