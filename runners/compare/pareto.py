"""Fronts: what nothing else beats both in quality and in cost."""

from __future__ import annotations

from collections.abc import Mapping


def front(quality: Mapping[str, float], cost: Mapping[str, float | None], *, higher_is_better: bool) -> tuple[str, ...]:
    """The names that no other dominates, the cheapest first; those without a cost are left out.

    One dominates another if it is as good and as cheap at least, and better or cheaper; equals stand together.
    """
    sign = 1.0 if higher_is_better else -1.0
    points = sorted((known, -sign * quality[name], name) for name, known in cost.items() if known is not None)
    kept: list[str] = []
    least: tuple[float, float] | None = None  # cost and loss of the last one kept
    for price, loss, name in points:
        if least is None or loss < least[1] or (price, loss) == least:
            kept.append(name)
            least = (price, loss)
    return tuple(kept)
