"""How the rows of a comparison are printed: cells, lines of words, the legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isinf

from runners.compare.statistics import Comparison, Row
from runners.compare.words import p_text
from runners.tables import figure_text

COSTS = {"parameters": "parameters", "multiply_adds": "multiply-adds", "seconds": "seconds of training"}
"""What a front holds quality against, and how it is called."""
_MOST_LISTED = 40


def header(comparison: Comparison) -> list[str]:
    """The names of the columns."""
    interval = f"{comparison.level:.0%} interval"
    return [
        "architecture",
        "seeds",
        "mean",
        "sd",
        interval,
        "p",
        "d",
        "group",
        "parameters",
        "multiply-adds",
        "seconds",
    ]


def cells(row: Row, costs: Mapping[str, float | None]) -> list[str]:
    """One architecture; what is not known is left empty."""
    parameters, multiply_adds, seconds = (costs[name] for name in COSTS)
    return [
        row.name,
        str(row.count),
        figure_text(row.mean),
        "" if row.sd is None else figure_text(row.sd),
        "" if row.interval is None else " to ".join(map(figure_text, row.interval)),
        p_text(row.p),
        "" if row.effect is None or isinf(row.effect) else f"{row.effect:.2f}",
        "" if row.group is None else str(row.group),
        "" if parameters is None else f"{parameters:,.0f}",
        "" if multiply_adds is None else f"{multiply_adds:,.0f}",
        "" if seconds is None else f"{seconds:.1f}",
    ]


def front_lines(fronts: Mapping[str, Sequence[str]], metric: str) -> list[str]:
    """One line for each front that has anything on it."""
    shown = {cost: ", ".join(names[:_MOST_LISTED]) for cost, names in fronts.items() if names}
    return [f"Pareto front of {metric} against {COSTS[cost]}: {names}" for cost, names in shown.items()]


def legend(best: str) -> str:
    """What the columns mean."""
    return (
        "`sd` is the standard deviation over seeds, the interval that of the mean (Student's t). `p` is of the paired test "
        f"against {best} over the same seeds, corrected for all pairs (Holm); `d` is Cohen's d, the difference in standard "
        "deviations of the differences (negative: less than the best). Architectures that cannot be told from the best of a "
        "group at these seeds share its `group`."
    )


def escaped(text: str) -> str:
    """Text for a page of Markdown in which nothing is taken for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("\n", " ")
