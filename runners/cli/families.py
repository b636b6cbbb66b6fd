"""How `convspec run` runs a file that holds several pipelines, and what it prints of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from convspec.errors import UserError
from runners.cli.output import echo, echo_error, echo_json, figure_text, see_it

if TYPE_CHECKING:
    from convspec.loading import Several
    from convspec.searching import Searching
    from runners.family.comparison import Comparison
    from runners.family.request import Nodes, Request
    from runners.family.task import Outcome

FIRST = ("accuracy/test", "error/test", "cost/test", "accuracy/validation", "cost/validation")
"""The figure that is shown of a training that is over: the first of these that it has."""


def run_several(found: Several | Searching, request: Request, *, dry_run: bool, as_json: bool) -> None:
    """Trains what a file with several pipelines, or a search, asks for; or says what that would be."""
    from convspec.loading import Several
    from runners.cli.dry import run_dry
    from runners.cli.searches import run_search

    if not isinstance(found, Several) and found.base.pipeline.processes > 1:
        what = "Several processes share the training of one run, and a search has many."
        raise UserError(what, hint="Leave processes out; --workers trains runs at once.")
    if dry_run:
        run_dry(found, request, as_json=as_json)
        return
    if not request.again and (changed := _changed(found, request)):
        echo_error(changed)
    if isinstance(found, Several):
        run_comparison(found, request, as_json=as_json)
    else:
        run_search(found, request, as_json=as_json)


def _changed(found: Several | Searching, request: Request) -> str:
    """What there is to say of a file that gave something before, and has changed since."""
    from convspec.loading import Several
    from runners.family import comparison, search
    from runners.family.folder import changed_since

    if isinstance(found, Several):
        identity = comparison.identity_of(found, request.settings)
    else:
        identity = search.identity_of(found, request.settings)
    return changed_since(request.home, identity, file=found.file)


def run_comparison(several: Several, request: Request, *, as_json: bool) -> None:
    """Trains every architecture with every seed and prints the table."""
    from runners.family.comparison import compare_architectures, identity_of
    from runners.family.folder import unfinished
    from runners.tracking.orphans import sweep

    going_on = unfinished(request.home, identity_of(several, request.settings))
    for orphan in sweep(request.home, but=going_on):
        echo_error(str(orphan))
    comparison = compare_architectures(several, request, FamilyProgress(reports=not as_json))
    if as_json:
        echo_json(_plain(comparison))
        return
    if comparison.known:
        echo(comparison.text)
    _print_end(comparison, request)


def _plain(comparison: Comparison) -> dict[str, object]:
    return {
        "run_id": comparison.run_id or None,
        "experiment_id": comparison.experiment_id or None,
        **comparison.report,
        "seconds": comparison.seconds,
        "note": comparison.note,
    }


def _print_end(comparison: Comparison, request: Request) -> None:
    if comparison.known:
        echo("\nNothing was trained: this is what the same file gave before. --again trains it anew.")
    seconds = "" if comparison.known else f"  ({comparison.seconds:.1f} s in all)"
    echo(f"\nrun   {comparison.run_id or 'not recorded yet'}{seconds}")
    if comparison.note:
        echo_error(comparison.note)
    if comparison.run_id:
        echo(f"\n{see_it(comparison.run_id, request.tracking_uri)}")


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


def check_options(**given: object) -> None:
    """Raises UsageError for an option that is not for several pipelines."""
    for name, value in given.items():
        if value:
            raise click.UsageError(f"--{name} is for a single run; this file holds several.")


def check_single(**given: object) -> None:
    """Raises UsageError for an option that is not for a single run."""
    for name, value in given.items():
        if value:
            option = name.replace("_", "-")
            raise click.UsageError(
                f"--{option} is for a file with several pipelines or a search; this one is a single run."
            )


def workers_here(asked: int | None, cores: int, *, is_here: bool) -> int:
    """How many workers there are on this machine; where they train (`is_here`), it says so if more were asked for."""
    count = min(asked or cores, cores)
    if is_here and asked is not None and asked > count:
        echo_error(f"{asked} workers asked for; {cores} core{'s' * (cores > 1)}: {count} worker{'s' * (count > 1)}.")
    return count


def nodes_of(on: str | None, *, cpus: int | None, gpus: float | None, workers: int | None, device: str) -> Nodes | None:
    """The cluster that options ask for, if they do. Raises UsageError or UserError where they do not fit together."""
    if on is None:
        for name, value in (("cpus", cpus), ("gpus", gpus)):
            if value is not None:
                raise click.UsageError(f"--{name} says what each run takes of a cluster, which --on ray asks for.")
        return None
    if device == "cuda" and not gpus:
        raise click.UsageError("--device cuda on a cluster needs --gpus: a run sees no GPU that it does not ask for.")
    from runners.family.request import Nodes

    return Nodes.of(on, cpus=cpus or 1, gpus=gpus or 0, workers=workers or 0)
