"""The features of a first layer, drawn as small matrices."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from runners.pictures.canvas import add_axes, new_figure, save

_COLORS = "RdBu_r"  # red above 0, blue below, white at 0; told apart by everybody
_ACROSS, _MOST = 8, 64  # tiles in a row, and in all
_TILE, _STEP = 0.8, 1.1  # inches

Weight = NDArray[np.floating[Any]]


def first_layer_features(weight: Weight, path: Path) -> Path:
    """Each feature of (features, channels, height, width) as a matrix; in colour where the channels are red, green, blue.

    One scale, symmetric around 0, holds for all. With other numbers of channels each channel is a matrix of its own. Features of
    one dimension, (features, channels, length), are matrices with one row for each channel.
    """
    title = _title(weight)
    weight = weight if weight.ndim == 4 else weight[:, np.newaxis]
    limit = float(np.abs(weight).max()) or 1.0
    tiles = list(_tiles(weight))
    across = min(_ACROSS, len(tiles)) if weight.shape[1] in (1, 3) else min(_ACROSS, weight.shape[1])
    wide, high = across * _STEP, ceil(len(tiles[:_MOST]) / across) * _STEP
    left = max(0.3, (4.2 - wide) / 2)  # a narrow grid stands in the middle below the title
    figure = new_figure(wide + 2 * left + 0.6, high + 0.7)
    axes = add_axes(figure, left, 0.2, width=wide, height=high)
    axes.set_axis_off()
    for index, (name, tile) in enumerate(tiles[:_MOST]):
        _draw(axes, tile / limit, name=name, left=index % across * _STEP, top=index // across * _STEP)
    axes.set(xlim=(-0.02, wide - 0.02), ylim=(high + 0.02, 0.02))
    title += f" (the first {_MOST} of {len(tiles)} matrices)" if len(tiles) > _MOST else ""
    figure.suptitle(title, fontsize=11, y=1 - 0.15 / (high + 0.7), va="top")
    scale = ScalarMappable(Normalize(-limit, limit), "gray" if weight.shape[1] == 3 else _COLORS)
    place = add_axes(figure, left + wide, 0.22, width=0.15, height=high - 0.3)
    figure.colorbar(scale, cax=place, ticks=[-limit, 0, limit], format="%.2g")
    place.set_title("weight", fontsize=9)
    place.tick_params(labelsize=9)
    return save(figure, path)


def _tiles(weight: Weight) -> Iterator[tuple[str, Weight]]:
    """(name, (height, width) or (height, width, 3)), features and channels counted from 1."""
    for number, feature in enumerate(weight, start=1):
        if len(feature) == 1:
            yield f"{number}", feature[0]
        elif len(feature) == 3:
            yield f"{number}", feature.transpose(1, 2, 0)
        else:
            yield from ((f"{number}, channel {channel}", tile) for channel, tile in enumerate(feature, start=1))


def _title(weight: Weight) -> str:
    features, channels, *size = weight.shape
    title = f"First layer: {features} feature{'s' * (features > 1)} of {' x '.join(map(str, size))}"
    if channels == 3 and len(size) == 2:
        title += ", red, green and blue"
    elif channels > 1:
        title += f" over {channels} channels"
    return title


def _draw(axes: Axes, tile: Weight, *, name: str, left: float, top: float) -> None:
    """A tile from -1 to 1, its name above it, in a box of one size for all."""
    height, width = tile.shape[:2]
    top += _STEP - _TILE
    right, bottom = left + _TILE * width / max(tile.shape[:2]), top + _TILE * height / max(tile.shape[:2])
    colors = (tile + 1) / 2 if tile.ndim == 3 else tile
    axes.imshow(colors, cmap=_COLORS, vmin=-1, vmax=1, extent=(left, right, bottom, top), aspect="auto")
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="0.5", linewidth=0.6))
    axes.text(left, top - 0.04, name, fontsize=7.5, color="0.3", va="bottom")
