"""What a comparison says about one architecture, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from runners.compare.power import MOST_SEEDS


class Standing(Protocol):
    """How an architecture stands; see `statistics.Row`."""

    @property
    def name(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def p(self) -> float | None: ...
    @property
    def needed(self) -> int | None: ...


def verdict(row: Standing, best: str, *, group: Sequence[str], is_same: bool) -> str:
    """What can be said of an architecture against the best one, and against the best of its group.

    `group` holds the names of its group, the best first, and is empty where nothing was tested; `is_same` says that no seed
    tells it from that best one.
    """
    if not group:
        return "one seed: no test" if row.count == 1 else ""
    if row.name == best:
        return (
            f"the best, not distinguishable from {_listed(group[1:])}"
            if len(group) > 1
            else "the best, better than each of the others tested"
        )
    sentences = [] if group[0] == best else [f"worse than {best} (p {p_text(row.p, sign=True)})"]
    if row.name != group[0] and is_same:
        sentences.append(f"the same as {group[0]} at every seed")
    elif row.name != group[0]:
        sentences.append(f"not distinguishable from {group[0]} at these seeds ({_seeds(row.needed)} would be needed)")
    return "; ".join(sentences)


def p_text(p: float | None, *, sign: bool = False) -> str:
    """A probability as it is printed: `0.0123`, or `< 0.0001`; with `sign`, `= 0.0123`."""
    if p is None:
        return ""
    return "< 0.0001" if p < 0.0001 else f"{'= ' if sign else ''}{p:.4f}"


def _seeds(needed: int | None) -> str:
    return f"more than {MOST_SEEDS:,} seeds" if needed is None else f"about {needed:,} seeds"


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} others"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
