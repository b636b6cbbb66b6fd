"""The confusion matrix: which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from runners.pictures.canvas import add_axes, new_figure, save

_MOST_COUNTED = 25  # classes whose counts fit into the cells
_MOST_NAMED = 50  # classes whose names fit beside the cells
_LETTER = 0.075  # inches that a letter takes


def confusion_matrix(matrix: ArrayLike, class_names: Sequence[str], path: Path) -> Path:
    """True classes in rows, answers in columns: counts, coloured by their share of the true class."""
    counts = np.asarray(matrix)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    side = float(np.clip(0.45 * len(counts), 2.6, 9))
    room = _LETTER * max((len(name) for name in class_names), default=0) if len(counts) <= _MOST_NAMED else 0.4
    left, bottom = 0.65 + room, 0.65 + (room if _turned(class_names) else 0.1)
    figure = new_figure(left + side + 1.2, bottom + side + 0.55)
    axes = add_axes(figure, left, bottom, width=side, height=side)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    bar = figure.colorbar(image, cax=add_axes(figure, left + side + 0.2, bottom, width=0.18, height=side))
    bar.set_label("share of the true class")
    _name(axes, class_names)
    if len(counts) <= _MOST_COUNTED:
        _count(axes, counts, shares, size=9 if side / len(counts) > 0.4 else 6.5)
    right = int(np.trace(counts))
    total = int(counts.sum())
    share = f": {right / total:.1%} right" if total else ""
    axes.set_title(f"Confusion matrix, {total:,} examples{share}", fontsize=11, pad=10)
    return save(figure, path)


def _name(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    if len(names) > _MOST_NAMED:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        return
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90 if _turned(names) else 0, parse_math=False)
    axes.set_yticks(places, names, parse_math=False)
    axes.tick_params(length=0, labelsize=9)


def _turned(names: Sequence[str]) -> bool:
    """Whether names are too long to stand side by side below the cells."""
    return max(map(len, names)) > 3


def _count(axes: Axes, counts: NDArray[Any], shares: NDArray[Any], *, size: float) -> None:
    """A number in every cell that is not empty."""
    for row, column in np.argwhere(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size - max(0, len(text) - 3))
