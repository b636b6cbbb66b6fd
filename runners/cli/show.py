"""`convspec show`: what a pipeline implies before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from convspec.layers.layer import by
from convspec.plan import LayerPlan
from runners.cli.output import bytes_text, echo, echo_json, json_option, setting_option, table
from runners.report import describe_plan

HEADER = ("layer", "shape", "parameters", "multiply-adds", "memory", "receptive field")


@click.command("show")
@click.argument("file")
@setting_option
@json_option
def command(file: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Show layers, shapes and costs before anything is trained.

    Shapes are channels x extents (height x width); costs and memory are those of one example.
    """
    from convspec.loading import load

    loaded = load(file, settings)
    training = loaded.pipeline.training
    plan = describe_plan(loaded.plan, training)
    if as_json:
        echo_json(plan)
        return
    rows = [["data", by(loaded.plan.data.shape), "", "", "", ""]]
    rows += _rows(loaded.plan.layers)
    rows.append(["-"])
    totals = (plan["parameters"], plan["multiply_adds"])
    rows.append(["total", "", f"{totals[0]:,}", f"{totals[1]:,}", bytes_text(plan["activation_bytes"]), ""])
    echo(table(HEADER, rows, text_columns=(0, 1)))
    if training is not None:
        how = f"with batches of {training.batch}"
        if training.optimizer.takes_every_example:
            how = f"on all examples for each step, {training.together} at a time,"
        echo(f"\nTraining {how} takes about {bytes_text(plan['training_bytes'])}.")


def _rows(layers: Sequence[LayerPlan], indent: str = "") -> Iterator[list[str]]:
    """One row for each layer; those within a layer stand indented before it, as its output is what it makes of theirs."""
    for layer in layers:
        for stack in layer.stacks:
            yield from _rows(stack, f"{indent}  ")
        yield [
            indent + layer.name,
            by(layer.output_shape),
            f"{layer.parameter_count:,}" if layer.parameters else "",
            f"{layer.multiply_adds:,}" if layer.multiply_adds else "",
            bytes_text(layer.activation_bytes),
            by(layer.receptive_field),
        ]
