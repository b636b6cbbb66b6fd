"""`convspec check`: everything that is wrong with pipeline files."""

from __future__ import annotations

import click

from convspec.errors import WRONG_INPUT, PipelineError, Problem
from runners.cli.output import echo, echo_json, json_option, setting_option


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@setting_option
@json_option
def command(files: tuple[str, ...], settings: tuple[str, ...], as_json: bool) -> int:
    """Say everything that is wrong with pipeline files.

    FILE is a YAML file, or the name of a shipped pipeline. Exits with 2 where anything is wrong.
    """
    from convspec.loading import load_all
    from convspec.searching import Searching

    problems: list[Problem] = []
    notes: dict[str, str] = {}
    for file in files:
        try:
            found = load_all(file, settings)
        except PipelineError as error:
            problems += error.problems
            if not as_json:
                echo(str(error))
        else:
            note = found.shortage if isinstance(found, Searching) else ""
            notes |= {file: note} if note else {}
            if not as_json:
                echo(f"{file}: fine{f' ({note})' if note else ''}")
    if as_json:
        echo_json({"problems": [problem.plain() for problem in problems], **({"notes": notes} if notes else {})})
    elif problems:
        echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")
    return WRONG_INPUT if problems else 0
