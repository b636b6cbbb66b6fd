"""Pictures of a search show every trial where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from runners.pictures.search import course, knobs
from runners.search.points import Point

POINTS = [
    Point(0, 0.5, {"rate": 0.001, "layer": "relu"}),
    Point(1, 0.9, {"rate": 0.1, "layer": "tanh"}, finished=False),
    Point(2, 0.7, {"rate": 0.01}),
    Point(4, 0.6, {"rate": 0.05, "layer": "{leaky_relu: {slope: 0.1}}"}),
]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that was saved."""
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: Any, **options: Any) -> None:
        kept.append(self)
        save(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept


@pytest.mark.parametrize(("rises", "best"), [(True, [0.5, 0.7, 0.7]), (False, [0.5, 0.5, 0.5])])
def test_the_best_so_far_is_of_finished_trials(
    rises: bool, best: list[float], tmp_path: Path, figures: list[Figure]
) -> None:
    path = course(POINTS, "accuracy/validation", tmp_path / "trials.png", rises=rises)
    lines = {str(line.get_label()): line for line in figures[0].axes[0].lines}
    assert list(lines["trial"].get_xdata()) == [0, 2, 4]
    assert list(lines["stopped early"].get_ydata()) == [0.9]
    assert list(lines["best so far"].get_ydata()) == best
    with Image.open(path) as image:
        assert image.size == (900, 504)


def test_each_knob_has_a_panel(tmp_path: Path, figures: list[Figure]) -> None:
    knobs(POINTS, "accuracy/validation", {"rate": "log", "layer": "linear"}, tmp_path / "knobs.png")
    rate, layer = figures[0].axes
    assert (rate.get_xscale(), rate.get_title(), layer.get_title()) == ("log", "rate", "layer")
    assert list(rate.lines[0].get_xdata()) == [0.001, 0.01, 0.05]
    assert [text.get_text() for text in layer.get_xticklabels()] == ["relu", "{leaky_relu: …"]
    assert list(layer.lines[0].get_ydata()) == [0.5, 0.6]


def test_a_search_of_which_nothing_finished_can_still_be_drawn(tmp_path: Path, figures: list[Figure]) -> None:
    course(POINTS[1:2], "accuracy/validation", tmp_path / "trials.png", rises=True)
    knobs(POINTS[1:2], "accuracy/validation", {"rate": "log"}, tmp_path / "knobs.png")
    assert len(figures) == 2
