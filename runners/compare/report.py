"""A comparison as a table with its words, for a terminal, for a page and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, isinf
from statistics import fmean
from typing import Any

from convspec.errors import UserError
from runners.compare import layout
from runners.compare import members as rules
from runners.compare.members import FINISHED, Member
from runners.compare.pareto import front
from runners.compare.statistics import Comparison, Row, compare
from runners.tables import table

MOST_SHOWN, MOST_FAILED = 40, 10
"""Architectures in a terminal's table, and failures named below it."""


@dataclass(frozen=True)
class Architecture:
    """What is known of an architecture beside its statistics: the metric by seed, its size, and the mean of its seconds."""

    name: str
    values: Mapping[int, float]
    parameters: int | None
    multiply_adds: int | None
    seconds: float | None

    def costs(self) -> dict[str, float | None]:
        """By the names of `layout.COSTS`."""
        return {"parameters": self.parameters, "multiply_adds": self.multiply_adds, "seconds": self.seconds}


@dataclass(frozen=True)
class Failure:
    """A training that gave nothing to compare, and why."""

    architecture: str
    seed: int
    reason: str
    run_id: str

    def __str__(self) -> str:
        return f"{self.architecture} seed {self.seed}: {self.reason}"


@dataclass(frozen=True)
class Report:
    """A comparison with everything that is told of it: what is known of the architectures by name, the names on each front."""

    title: str
    metric: str
    comparison: Comparison
    architectures: Mapping[str, Architecture]
    fronts: Mapping[str, tuple[str, ...]]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """What is compared, by what."""
        return f"{self.title}: {self.metric}" if self.title else self.metric

    def text(self, most: int = MOST_SHOWN) -> str:
        """For a terminal; of more than `most` architectures, those that rank first."""
        rows = self.comparison.rows[:most]
        rest = len(self.comparison.rows) - most
        shown = table(layout.header(self.comparison), [self._cells(row) for row in rows])
        more = [f"... and {rest:,} more; --json has all of them."] if rest > 0 else []
        parts = [[self.heading], [shown, *more], *self._lines(rows)]
        return "\n\n".join("\n".join(part) for part in parts if part)

    def markdown(self) -> str:
        """For a page: the same of all architectures, with a legend."""
        names, rows = layout.header(self.comparison), self.comparison.rows
        cells = [names, ["---", *["---:"] * (len(names) - 1)]]
        cells += [[layout.escaped(cell) for cell in self._cells(row)] for row in rows]
        parts = [[f"# {layout.escaped(self.heading)}"], [f"| {' | '.join(row)} |" for row in cells]]
        parts += [[f"- {layout.escaped(line)}" for line in lines] for lines in self._lines(rows)]
        parts.append([layout.legend(layout.escaped(self.comparison.best))])
        return "\n\n".join("\n".join(part) for part in parts if part) + "\n"

    def plain(self) -> dict[str, Any]:
        """For `--json`; whatever is infinite or missing is null."""
        comparison = self.comparison
        return {
            "title": self.title,
            "metric": self.metric,
            "higher_is_better": comparison.higher_is_better,
            "level": comparison.level,
            "best": comparison.best,
            "architectures": [self._plain(row) for row in comparison.rows],
            "fronts": {cost: list(names) for cost, names in self.fronts.items()},
            "failures": [asdict(failure) for failure in self.failures],
            "notes": list(self.notes),
        }

    def _plain(self, row: Row) -> dict[str, Any]:
        known = self.architectures[row.name]
        plain = asdict(row) | known.costs()
        plain["interval"] = None if row.interval is None else list(row.interval)
        plain["effect"] = None if row.effect is None or isinf(row.effect) else row.effect
        plain["values"] = [{"seed": seed, "value": value} for seed, value in sorted(known.values.items())]
        plain["on_front"] = [cost for cost, names in self.fronts.items() if row.name in names]
        return plain

    def _cells(self, row: Row) -> list[str]:
        return layout.cells(row, self.architectures[row.name].costs())

    def _lines(self, rows: Sequence[Row]) -> list[list[str]]:
        """What is said below the table, in paragraphs of lines."""
        words = [f"{row.name}: {row.words}" for row in rows if row.words]
        failed = [f"Not compared: {each}" for each in self.failures[:MOST_FAILED]]
        rest = len(self.failures) - MOST_FAILED
        failed += [f"Not compared: {rest:,} more; --json has all of them."] if rest > 0 else []
        return [words, layout.front_lines(self.fronts, self.metric), [*failed, *self.notes]]


def report(
    members: Iterable[Member],
    *,
    metric: str | None = None,
    higher_is_better: bool | None = None,
    level: float = 0.95,
    title: str = "",
    notes: Sequence[str] = (),
) -> Report:
    """Compares the members that finished; those that did not are named with their reasons.

    Raises UserError where none finished, none has the metric, or it is not known whether more of it is better.
    """
    members = list(members)
    name = rules.metric_of(members, metric)
    better = rules.higher_is_better(name) if higher_is_better is None else higher_is_better
    reasons = [(member, _reason(member, name)) for member in members]
    usable = [member for member, reason in reasons if not reason]
    if not usable:
        raise UserError(f"In every finished run {name} is not a finite number.", hint="Their trainings diverged.")
    architectures = _architectures(usable, name)
    comparison = compare(
        {each.name: each.values for each in architectures.values()}, higher_is_better=better, level=level
    )
    means = {row.name: row.mean for row in comparison.rows}
    fronts = {
        cost: front(means, {each.name: each.costs()[cost] for each in architectures.values()}, higher_is_better=better)
        for cost in layout.COSTS
    }
    failures = tuple(Failure(one.architecture, one.seed, reason, one.run_id) for one, reason in reasons if reason)
    return Report(title, name, comparison, architectures, fronts, failures, tuple(notes))


def _reason(member: Member, metric: str) -> str:
    """Why a member cannot be compared; empty where it can."""
    if member.status != FINISHED:
        return member.reason or f"its status is {member.status}"
    if metric not in member.metrics:
        return f"it has no {metric}"
    return "" if isfinite(member.metrics[metric]) else f"its {metric} is not a finite number"


def _architectures(members: Iterable[Member], metric: str) -> dict[str, Architecture]:
    together: dict[str, list[Member]] = {}
    for member in members:
        together.setdefault(member.architecture, []).append(member)
    return {name: _architecture(name, group, metric) for name, group in together.items()}


def _architecture(name: str, group: Sequence[Member], metric: str) -> Architecture:
    seconds = [member.seconds for member in group if member.seconds is not None]
    return Architecture(
        name,
        {member.seed: member.metrics[metric] for member in group},
        next((member.parameters for member in group if member.parameters is not None), None),
        next((member.multiply_adds for member in group if member.multiply_adds is not None), None),
        fmean(seconds) if seconds else None,
    )
