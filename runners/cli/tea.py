"""`convspec tea`: one knob, five ways to find where it is best, and what each of them assumes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convspec.errors import UserError
from runners.cli.output import echo, echo_json, json_option, table

if TYPE_CHECKING:
    from runners.tea.demonstration import Performance

KINDS = (".png", ".svg", ".pdf")
"""What the name of a picture may end with."""
HEADER = ("way", "tries", "found", "off by", "enjoyment lost", "mean tries", "finds the best")


@click.command("tea")
@click.option(
    "--start",
    type=click.FloatRange(0, 100),
    default=20.0,
    show_default=True,
    help="The temperature of the first cup, in degrees.",
)
@click.option(
    "--starts",
    type=click.IntRange(min=1, max=10_000),
    default=200,
    show_default=True,
    help="Starts at random, over which tries are averaged and success is counted.",
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="What is drawn follows from it.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a picture (.png, .svg or .pdf): assumptions against performance.",
)
@json_option
def command(start: float, starts: int, seed: int, picture: Path | None, as_json: bool) -> None:
    """Find the best temperature of tea in five ways: one knob, no network, no data.

    The fewer assumptions a way makes, the more robust and the slower it is. Every cup that is drunk is a try. Each way
    searches where the enjoyment has one valley, and where iced tea is a second one, less deep: once from --start in
    detail, and from many starts. What is within 1 degree of the best counts as found.
    """
    from runners.tea.demonstration import compare
    from runners.tea.landscape import LANDSCAPES

    if picture is not None:
        _check_picture(picture)
    performances = compare(LANDSCAPES, start=start, starts=starts, seed=seed)
    if picture is not None:
        _draw(performances, picture)
    if as_json:
        echo_json(describe(performances))
        return
    _print(performances)
    if picture is not None:
        echo(f"\npicture  {picture}")


def describe(performances: Sequence[Performance]) -> dict[str, Any]:
    """All figures for `--json`."""
    from runners.tea.demonstration import assumptions_of

    found: dict[str, Any] = {"start": performances[0].shown.start, "starts": len(performances[0].others)}
    found["assumptions"] = {one.way.name: assumptions_of(one.way) for one in performances}
    found["landscapes"] = {}
    for one in performances:
        landscape = found["landscapes"].setdefault(one.landscape.name, {"best": one.landscape.best, "ways": {}})
        landscape["ways"][one.way.name] = {
            "tries": one.shown.tries,
            "temperature": one.shown.temperature,
            "off": one.shown.off,
            "lost": one.shown.lost,
            "mean_tries": one.mean_tries,
            "share_found": one.share_found,
        }
    return found


def _print(performances: Sequence[Performance]) -> None:
    first = performances[0]
    for name in dict.fromkeys(one.landscape.name for one in performances):
        there = [one for one in performances if one.landscape.name == name]
        echo(f"{name}, best at {there[0].landscape.best:g} °C, from {first.shown.start:g} °C\n")
        echo(table(HEADER, [_row(one) for one in there]))
        echo("")
    echo(f"Mean tries and how often the best is found: from {len(first.others):,} starts at random.\n")
    echo("What each takes for granted, besides what those above it do:\n")
    ways = [one.way for one in performances if one.landscape is first.landscape]
    echo(table(("way", "assumptions"), [[way.name, "; ".join(way.assumptions)] for way in ways], text_columns=(0, 1)))


def _row(one: Performance) -> list[str]:
    shown = one.shown
    lost = max(shown.lost, 0.0)  # what the second valley takes from the bottom of the first rounds to nothing
    return [
        one.way.name,
        f"{shown.tries}",
        f"{shown.temperature:.1f} °C",
        f"{shown.off:.1f} °C",
        f"{lost:.3f}",
        f"{one.mean_tries:.0f}",
        f"{one.share_found:.0%}",
    ]


def _check_picture(path: Path) -> None:
    """Raises UserError where a picture could not be written there, before anything is computed."""
    if path.suffix.lower() not in KINDS:
        got = f"Got {path.suffix}" if path.suffix else "Got none"
        raise UserError(
            f"{path}: the name of a picture must end with {', '.join(KINDS)}. {got}.", hint="Name it tea.png."
        )
    if not path.parent.is_dir():
        raise UserError(
            f"{path}: there is no folder {path.parent}.", hint="Make it, or write the picture somewhere else."
        )


def _draw(performances: Sequence[Performance], path: Path) -> None:
    from runners.pictures.trade import trade

    try:
        trade(performances, path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}.", hint="Write the picture somewhere else.") from None
