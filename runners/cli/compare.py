"""`convspec compare`: recorded runs against each other, with statistics over their seeds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convspec.errors import UserError
from runners.cli.output import echo, echo_error, echo_json, json_option, tracking_option

if TYPE_CHECKING:
    from runners.compare.report import Report
    from runners.compare.selection import Chosen
    from runners.tracking.reading import Reader


@click.command("compare")
@click.argument("words", nargs=-1, required=True, metavar="FILE|EXPERIMENT|RUN_ID...")
@click.option("--metric", help="What to compare by; accuracy/test, or error/test where numbers are told, by default.")
@click.option("--better", type=click.Choice(["higher", "lower"]), help="Which is better, for a metric of your own.")
@click.option("--log", "kept", is_flag=True, help="Keep table and pictures with the run that all of them belong to.")
@tracking_option
@json_option
def command(
    words: tuple[str, ...],
    metric: str | None,
    better: str | None,
    kept: bool,
    tracking_uri: str | None,
    as_json: bool,
) -> None:
    """Compare architectures over the seeds that they were trained with.

    FILE compares its architectures, as last recorded; EXPERIMENT all that is recorded there; the RUN_ID of a comparison or a
    search the runs that belong to it. Runs that differ in nothing but the seed are one architecture. docs/comparing.md says
    how to read the table.
    """
    from runners.tracking.orphans import sweep
    from runners.tracking.reading import reader

    home = Path.cwd()
    for orphan in sweep(home):
        echo_error(str(orphan))
    with reader(tracking_uri, home) as runs, _nothing_collected():
        report, parent = _compared(runs, words, metric, better)
        if kept:
            _keep(runs, report, parent)
    if as_json:
        echo_json(report.plain())
    else:
        echo(report.text())


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Rows by the hundred thousand stay until the end: looking through them for rubbish takes a quarter of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _compared(
    runs: Reader, words: tuple[str, ...], metric: str | None, better: str | None
) -> tuple[Report, str | None]:
    """The report, and the run that it belongs to, where there is one."""
    from runners.compare.groups import grouped
    from runners.compare.report import report
    from runners.compare.selection import choose

    chosen = choose(runs, words)
    members, notes = grouped(list(chosen.runs.values()))
    notes += _changed(chosen, words[0]) if len(words) == 1 else ()
    higher = None if better is None else better == "higher"
    return report(members, metric=metric, higher_is_better=higher, title=chosen.title, notes=notes), chosen.parent


def _changed(chosen: Chosen, file: str) -> tuple[str, ...]:
    """A note where a file no longer says what was compared."""
    from datetime import datetime

    from convspec.loading import find
    from runners.family.folder import identity_of_run

    before = identity_of_run(Path.cwd(), chosen.parent) if chosen.parent else None
    path = find(file)
    if before is None or path.resolve() != Path(before.file) or path.read_bytes().decode("utf-8-sig") == before.text:
        return ()
    began = datetime.fromtimestamp(min(run.started_ms for run in chosen.runs.values()) / 1000).astimezone()
    return (f"{file} has changed since; this is the comparison of {began:%Y-%m-%d %H:%M}.",)


def _keep(runs: Reader, report: Report, parent: str | None) -> None:
    from tempfile import TemporaryDirectory

    from runners.compare.keeping import write
    from runners.tracking.reading import keep

    if parent is None:
        hint = "Compare the RUN_ID of a comparison or a search, or leave --log out."
        raise UserError("These runs do not all belong to one run that could keep the comparison.", hint=hint)
    with TemporaryDirectory() as scratch:
        keep(runs.client(), parent, write(report, Path(scratch)))
