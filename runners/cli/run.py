"""`convspec run`: trains a pipeline and records the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runners.cli.output import (
    compile_option,
    cpus_option,
    device_option,
    echo,
    echo_error,
    echo_json,
    engine_option,
    figure_text,
    gpus_option,
    json_option,
    on_option,
    processes_option,
    program,
    see_it,
    setting_option,
    table,
    tracking_option,
)

if TYPE_CHECKING:
    from convspec.loading import Loaded
    from runners.result import Result
    from runners.training.findings import Findings

MOST_ROWS_SHOWN = 20
"""Classes or targets beyond which no table of them is printed."""


@click.command("run")
@click.argument("file")
@setting_option
@click.option("--resume", metavar="RUN_ID", help="Go on with a run that was interrupted.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads of each process, all cores by default. With numpy the result does not depend on it.",
)
@engine_option
@device_option
@processes_option
@compile_option
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Runs of a file with several that are trained at once; by default one for each core of this machine, which is also the "
    "most, or as many as fit into a cluster.",
)
@on_option
@cpus_option
@gpus_option
@click.option(
    "--again",
    is_flag=True,
    help="Train a file with several pipelines, or a search, anew, though it has been begun before.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say how many runs a comparison or a search would train and how long that takes; nothing is recorded.",
)
@tracking_option
@json_option
def command(  # noqa: PLR0913 - one for each option
    file: str,
    settings: tuple[str, ...],
    resume: str | None,
    threads: int | None,
    engine: str | None,
    device: str,
    processes: int | None,
    compiled: bool,
    workers: int | None,
    on: str | None,
    cpus: int | None,
    gpus: float | None,
    again: bool,
    dry_run: bool,
    tracking_uri: str | None,
    as_json: bool,
) -> None:
    """Train a pipeline, evaluate it on the test examples, and record the run in MLflow.

    FILE is a YAML file, or the name of a shipped pipeline (`convspec list`). The weights that are kept, evaluated and
    recorded are those of the epoch with the lowest cost on the validation examples.

    Of a file with several architectures or seeds every pair is trained and compared, of one with `search:` as many candidates
    as it says are; after an interruption the same command goes on. With --on ray they are trained over a Ray cluster.
    """
    from convspec.loading import Loaded, load, load_all
    from runners.cli.families import check_options, check_single, nodes_of, run_several, workers_here
    from runners.cli.progress import progress
    from runners.environment import cores
    from runners.family.request import Request as FamilyRequest
    from runners.place import Place
    from runners.tracked import Request, run
    from runners.tracking.orphans import sweep
    from runners.tracking.store import resolve_uri
    from runners.worker import follow

    place = Place.from_environment()
    processes = place.size if place else processes
    for name, value in (("engine", engine), ("processes", processes)):
        settings = settings if value is None else (*settings, f"{name}={value}")
    loaded = load(file, settings) if "@" in file else load_all(file, settings)
    if not isinstance(loaded, Loaded):
        check_options(resume=resume, compile=compiled, processes=processes)
        nodes = nodes_of(on, cpus=cpus, gpus=gpus, workers=workers, device=device)
        count = workers_here(workers, cores(), is_here=nodes is None)
        threads = threads or (nodes.cpus if nodes else max(1, cores() // count))
        uri = resolve_uri(tracking_uri, Path.cwd())
        asked = FamilyRequest(Path.cwd(), uri, count, threads, device, settings, again, nodes)
        run_several(loaded, asked, dry_run=dry_run, as_json=as_json)
        return
    check_single(workers=workers, again=again, on=on, cpus=cpus, gpus=gpus, dry_run=dry_run)
    threads = threads or max(1, cores() // (place.local_size if place else loaded.pipeline.processes))
    if place is not None and place.rank > 0:
        follow(loaded, place, threads=threads, device=device, compiled=compiled)
        return
    home = Path.cwd()
    uri = resolve_uri(tracking_uri, home)
    for orphan in sweep(home):
        echo_error(str(orphan))
    options = ("--tracking-uri", tracking_uri) if tracking_uri else ()
    request = Request(home, uri, threads, resume, settings, device, compiled, options)
    shown = progress()

    def show(result: Result) -> None:
        shown.close()
        if not as_json:
            _print(loaded, result)

    try:
        result = run(loaded, request, [shown], show=show)
    finally:
        shown.close()
    if as_json:
        echo_json(describe(result))
    else:
        _print_run(result, uri)


def describe(result: Result) -> dict[str, Any]:
    """A result for `--json`."""
    return {
        "run_id": result.run_id or None,
        "experiment_id": result.experiment_id or None,
        "metrics": result.metrics,
        "weights_sha256": result.weights_sha256,
        "seconds": result.seconds,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        **(result.findings.plain() if result.findings else {}),
        "note": result.note,
        "engine": result.engine,
        "device": result.device,
        "engine_reason": result.engine_reason,
    }


def _print(loaded: Loaded, result: Result) -> None:
    """What training gave, whether it is recorded or not."""
    if result.findings:
        _print_findings(result.findings, result.metrics)
    if result.epochs:
        best = f", best after {result.best_epoch}" if result.best_epoch else ""
        epochs = f"{result.epochs} epoch{'' if result.epochs == 1 else 's'}"
        echo(f"trained        {epochs}{best}, {result.metrics['time/training_seconds']:.2f} s")
    device = "" if result.device == "cpu" else f" on {result.device}"
    count = loaded.pipeline.processes
    shared = f", {count} processes" if count > 1 else ""
    echo(f"engine         {result.engine}{device}{shared}: {result.engine_reason}")
    echo(f"weights        sha256 {result.weights_sha256}")


def _print_run(result: Result, uri: str) -> None:
    """Where it is recorded, and what to do next."""
    echo(f"run            {result.run_id or 'not recorded yet'}  ({result.seconds:.1f} s in all)")
    if result.note:
        echo_error(result.note)
    if result.run_id:
        echo(f"\n{see_it(result.run_id, uri)}\nAsk it:   {program()} predict {result.run_id} PICTURE")


def _print_findings(findings: Findings, metrics: Mapping[str, float]) -> None:
    """A table of classes or targets, then each figure of the test examples but the cost."""
    head, rows = findings.table()
    if len(rows) <= MOST_ROWS_SHOWN:
        echo(f"{table(head, rows)}\n")
    remark = f"  ({findings.remark})"
    for name, value in metrics.items():
        if name.endswith("/test") and name != "cost/test":
            echo(f"{name:<13}  {figure_text(value)}{remark}")
            remark = ""
