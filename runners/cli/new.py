"""`convspec new`: a commented pipeline file to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from convspec.errors import UserError
from runners.cli.output import echo, echo_json, json_option

STARTER = Path(__file__).parent / "starter.yaml"


@click.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def command(file: Path, as_json: bool) -> None:
    """Write a commented pipeline file to begin with. Never overwrites."""
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(STARTER.read_text(encoding="utf-8"))
    except FileExistsError:
        raise UserError(f"{file} is there already.", hint="Give another name.") from None
    except OSError as error:
        raise UserError(
            f"{file} cannot be written: {error.strerror}.", hint="Give a path in a folder of yours."
        ) from None
    if as_json:
        echo_json({"file": str(file)})
    else:
        echo(f"Wrote {file}. Next: convspec show {file}, then convspec run {file}")
