"""`convspec show`: what a pipeline implies before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from convspec.layers.layer import by
from convspec.plan import LayerPlan
from convspec.values import shown
from runners.cli.output import bytes_text, echo, echo_json, json_option, setting_option, table
from runners.report import describe_plan

if TYPE_CHECKING:
    from convspec.knobs import Knob
    from convspec.loading import Loaded, Several
    from convspec.searching import Searching

HEADER = ("layer", "shape", "parameters", "multiply-adds", "memory", "receptive field")


@click.command("show")
@click.argument("file")
@setting_option
@json_option
def command(file: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Show layers, shapes and costs before anything is trained.

    Shapes are channels x extents (height x width); costs and memory are those of one example. Of several architectures the
    totals are shown; FILE@ARCHITECTURE shows one of them. Of a search its pipeline is shown as it stands.
    """
    from convspec.loading import Loaded, Several, load, load_all

    found = load(file, settings) if "@" in file else load_all(file, settings)
    if isinstance(found, Loaded):
        _show_one(found, as_json=as_json)
    elif isinstance(found, Several):
        _show_several(found, as_json=as_json)
    else:
        _show_one(found.base, as_json=as_json)
        if not as_json:
            _show_search(found)


def _show_search(searching: Searching) -> None:
    search = searching.search
    rows = [[knob.path, "any" if knob.size is None else f"{knob.size:,}", _values(knob)] for knob in search.turned]
    echo(f"\n{table(('knob', 'values', 'which'), rows, text_columns=(0, 2))}")
    aims = [f"{'maximize' if rises else 'minimize'} {metric}" for metric, rises in search.objectives]
    size = "no end of combinations" if search.size is None else _count(search.size, "combination")
    trials = "all of them are tried" if search.trials is None else f"{_count(search.trials, 'trial')}"
    echo(f"\nSearch: {', '.join(aims)}; {size}, {trials}, chosen by {search.strategy.kind}.")
    echo(f"What of it is valid, and how long it takes: convspec run {searching.file} --dry-run")


def _values(knob: Knob) -> str:
    from convspec.knobs import Range

    values = knob.values
    if not isinstance(values, Range):
        text = ", ".join(shown(value, quotes=False) for value in values)
        return text if len(text) <= 60 else f"{text[:57]}..."
    how = f", step {values.step:g}" if values.step is not None else ", log" if values.scale == "log" else ""
    return f"{values.start:g} to {values.to:g}{how}"


def _show_several(several: Several, *, as_json: bool) -> None:
    plans = {
        member.architecture: describe_plan(member.loaded.plan, member.loaded.pipeline.training)
        for member in several.architectures
    }
    seeds = list(dict.fromkeys(member.seed for member in several.members))
    if as_json:
        echo_json({"architectures": plans, "seeds": seeds})
        return
    rows = [
        [
            name,
            str(len(plan["layers"])),
            f"{plan['parameters']:,}",
            f"{plan['multiply_adds']:,}",
            bytes_text(plan["activation_bytes"]),
            bytes_text(plan["training_bytes"]),
        ]
        for name, plan in plans.items()
    ]
    echo(table(("architecture", "layers", "parameters", "multiply-adds", "memory", "in training"), rows))
    echo(f"\nEach is trained with {_count(len(seeds), 'seed')}: {', '.join(map(str, seeds))}.")
    echo(f"Layers and shapes of one: convspec show {several.file}@{next(iter(plans))}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _show_one(loaded: Loaded, *, as_json: bool) -> None:
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
