"""`convspec reproduce`: runs a recorded pipeline again and compares the weights to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from convspec.errors import RUN_FAILED, UserError
from runners.cli.output import echo, echo_json, json_option, tracking_option


@click.command("reproduce")
@click.argument("run_id")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; those of the run by default.")
@tracking_option
@json_option
def command(run_id: str, threads: int | None, tracking_uri: str | None, as_json: bool) -> int:
    """Train RUN_ID's pipeline again and say whether the weights are the same to the bit.

    Nothing new is recorded. Exits with 1 where the weights differ, after saying what differs in the environment.
    """
    from runners import environment, files
    from runners.cli.progress import progress
    from runners.experiment import Experiment
    from runners.interruption import Interruption
    from runners.processes import processes
    from runners.tracking.runs import download, find_run, open_store

    store = open_store(tracking_uri, Path.cwd())
    recorded = find_run(store, run_id)
    expected = recorded.tags.get("convspec.weights_sha256")
    if expected is None:
        raise UserError(f"Run {run_id} has no finished weights.", hint="Only a run that finished can be reproduced.")
    with TemporaryDirectory() as scratch:
        loaded = files.read_pipeline(download(store, recorded.run_id, files.PIPELINE_FILE, Path(scratch)))
    then = json.loads(recorded.tags.get("convspec.environment", "{}"))
    threads_then = then.pop("threads", None)
    threads = threads or int(threads_then or environment.cores())
    device = recorded.tags.get("convspec.device", "auto").partition(" ")[0]
    compiled = recorded.tags.get("convspec.compiled") == "true"
    shown = progress()
    with processes(loaded, threads=threads, device=device, compiled=compiled) as together:
        experiment = Experiment.prepare(
            loaded,
            threads=threads,
            begun=recorded.tags.get("convspec.engine"),
            device=device,
            compiled=compiled,
            processes=together,
        )
        together.wait_until_ready()
        with Interruption() as interruption:
            weights = experiment.train([shown], stop=interruption)
    shown.close()
    found = files.digest(files.weights_bytes(weights))
    differences = environment.differences(then, environment.describe(experiment.engine.name))
    if experiment.dataset.checksum != recorded.tags.get("convspec.data_sha256"):
        differences.insert(0, "the data")
    same = found == expected
    if as_json:
        echo_json(
            {
                "same": same,
                "run_id": recorded.run_id,
                "weights_sha256": found,
                "recorded_sha256": expected,
                "differences": differences,
            }
        )
    else:
        echo(f"recorded  {expected}\nnow       {found}")
        echo("The weights are the same to the bit." if same else "The weights differ.")
        if not same or differences:
            echo(
                "\n".join(f"  {line}" for line in differences)
                or "  Nothing in the environment that is recorded differs."
            )
    return 0 if same else RUN_FAILED
