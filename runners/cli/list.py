"""`convspec list`: shipped pipelines and recorded runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convspec import shipped
from runners.cli.output import echo, echo_error, echo_json, figure_text, json_option, table, tracking_option

if TYPE_CHECKING:
    from runners.tracking.listing import RunSummary


@click.command("list")
@click.option(
    "--most", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs, the newest first."
)
@click.option("--children", is_flag=True, help="Show the runs of comparisons and searches below them.")
@tracking_option
@json_option
def command(most: int, children: bool, tracking_uri: str | None, as_json: bool) -> None:
    """List shipped pipelines and recorded runs."""
    from runners.tracking.listing import list_runs
    from runners.tracking.orphans import sweep
    from runners.tracking.runs import open_store, store_exists

    home = Path.cwd()
    for orphan in sweep(home):
        echo_error(str(orphan))
    runs = []
    if store_exists(tracking_uri, home):
        runs = list_runs(open_store(tracking_uri, home), most, children=children)
    pipelines = [{"name": name, "purpose": shipped.purpose(name)} for name in shipped.names()]
    if as_json:
        echo_json({"pipelines": pipelines, "runs": [vars(run) for run in runs]})
        return
    echo(table(["pipeline", "purpose"], [[each["name"], each["purpose"]] for each in pipelines], text_columns=(0, 1)))
    echo("")
    if not runs:
        echo("No runs yet in this folder's store. Begin with: convspec run digits")
        return
    echo(_table(runs))


def _table(runs: Sequence[RunSummary]) -> str:
    head = ["run", "experiment", "what", "status", "started", "seconds"]
    rows = [
        [
            run.run_id,
            run.experiment,
            _what(run),
            run.status,
            run.started,
            "" if run.seconds is None else f"{run.seconds:.1f}",
        ]
        for run in runs
    ]
    for name, figures in (("accuracy/test", [r.accuracy for r in runs]), ("error/test", [r.error for r in runs])):
        if name == "accuracy/test" or any(figure is not None for figure in figures):
            head.append(name)
            for row, figure in zip(rows, figures, strict=True):
                row.append("" if figure is None else figure_text(figure))
    return table(head, rows, text_columns=(0, 1, 2, 3, 4))


def _what(run: RunSummary) -> str:
    if run.runs is not None:
        return f"{run.kind} of {run.runs:,} {'run' if run.runs == 1 else 'runs'}"
    return f"  {run.name}" if run.parent else run.name
