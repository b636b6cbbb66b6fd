"""What a search found as a table with its words, for a terminal, for a page and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convspec.designations import designation, explanations
from convspec.knobs import Knob, Range
from convspec.search import Objective
from convspec.searching import Searching
from runners.search.course import Course, Trial
from runners.search.front import front, ranked
from runners.search.importance import importances
from runners.search.points import Point
from runners.tables import figure_of, table

MOST_SHOWN, MOST_FAILED = 10, 5
"""Trials in a terminal's table, and reasons named below it."""


@dataclass(frozen=True)
class Report:
    """A search with everything that is told of it. `importance` is the share of each knob in what the first objective varies."""

    title: str
    knobs: tuple[Knob, ...]
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...]
    best: tuple[Trial, ...]
    importance: dict[str, float]
    rejected: Counter[str]
    exhausted: str = ""
    ends_early: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(knob.path for knob in self.knobs)

    @property
    def scales(self) -> dict[str, str]:
        """`log` or `linear` for each knob."""
        return {one.path: one.values.scale if isinstance(one.values, Range) else "linear" for one in self.knobs}

    def points(self) -> list[Point]:
        """What is drawn of the trials: those that measured something."""
        found = []
        for trial in self.trials:
            end = trial.end
            if end is not None and end.values is not None:
                choice = trial.candidate.choice
                knobs = {one.path: _place(one, choice[one.path]) for one in self.knobs if one.path in choice}
                found.append(Point(trial.number, end.values[0], knobs, end.status == "FINISHED"))
        return found

    @property
    def heading(self) -> str:
        aims = [f"{'maximize' if rises else 'minimize'} {metric}" for metric, rises in self.objectives]
        return f"{self.title}: {', '.join(aims)}"

    def counts(self) -> dict[str, int]:
        """How many trials ended in which way."""
        ends = [trial.end.status.lower() for trial in self.trials if trial.end is not None]
        return {status: ends.count(status) for status in ("finished", "stopped", "failed")}

    def text(self) -> str:
        """For a terminal: the best trials."""
        order = ranked(self.trials, self.objectives)
        rows = [self._cells(trial) for trial in order[:MOST_SHOWN]]
        rest = len(order) - len(rows)
        more = [f"... and {rest:,} more; --json has all of them."] if rest > 0 else []
        parts = [[self.heading], [table(self._header(), rows, text_columns=()), *more], *self._lines()]
        return "\n\n".join("\n".join(part) for part in parts if part)

    def markdown(self) -> str:
        """For a page: all finished trials."""
        names = self._header()
        cells = [names, ["---:"] * len(names), *map(self._cells, ranked(self.trials, self.objectives))]
        rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
        parts = [[f"# {self.heading}"], rows, *([f"- {line}" for line in lines] for lines in self._lines() if lines)]
        return "\n\n".join("\n".join(part) for part in parts) + "\n"

    def plain(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "title": self.title,
            "objectives": [
                {"metric": metric, "direction": "maximize" if rises else "minimize"}
                for metric, rises in self.objectives
            ],
            "trials": [self._plain(trial) for trial in self.trials],
            "best": [trial.number for trial in self.best],
            "counts": self.counts(),
            "importance": self.importance,
            "rejected": dict(self.rejected),
            "exhausted": self.exhausted,
        }

    def _plain(self, trial: Trial) -> dict[str, Any]:
        plan, end = trial.candidate.loaded.plan, trial.end
        assert end is not None, "a search is told of when it is over"
        return {
            "trial": trial.number,
            "status": end.status,
            "reason": end.reason,
            "values": None if end.values is None else list(end.values),
            "knobs": trial.candidate.choice,
            "parameters": plan.parameter_count,
            "multiply_adds": plan.multiply_adds,
            "metrics": dict(end.metrics),
            "epochs": end.epochs,
            "seconds": end.seconds,
            "pipeline_digest": trial.candidate.digest,
        }

    def _header(self) -> list[str]:
        metrics = [one.metric for one in self.objectives]
        sizes = [name for name in ("parameters", "multiply-adds") if name.replace("-", "_") not in metrics]
        return ["trial", *metrics, *_short(self.paths), *sizes, "seconds"]

    def _cells(self, trial: Trial) -> list[str]:
        end, choice, plan = trial.end, trial.candidate.choice, trial.candidate.loaded.plan
        assert end is not None and end.values is not None
        metrics = [one.metric for one in self.objectives]
        counts = {"parameters": plan.parameter_count, "multiply_adds": plan.multiply_adds}
        return [
            f"{trial.number}{'*' if len(self.objectives) > 1 and trial in self.best else ''}",
            *(figure_of(one.metric, value) for one, value in zip(self.objectives, end.values, strict=True)),
            *(designation(one, choice[one.path]) if one.path in choice else "-" for one in self.knobs),
            *(f"{count:,}" for name, count in counts.items() if name not in metrics),
            f"{end.seconds:.2f}",
        ]

    def _lines(self) -> list[list[str]]:
        """What is said below the table, in paragraphs of lines."""
        counts = self.counts()
        said = [f"{len(self.trials)} trials: {', '.join(f'{count} {how}' for how, count in counts.items() if count)}."]
        if len(self.best) > 1:
            said.append("* nothing beats it in all objectives at once.")
        if self.rejected:
            many = sum(self.rejected.values())
            reason = self.rejected.most_common(1)[0][0]
            said.append(f"{many:,} choices could not be trained and cost no trial, most often: {reason}")
        if self.exhausted:
            said.append(f"The search {'ended early' if self.ends_early else 'is complete'}: {self.exhausted}.")
        named = [f"{name} {share:.0%}" for name, share in self.importance.items()]
        about = f"Of the differences in {self.objectives[0].metric}, roughly, from {counts['finished']:,} trials"
        weights = [f"{about}: {', '.join(named)}."] if named else []
        named_by_number = [line for knob in self.knobs for line in explanations(knob)]
        return [said, named_by_number, weights, self._failures()]

    def _failures(self) -> list[str]:
        failed = [one for one in self.trials if one.end is not None and one.end.status == "FAILED"]
        lines = [f"Failed: trial {one.number}: {one.end.reason}" for one in failed[:MOST_FAILED] if one.end]
        rest = len(failed) - MOST_FAILED
        return [*lines, f"Failed: {rest:,} more; --json has all of them."] if rest > 0 else lines


def report_of(searching: Searching, course: Course, *, exhausted: str = "") -> Report:
    """What is told of a search that is over."""
    objectives = searching.search.objectives
    return Report(
        searching.experiment,
        searching.search.turned,
        objectives,
        tuple(course.trials),
        tuple(front(course.trials, objectives)),
        importances(searching, course.trials),
        course.proposals.rejected,
        exhausted,
        searching.search.trials is not None or exhausted == course.out_of_time,
    )


def _place(knob: Knob, value: object) -> float | str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else designation(knob, value)  # type: ignore[arg-type]


def _short(paths: Sequence[str]) -> list[str]:
    """The paths without the steps that are not needed to tell them apart."""
    steps = [path.split(".") for path in paths]
    found = []
    for mine in steps:
        for count in range(1, len(mine) + 1):
            tail = mine[-count:]
            if sum(other[-count:] == tail for other in steps) == 1:
                break
        found.append(".".join(tail))
    return found
