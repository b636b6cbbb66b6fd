"""`convspec gradcheck`: backpropagation against numerical gradients, and what each of the two costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from convspec.errors import RUN_FAILED, out_of_memory
from runners.cli.output import echo, echo_error, echo_json, engine_option, json_option, setting_option, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runners.gradcheck import GradientCheck, GradientReport

HEADER = ("layer", "parameter", "weights checked", "largest relative error", "at a kink")
MOST_NAMED = 8


@click.command("gradcheck")
@click.argument("file")
@setting_option
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    help="Examples in the batch; 8 by default, fewer for large networks.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    help="Weights to check of each parameter; by default what takes a few seconds.",
)
@click.option("--all", "every", is_flag=True, help="Check every weight.")
@engine_option
@json_option
def command(
    file: str,
    settings: tuple[str, ...],
    examples: int | None,
    most: int | None,
    every: bool,
    engine: str | None,
    as_json: bool,
) -> int:
    """Hold backpropagation against numerical gradients, and say what each costs.

    Computes in double precision, at the first weights moved a little at random, on examples of the first epoch, with
    the pipeline's cost and one draw of dropout. Of each parameter the weights with the largest slopes are checked, and
    others that follow from the seed. A weight is at a kink where the cost has no slope, as relu has none at 0.

    Exits with 1 where a relative error reaches 1e-6, or all weights of a parameter are at a kink.
    """
    from convspec.loading import load
    from runners.cli.progress import Counter
    from runners.environment import cores
    from runners.gradcheck import GradientCheck

    if every and most is not None:
        raise click.UsageError("--all checks every weight, --most only so many. Leave one of them out.")
    if engine is not None:
        settings = (*settings, f"engine={engine}")
    try:
        check = GradientCheck(load(file, settings), threads=cores(), examples=examples)
        most = None if every else most or check.default_most
        shown = Counter(check.weights_to_check(most))
        try:
            report = check.run(most=most, told=shown.count)
        finally:
            shown.close()
    except MemoryError as error:
        raise out_of_memory(error) from None
    if as_json:
        echo_json(describe(check, report))
    else:
        _print(check, report)
    return RUN_FAILED if report.wrong else 0


def describe(check: GradientCheck, report: GradientReport) -> dict[str, Any]:
    """A report for `--json`; an error that is null could not be measured, or is no number."""
    return {
        "fine": not report.wrong,
        "parameters": [{**vars(one), "fine": one.fine} for one in report.parameters],
        "examples": len(check.truth),
        "engine": check.engine.name,
        "slopes": report.slopes,
        "backpropagation_seconds": report.backward_seconds,
        "numerical_passes": report.all_passes,
        "numerical_seconds": report.all_seconds,
        "measured_passes": report.passes,
        "ratio": report.ratio,
        "suspects": report.suspects(check.plan),
    }


def _print(check: GradientCheck, report: GradientReport) -> None:
    rows = [
        [
            one.layer,
            one.parameter,
            f"{one.checked:,} of {one.weights:,}",
            "-" if one.error is None else f"{one.error:.1e}",
            f"{one.at_kink:,}" if one.at_kink else "",
        ]
        for one in report.parameters
    ]
    echo(table(HEADER, rows, text_columns=(0, 1)))
    echo(f"\nbackpropagation  {report.slopes:,} slopes in {_time(report.backward_seconds)}, one pass forward and back")
    echo(
        f"numerically      {report.all_passes:,} passes forward, {_time(report.all_seconds)}: "
        f"{report.ratio:,.0f} times as long (by {report.passes:,} passes that were made)"
    )
    echo(f"computed with    {check.engine.name}, in float64, {len(check.truth)} examples")
    for line in _wrong(check, report):
        echo_error(line)


def _wrong(check: GradientCheck, report: GradientReport) -> Iterator[str]:
    errors = [f"{one.name} {one.error:.1e}" for one in report.wrong if one.error is not None]
    if errors:
        more = f" and {len(errors) - MOST_NAMED:,} more" if len(errors) > MOST_NAMED else ""
        yield (
            f"Error: the slopes by backpropagation are not those of the cost. Relative errors: "
            f"{', '.join(errors[:MOST_NAMED])}{more}. A way back is wrong in {_either(report.suspects(check.plan))}."
        )
    unknown = [one.name for one in report.wrong if one.error is None]
    if unknown:
        yield (
            f"Error: all weights that were checked of {', '.join(unknown)} are at a kink, so nothing is known of "
            "them. Check more with --most, or take fewer --examples."
        )


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.0f} h"
