"""`convspec predict`: the answer of a trained network to a picture."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from runners.cli.output import echo, echo_json, json_option, table, tracking_option

if TYPE_CHECKING:
    from numpy.typing import NDArray


@click.command("predict")
@click.argument("run_id")
@click.argument("picture", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "--invert", is_flag=True, help="Swap black and white first: ink on paper for a network that learned light on dark."
)
@tracking_option
@json_option
def command(run_id: str, picture: Path, invert: bool, tracking_uri: str | None, as_json: bool) -> None:
    """Ask a trained network about INPUT, a picture file or a .npy file of one or several examples.

    Prints the votes for each class and the answer, or the numbers that were asked for. A picture file is stretched to
    the size of the data, what is transparent becomes white, and black and white become the lowest and the highest value
    of the data; so do bytes in a .npy.
    """
    from runners.prediction import load, read_input
    from runners.tracking.runs import model_folder, open_store

    home = Path.cwd()
    with TemporaryDirectory() as scratch:
        predictor = load(model_folder(open_store(tracking_uri, home), run_id, Path(scratch)) / "data")
    pictures = read_input(picture, predictor, invert=invert)
    votes = predictor.votes(pictures)
    data = predictor.loaded.plan.data
    if data.targets:
        _tell_numbers(votes, data.targets, as_json=as_json)
    else:
        _tell_answers(votes, data.classes, as_json=as_json)


def _tell_answers(votes: NDArray[Any], classes: tuple[str, ...], *, as_json: bool) -> None:
    """For each picture the votes, the highest first, and the class that has it."""
    answers = [classes[index] for index in votes.argmax(axis=1)]
    if as_json:
        single = len(votes) == 1
        echo_json({"votes": _one_or_all(votes), "answer": answers[0] if single else answers, "classes": list(classes)})
        return
    for row, answer in zip(votes, answers, strict=True):
        best = (-row).argsort(kind="stable")
        echo(table(["class", "votes"], [[classes[index], f"{row[index]:.4f}"] for index in best]))
        echo(f"answer: {answer}\n" if len(votes) > 1 else f"answer: {answer}")


def _tell_numbers(votes: NDArray[Any], targets: tuple[str, ...], *, as_json: bool) -> None:
    """For each picture the number that is told for each target."""
    if as_json:
        echo_json({"numbers": _one_or_all(votes), "targets": list(targets)})
        return
    for row in votes:
        text = table(["target", "number"], [[name, f"{value:.6g}"] for name, value in zip(targets, row, strict=True)])
        echo(f"{text}\n" if len(votes) > 1 else text)


def _one_or_all(votes: NDArray[Any]) -> Any:
    return votes[0].tolist() if len(votes) == 1 else votes.tolist()
