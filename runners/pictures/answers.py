"""Numbers that a network tells against those that are true."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from runners.pictures.canvas import BLUE, GREY, add_axes, new_figure, save

_ACROSS, _MOST = 3, 9  # panels in a row, and in all
_MOST_POINTS = 3000  # in a panel; beyond, they cover each other
_LONGEST_NAME = 28  # letters that fit above a panel
_SIDE, _WIDE, _HIGH = 2.7, 3.7, 3.75  # inches of a panel, with what stands around it

Floats = NDArray[np.floating[Any]]


def answers(votes: Floats, truth: Floats, names: Sequence[str], path: Path) -> Path:
    """A panel for each target, of (n, k) votes and truth: a point for each example, on the diagonal where it is right."""
    shown = min(len(names), _MOST)
    across, down = min(_ACROSS, shown), ceil(shown / _ACROSS)
    figure = new_figure(max(4.6, across * _WIDE + 0.3), down * _HIGH + 0.35)
    margin = (figure.get_figwidth() - across * _WIDE) / 2
    chosen = np.linspace(0, len(truth) - 1, min(len(truth), _MOST_POINTS)).astype(np.int64)
    for index in range(shown):
        row, column = divmod(index, across)
        left, bottom = margin + column * _WIDE + 0.85, (down - 1 - row) * _HIGH + 0.6
        axes = add_axes(figure, left, bottom, width=_SIDE, height=_SIDE)
        _draw(axes, truth[chosen, index], votes[chosen, index], names[index])
    examples = f"{len(truth):,} example{'s' * (len(truth) != 1)}"
    if len(chosen) < len(truth):
        examples = f"{len(chosen):,} of {examples}"
    which = f", the first {_MOST} of {len(names):,} targets" if shown < len(names) else ""
    figure.suptitle(f"Answers, {examples}{which}", fontsize=11, y=1 - 0.12 / figure.get_figheight(), va="top")
    return save(figure, path)


def _draw(axes: Axes, truth: Floats, told: Floats, name: str) -> None:
    both = np.concatenate([truth, told]).astype(np.float64)
    low, high = float(both.min()), float(both.max())
    room = 0.05 * (high - low) or max(1.0, 0.05 * abs(high))
    limits = (low - room, high + room)
    axes.plot(limits, limits, color=GREY, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    axes.scatter(truth, told, s=12, color=BLUE, alpha=0.5, linewidths=0, zorder=2)
    axes.set(xlim=limits, ylim=limits, xlabel="truth", ylabel="answer")
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    axes.set_title(short, fontsize=10, parse_math=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.ticklabel_format(scilimits=(-3, 4))
    axes.tick_params(labelsize=9)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
