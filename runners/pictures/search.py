"""A search: the objective trial by trial with the best so far, and each knob against the objective."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from runners.pictures.canvas import BLUE, GREY, VERMILION, add_axes, new_figure, save
from runners.search.points import Point

_PANELS = 3  # beside each other
_LETTERS = 14  # of a value that has no number


def course(points: Sequence[Point], metric: str, path: Path, *, rises: bool) -> Path:
    """The objective of every trial in the order of their numbers, and the best finished one up to each."""
    figure = new_figure(7.5, 4.2)
    axes = add_axes(figure, 0.8, 0.6, width=6.3, height=3.0)
    for finished, color, label in ((True, BLUE, "trial"), (False, GREY, "stopped early")):
        some = [point for point in points if point.finished is finished]
        if some:
            numbers, values = [point.number for point in some], [point.value for point in some]
            axes.plot(numbers, values, "o" if finished else "x", color=color, markersize=5, label=label)
    done = [point for point in points if point.finished]
    best = (np.maximum if rises else np.minimum).accumulate([point.value for point in done])
    numbers = [point.number for point in done]
    axes.step(numbers, best, where="post", color=VERMILION, linewidth=1.5, label="best so far")
    axes.set(xlabel="trial", ylabel=metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="upper center", ncols=3, frameon=False)
    return save(figure, path)


def knobs(points: Sequence[Point], metric: str, scales: dict[str, str], path: Path) -> Path:
    """A panel for each knob: where it stood in each finished trial against the objective; `scales` says `log` or `linear`."""
    rows = -(-len(scales) // _PANELS)
    figure = new_figure(_PANELS * 3.5 + 0.5, rows * 3.2 + 0.3)
    for index, (name, scale) in enumerate(scales.items()):
        row, column = divmod(index, _PANELS)
        axes = add_axes(figure, column * 3.5 + 0.8, (rows - row - 1) * 3.2 + 0.7, width=2.6, height=2.3)
        some = [point for point in points if point.finished and name in point.knobs]
        places = [point.knobs[name] for point in some]
        if any(isinstance(place, str) for place in places):
            words = list(dict.fromkeys(map(str, places)))
            axes.set_xticks(
                range(len(words)), [_short(word) for word in words], parse_math=False, fontsize=7, rotation=20
            )
            places = [float(words.index(str(place))) for place in places]
        elif scale == "log":
            axes.set_xscale("log")
        axes.plot(places, [point.value for point in some], "o", color=BLUE, markersize=4.5, alpha=0.7)
        axes.set_title(name, fontsize=9, parse_math=False)
        axes.set_ylabel(metric if column == 0 else "", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(color="0.9", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return save(figure, path)


def _short(word: str) -> str:
    return word if len(word) <= _LETTERS else f"{word[: _LETTERS - 1]}…"
