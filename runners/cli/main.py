"""The group of commands, each imported only when it is called, and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from convspec.errors import INTERRUPTED, RUN_FAILED, PipelineError, UserError
from runners.cli.output import echo, echo_error

COMMANDS = {
    "new": "Write a commented pipeline file to begin with.",
    "check": "Say everything that is wrong with pipeline files.",
    "show": "Show layers, shapes and costs before anything is trained.",
    "diff": "Show two pipelines or runs side by side.",
    "gradcheck": "Hold backpropagation against numerical gradients.",
    "run": "Train a pipeline and record the run.",
    "compare": "Compare architectures over seeds, with statistics.",
    "predict": "Ask a trained network about a picture.",
    "reproduce": "Run again and compare the weights to the bit.",
    "list": "List shipped pipelines and recorded runs.",
    "sync": "Send what the store does not have yet.",
    "ui": "Open MLflow's pages on the recorded runs.",
    "tea": "Search one knob in five ways, from robust to fast.",
    "schema": "Print the JSON Schema of a pipeline file, for editors.",
}


class _Commands(click.Group):
    """Knows the commands by name and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"runners.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            self._unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def _unknown(self, ctx: click.Context, word: str) -> NoReturn:
        from convspec.hints import did_you_mean

        raise click.UsageError(f"There is no command {word}. {did_you_mean(word, COMMANDS)}", ctx)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(package_name="convspec", message="%(prog)s %(version)s")
def commands() -> None:
    """Declarative pipelines and tracked experiments for convolutional networks.

    One YAML file says which data, which layers in which order, and how to train. Begin with `convspec run digits`,
    or `convspec new mine.yaml`.
    """


def run_command_line(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code. What a user can cause is one message, never a traceback."""
    as_json = "--json" in arguments
    try:
        code = commands.main(args=list(arguments), prog_name="convspec", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except UserError as error:
        return _fail(error, as_json=as_json)
    except click.ClickException as error:
        error.show()
        if as_json:
            echo(json.dumps({"error": error.format_message()}))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        echo_error("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _nobody_reads()
        echo_error(f"Error: {error.strerror}.")
        return RUN_FAILED


def _fail(error: UserError, *, as_json: bool) -> int:
    if as_json:
        if isinstance(error, PipelineError):
            echo(json.dumps({"problems": [problem.plain() for problem in error.problems]}))
        else:
            echo(json.dumps({"error": error.message, "hint": error.hint}))
    echo_error(str(error) if isinstance(error, PipelineError) else f"Error: {error}")
    return error.exit_code


def _nobody_reads() -> int:
    """The reader of a pipe has gone (`convspec show x | head`): nothing is wrong, and nothing can be said."""
    import os
    import sys

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
