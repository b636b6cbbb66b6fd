"""A comparison of architectures: every seed with means and intervals, and quality against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from runners.compare.layout import COSTS
from runners.compare.report import Report
from runners.compare.statistics import Row
from runners.pictures.canvas import BLUE, GREY, VERMILION, add_axes, new_figure, save

_MOST = 30  # architectures; more would not be read
_MOST_NAMED = 12  # on a front
_LONGEST_NAME = 32  # letters that fit beside a panel
_STEP = 4.2  # inches from panel to panel
_LETTER = 0.085  # inches that a letter takes


def intervals(report: Report, path: Path) -> Path:
    """A line for each architecture, the best at the top: a dot for each seed, the mean, and its interval."""
    rows = report.comparison.rows[:_MOST]
    names = [_short(row.name) for row in rows]
    left, high = 0.35 + _LETTER * max(map(len, names)), min(max(1.2, 0.42 * len(rows)), 11.0)
    figure = new_figure(left + 6.0, high + 1.2)
    axes = add_axes(figure, left, 0.6, width=5.6, height=high)
    for place, row in enumerate(rows):
        _draw_row(axes, row, list(report.architectures[row.name].values.values()), place)
    axes.set_yticks(range(len(rows)), names, parse_math=False)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=report.metric)
    _finish(axes)
    axes.grid(visible=False, axis="y")
    level = f"{report.comparison.level:.0%} interval"
    handles: list[Any] = [
        axes.plot([], [], "o", color=BLUE, alpha=0.55, markersize=5, linestyle="")[0],
        axes.errorbar([], [], xerr=[], fmt="D", color=VERMILION, markersize=5, capsize=3),
    ]
    figure.legend(handles, ["one seed", f"mean and its {level}"], loc="upper center", ncols=2, frameon=False)
    rest = len(report.comparison.rows) - len(rows)
    if rest > 0:
        axes.set_title(f"the best {len(rows)}; {rest:,} more are not shown", fontsize=9)
    return save(figure, path)


def pareto(report: Report, path: Path) -> Path:
    """A panel for each cost that is known: quality against it, with the front that nothing beats in both."""
    costs = [cost for cost in COSTS if any(known.costs()[cost] for known in report.architectures.values())]
    figure = new_figure(max(1, len(costs)) * _STEP + 0.5, 4.35)
    for index, cost in enumerate(costs):
        axes = add_axes(figure, index * _STEP + 0.95, 0.6, width=3.5, height=3.05)
        _draw_front(axes, report, cost)
    if costs:
        handles = [
            axes.plot([], [], "o-", color=VERMILION, markersize=6, linewidth=1)[0],
            axes.plot([], [], "o", color=BLUE, markersize=6)[0],
        ]
        labels = ["front: no other is as good and as cheap", "beaten"]
        figure.legend(handles, labels, loc="upper center", ncols=2, frameon=False)
    return save(figure, path)


def _draw_row(axes: Axes, row: Row, values: Sequence[float], place: int) -> None:
    """Seeds a little above the line, so that the interval on it stays in sight."""
    axes.plot(values, np.full(len(values), place - 0.13), "o", color=BLUE, alpha=0.55, markersize=5, markeredgewidth=0)
    reach = None if row.interval is None else [[row.mean - row.interval[0]], [row.interval[1] - row.mean]]
    axes.errorbar(
        [row.mean], [place + 0.13], xerr=reach, fmt="D", color=VERMILION, markersize=5, capsize=3, linewidth=1.3
    )


def _draw_front(axes: Axes, report: Report, cost: str) -> None:
    means = {row.name: row.mean for row in report.comparison.rows}
    known = {name: found for name, one in report.architectures.items() if (found := one.costs()[cost]) is not None}
    front = report.fronts[cost]
    beaten = [name for name in known if name not in front]
    axes.plot([known[name] for name in beaten], [means[name] for name in beaten], "o", color=BLUE, markersize=6)
    axes.plot(
        [known[name] for name in front],
        [means[name] for name in front],
        "o-",
        color=VERMILION,
        drawstyle="steps-post",
        markersize=6,
        linewidth=1,
    )
    if all(value > 0 for value in known.values()) and max(known.values()) > 20 * min(known.values()):
        axes.set_xscale("log")
    better = report.comparison.higher_is_better
    _name(axes, [(known[name], means[name], _short(name)) for name in front[-_MOST_NAMED:]], above=better)
    axes.set(xlabel=COSTS[cost], ylabel=report.metric if cost == next(iter(COSTS)) else "")
    _finish(axes)


def _name(axes: Axes, points: Sequence[tuple[float, float, str]], *, above: bool) -> None:
    """Names on the side of a front where nothing can stand: left of it and better; none over another."""
    axes.margins(0.08)
    axes.autoscale_view()  # else it comes only when the figure is drawn
    low, high = axes.transData.inverted().transform(axes.transAxes.transform([(-0.3, -0.07), (1.02, 1.07)]))
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    taken: list[Bbox] = []
    for x, y, name in reversed(points):
        text = axes.annotate(
            name,
            (x, y),
            (-5, 4 if above else -4),
            textcoords="offset points",
            ha="right",
            va="bottom" if above else "top",
            fontsize=8.5,
            parse_math=False,
        )
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in taken) or box.x0 < axes.bbox.x0:
            text.remove()
        else:
            taken.append(box)


def _finish(axes: Axes) -> None:
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=GREY, labelcolor="black")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(5))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
