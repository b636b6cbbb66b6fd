"""What commands print: text for people, one JSON object for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shutil import which
from typing import Any

import click

from runners.tables import figure_text as figure_text
from runners.tables import table as table

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
setting_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a value of the file, such as training.epochs=3.",
)
tracking_option = click.option(
    "--tracking-uri", metavar="URI", help="MLflow store; mlflow.db in this folder by default."
)


engine_option = click.option(
    "--engine", type=click.Choice(["auto", "numpy", "torch"]), help="What computes; the file's `engine` by default."
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    help="Where PyTorch computes; by default on a CUDA device if there is one.",
)
processes_option = click.option(
    "--processes",
    type=click.IntRange(1, 256),
    help="Processes that share each batch; the file's `processes` by default.",
)
compile_option = click.option("--compile", "compiled", is_flag=True, help="Compile the steps of training with PyTorch.")
on_option = click.option(
    "--on",
    metavar="ray[://ADDRESS]",
    help="Train the runs of a file with several over a Ray cluster: one that is started here, or the one at HOST:PORT or auto.",
)
cpus_option = click.option(
    "--cpus", type=click.IntRange(1), help="Processors that each run takes of a cluster; 1 by default."
)
gpus_option = click.option(
    "--gpus",
    type=click.FloatRange(0),
    help="GPUs that each run takes of a cluster; none by default, 0.5 is half of one.",
)


def echo(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def echo_error(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def echo_json(value: Any) -> None:
    """The one JSON object of a `--json` command; a number that is not finite is null."""
    echo(json.dumps(_finite(value), ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def bytes_text(count: int) -> str:
    """A number of bytes as people read it: 2,048 is `2.0 KiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def program() -> str:
    """How this program is called: by its name, or by its path where the shell would not find it."""
    return "convspec" if which("convspec") or not sys.argv[0].endswith("convspec") else sys.argv[0]


def see_it(run_id: str, uri: str) -> str:
    """The line that says how a run is looked at; the store is named unless it is the one of this folder."""
    option = "" if uri.endswith(f"{Path.cwd()}/mlflow.db") else f" --tracking-uri {uri}"
    return f"See it:   {program()} ui {run_id}{option}"
