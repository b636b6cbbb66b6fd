"""`convspec predict`: the votes of a trained network for a picture."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from runners.cli.output import echo, echo_json, json_option, table, tracking_option


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

    Prints the votes for each class and the answer. A picture file is stretched to the size of the data, what is
    transparent becomes white, and black and white become the lowest and the highest value of the data; so do bytes in a .npy.
    """
    import numpy as np

    from runners.prediction import load, read_input
    from runners.tracking.runs import model_folder, open_store

    home = Path.cwd()
    with TemporaryDirectory() as scratch:
        predictor = load(model_folder(open_store(tracking_uri, home), run_id, Path(scratch)) / "data")
    pictures = read_input(picture, predictor, invert=invert)
    votes = predictor.votes(pictures)
    answers = [predictor.classes[index] for index in votes.argmax(axis=1)]
    if as_json:
        single = len(votes) == 1
        echo_json(
            {
                "votes": votes[0].tolist() if single else votes.tolist(),
                "answer": answers[0] if single else answers,
                "classes": list(predictor.classes),
            }
        )
        return
    for row, answer in zip(votes, answers, strict=True):
        best = np.argsort(-row, kind="stable")
        echo(table(["class", "votes"], [[predictor.classes[index], f"{row[index]:.4f}"] for index in best]))
        echo(f"answer: {answer}\n" if len(votes) > 1 else f"answer: {answer}")
