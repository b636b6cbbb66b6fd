"""Assumptions against performance: how many tries ways to search take, how often they succeed, and where each of them went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, PercentFormatter, ScalarFormatter

from runners.pictures.canvas import BLUE, GREY, VERMILION, add_axes, new_figure, save
from runners.tea.demonstration import Performance, assumptions_of
from runners.tea.landscape import COLDEST, HOTTEST

_LOOKS = (("o", GREY), ("s", "#009E73"), ("D", "#CC79A7"), ("^", BLUE), ("v", VERMILION))
"""Marker and colour of each way, told apart by everybody (Okabe and Ito 2008)."""
_DASHES = ("-", "--")
_ROW = 0.09  # height of a row of tries, as a share of the curve's
_TICKS = (5, 10, 20, 50, 100, 200, 500)


def trade(performances: Sequence[Performance], path: Path) -> Path:
    """Above, each landscape with the tries of each way and what it found; below, tries and successes against assumptions."""
    names = list(dict.fromkeys(one.landscape.name for one in performances))
    landscapes = [[one for one in performances if one.landscape.name == name] for name in names]
    figure = new_figure(11, 8.4)
    for column, there in enumerate(landscapes):
        _draw_search(add_axes(figure, 0.8 + 5.3 * column, 5.1, width=4.5, height=2.7), there)
    tries = add_axes(figure, 0.8, 1.25, width=4.5, height=2.6)
    shares = add_axes(figure, 6.1, 1.25, width=4.5, height=2.6)
    for there, dashes in zip(landscapes, _DASHES, strict=True):
        _draw_figures(tries, there, [one.mean_tries for one in there], dashes)
        _draw_figures(shares, there, [one.share_found for one in there], dashes)
    tries.set(yscale="log", ylabel="tries, mean over many starts", title="Fewer tries: faster")
    tries.yaxis.set_major_locator(FixedLocator(_TICKS))
    tries.yaxis.set_major_formatter(ScalarFormatter())
    tries.minorticks_off()
    shares.set(ylim=(0, 1.06), ylabel="starts from which the best is found", title="More successes: more robust")
    shares.yaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*tries.get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False, fontsize=9)
    return save(figure, path)


def _draw_search(axes: Axes, there: Sequence[Performance]) -> None:
    """The curve, and below it a row for each way: its tries as ticks, and a marker at what it found."""
    landscape = there[0].landscape
    temperatures = np.linspace(COLDEST, HOTTEST, 401)
    lost = [landscape.lost(temperature) for temperature in temperatures.tolist()]
    row = _ROW * max(lost)
    axes.plot(temperatures, lost, color="black", linewidth=1.2)
    axes.axvline(landscape.best, color=GREY, linestyle=(0, (4, 3)), linewidth=1, zorder=0)
    for number, (one, (marker, color)) in enumerate(zip(there, _LOOKS, strict=True), start=1):
        cups = one.shown.cups
        axes.plot(cups, [-number * row] * len(cups), "|", color=color, markersize=7, markeredgewidth=0.7)
        axes.plot(one.shown.temperature, -number * row, marker, color=color, markersize=8, markeredgecolor="black")
    name = landscape.name.capitalize()
    axes.set(xlabel="temperature, °C", ylabel="enjoyment lost", title=f"{name}: tries, and what is found")
    axes.set_yticks(range(int(max(lost)) + 1))
    axes.set_ylim(-row * (len(there) + 1), 1.05 * max(lost))
    axes.spines[["top", "right"]].set_visible(False)


def _draw_figures(axes: Axes, there: Sequence[Performance], figures: Sequence[float], dashes: str) -> None:
    """A line for a landscape, and a marker for each way on it: full on the first line, half full on the next."""
    first = dashes == _DASHES[0]
    counts = [len(assumptions_of(one.way)) for one in there]
    axes.plot(counts, figures, linestyle=dashes, color="0.6", linewidth=1.2, label=there[0].landscape.name, zorder=1)
    for one, count, figure, (marker, color) in zip(there, counts, figures, _LOOKS, strict=True):
        label = one.way.name if first else None
        fill = "full" if first else "left"
        axes.plot(
            count, figure, marker, color=color, markersize=8, markeredgecolor="black", fillstyle=fill, label=label
        )
    axes.set_xlabel("assumptions")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
