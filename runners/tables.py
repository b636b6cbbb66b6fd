"""Tables and figures as text."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: Sequence[int] = (0,)) -> str:
    """Columns that line up: text to the left, numbers to the right; a `-` row becomes a rule."""
    widths = [max(len(row[i]) for row in [header, *rows] if len(row) > i) for i in range(len(header))]
    lines = []
    for row in [header, ["-"], *rows]:
        if list(row) == ["-"]:
            lines.append("  ".join("-" * width for width in widths))
            continue
        cells = [
            cell.ljust(width) if index in text_columns else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def figure_text(value: float) -> str:
    """A figure with four decimals, or with four digits where these would not tell it."""
    return f"{value:.4f}" if value == 0 or 0.001 <= abs(value) < 1e6 else f"{value:.4g}"


def figure_of(metric: str, value: float) -> str:
    """The figure of a metric: counts are whole."""
    return f"{value:,.0f}" if metric in ("parameters", "multiply_adds") else figure_text(value)
