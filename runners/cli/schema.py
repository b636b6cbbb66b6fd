"""`convspec schema`: the JSON Schema of a pipeline file."""

from __future__ import annotations

import click

from runners.cli.output import echo, json_option


@click.command("schema")
@json_option
def command(as_json: bool) -> None:
    """Print the JSON Schema of a pipeline file, for editors.

    It accepts and rejects what `convspec check` does, but for rules that span several keys, such as shapes that fit.
    """
    import json

    from convspec.json_schema import json_schema_of
    from convspec.pipeline_file import PipelineFile

    echo(json.dumps(json_schema_of(PipelineFile), indent=None if as_json else 2))
