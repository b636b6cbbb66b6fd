"""How `convspec run` runs a file with a search, and what it prints of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convspec.designations import designation
from runners.cli.families import plain, print_end
from runners.cli.output import echo, echo_json
from runners.tables import figure_of

if TYPE_CHECKING:
    from convspec.searching import Searching
    from runners.family.request import Request
    from runners.search.course import Trial


def run_search(searching: Searching, request: Request, *, as_json: bool) -> None:
    """Carries the search out and prints the best trials."""
    from runners.family.best import BEST_FILE
    from runners.family.search import search

    found = search(searching, request, SearchProgress(reports=not as_json))
    best = found.folder / BEST_FILE
    if as_json:
        echo_json(plain(found, best_file=str(best)))
        return
    if found.known:
        echo(found.text)
    print_end(found, request, again="searches anew", best=str(_near(best)))


def _near(path: Path) -> Path:
    """A path as it is called from the working folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


class SearchProgress:
    """A line on standard error for each trial that is over; what came of all goes to standard output if `reports`."""

    def __init__(self, *, reports: bool = False) -> None:
        self.reports = reports
        self.total, self.done = "", 0
        self.searching: Searching | None = None
        self.best: float | None = None

    def on_start(self, searching: Searching, done: Sequence[Trial]) -> None:
        self.searching, self.done = searching, len(done)
        trials = searching.search.trials or searching.search.size
        self.total = f"/{trials}" if trials else ""
        for trial in done:
            self._take(trial)

    def on_trial(self, trial: Trial) -> None:
        assert self.searching is not None and trial.end is not None
        self.done += 1
        self._take(trial)
        end, objectives = trial.end, self.searching.search.objectives
        said = [f"{self.done:>{max(0, len(self.total) - 1)}}{self.total}", f"trial {trial.number}"]
        said += [
            f"{one.metric} {figure_of(one.metric, value)}"
            for one, value in zip(objectives, end.values or (), strict=False)
        ]
        if self.best is not None and len(objectives) == 1:
            said.append(f"best {figure_of(objectives[0].metric, self.best)}")
        said.append(", ".join(self._knobs(trial)))
        said.append(f"{end.seconds:.2f} s" if end.status == "FINISHED" else end.reason)
        sys.stderr.write("  ".join(part for part in said if part) + "\n")
        sys.stderr.flush()

    def on_report(self, text: str) -> None:
        if self.reports:
            echo(text)

    def _knobs(self, trial: Trial) -> Iterator[str]:
        assert self.searching is not None
        choice = trial.candidate.choice
        for knob in self.searching.search.turned:
            if knob.path in choice:
                yield f"{knob.path.rpartition('.')[2]} {designation(knob, choice[knob.path])}"

    def _take(self, trial: Trial) -> None:
        """The first objective, if it is the best so far."""
        assert self.searching is not None and trial.end is not None
        if trial.end.status == "FINISHED" and trial.end.values:
            value, better = trial.end.values[0], max if self.searching.search.objectives[0].rises else min
            self.best = value if self.best is None else better(self.best, value)
