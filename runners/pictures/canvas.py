"""Figures of a size given in inches, with margins in inches, drawn without any window or global state."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#555555"
"""Told apart by everybody (Okabe and Ito 2008)."""

_DOTS_PER_INCH = 120


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    figure = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def add_axes(figure: Figure, left: float, bottom: float, *, width: float, height: float) -> Axes:
    """Axes whose lower left corner and size are given in inches: nothing has to be drawn to find out what fits."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def save(figure: Figure, path: Path) -> Path:
    """Writes the picture, of the kind that its name ends with."""
    figure.savefig(path, format=path.suffix[1:].lower())
    return path
