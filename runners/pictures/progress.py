"""Cost and accuracy, or error, by epoch, for training and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from runners.pictures.canvas import BLUE, GREY, VERMILION, add_axes, new_figure, save

_MOST_MARKED = 40  # epochs; beyond, markers run into each other


class Epoch(Protocol):
    """What is drawn of an epoch: its figures by name. `number` counts from 1; without validation there are none of it."""

    @property
    def number(self) -> int: ...
    @property
    def training(self) -> Mapping[str, float]: ...
    @property
    def validation(self) -> Mapping[str, float]: ...


def curves(history: Sequence[Epoch], figure_name: str, path: Path) -> Path:
    """The cost and another figure side by side; the epoch with the lowest validation cost is marked."""
    figure = new_figure(10, 4.2)
    best = _best(history)
    for name, left in (("cost", 0.75), (figure_name, 5.75)):
        axes = add_axes(figure, left, 0.6, width=4.0, height=2.8)
        values = [(epoch.number, epoch.training[name], epoch.validation.get(name)) for epoch in history]
        _draw(axes, values, title=name.capitalize(), best=best)
        if name != "accuracy":
            axes.set_ylim(bottom=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="upper center", ncols=3, frameon=False)
    return save(figure, path)


def _best(history: Sequence[Epoch]) -> int | None:
    validated = [(epoch.validation["cost"], epoch.number) for epoch in history if epoch.validation]
    return min(validated)[1] if validated else None


def _draw(axes: Axes, values: Sequence[tuple[int, float, float | None]], *, title: str, best: int | None) -> None:
    epochs = [epoch for epoch, _, _ in values]
    marker = "o" if len(values) <= _MOST_MARKED else ""
    axes.plot(epochs, [value for _, value, _ in values], color=BLUE, marker=marker, markersize=3.5, label="training")
    held = [(epoch, value) for epoch, _, value in values if value is not None]
    if held:
        label = "validation"
        axes.plot(*zip(*held, strict=True), color=VERMILION, marker=marker and "s", markersize=3.5, label=label)
    if best is not None:
        axes.axvline(best, color=GREY, linestyle=(0, (4, 3)), linewidth=1, label=f"best epoch: {best}", zorder=1)
    axes.set_title(title, fontsize=12)
    axes.set_xlabel("epoch")
    axes.set_ylabel(title.lower())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
