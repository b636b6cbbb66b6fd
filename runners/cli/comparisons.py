"""How `convspec run` runs a file with several architectures, and what it prints of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runners.cli.families import plain, print_end
from runners.cli.output import echo, echo_json, figure_text

if TYPE_CHECKING:
    from convspec.loading import Several
    from runners.family.request import Request
    from runners.family.task import Outcome

FIRST = ("accuracy/test", "error/test", "cost/test", "accuracy/validation", "cost/validation")
"""The figure that is shown of a training that is over: the first of these that it has."""


def run_comparison(several: Several, request: Request, *, as_json: bool) -> None:
    """Trains every architecture with every seed and prints the table."""
    from runners.family.comparison import compare_architectures

    found = compare_architectures(several, request, FamilyProgress(reports=not as_json))
    if as_json:
        echo_json(plain(found))
        return
    if found.known:
        echo(found.text)
    print_end(found, request, again="trains it anew")


class FamilyProgress:
    """A line on standard error for each training that is over; what came of all goes to standard output if `reports`."""

    def __init__(self, *, reports: bool = False) -> None:
        self.total = self.done = 0
        self.reports = reports

    def on_start(self, total: int) -> None:
        self.total = total

    def on_outcome(self, name: str, outcome: Outcome) -> None:
        self.done += 1
        figure = next((f"{key} {figure_text(outcome.metrics[key])}" for key in FIRST if key in outcome.metrics), "")
        said = [f"{self.done:>{len(str(self.total))}}/{self.total}", name, figure]
        said += (
            [f"{outcome.seconds:.2f} s"] if outcome.status == "FINISHED" else [f"{outcome.status}: {outcome.reason}"]
        )
        sys.stderr.write("  ".join(part for part in said if part) + "\n")
        sys.stderr.flush()

    def on_report(self, text: str) -> None:
        if self.reports:
            echo(text)
