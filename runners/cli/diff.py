"""`convspec diff`: two pipelines or runs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import click

from convspec.layers.layer import by
from runners.cli.output import bytes_text, echo, echo_json, json_option, table, tracking_option
from runners.compare.difference import Change, Difference, Pairing, Standing

_MARKS = {"same": " ", "changed": "~", "added": "+", "removed": "-"}
_MOST_SAME = 2  # layers in a row that are listed though nothing differs
_LONGEST = 60  # letters of a value


@click.command("diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@tracking_option
@json_option
def command(a: str, b: str, tracking_uri: str | None, as_json: bool) -> None:
    """Show two pipelines or runs side by side.

    A and B are each a FILE, FILE@ARCHITECTURE, the name of a shipped pipeline, or a RUN_ID. Layers of the same kind stand beside
    each other: ~ differs, - is in A alone, + in B alone. Costs are those of one example.
    """
    from runners.compare.sides import side

    difference = Difference(side(a, tracking_uri), side(b, tracking_uri))
    if as_json:
        echo_json(difference.plain())
        return
    echo("\n\n".join(_paragraphs(difference)))


def _paragraphs(difference: Difference) -> Iterator[str]:
    yield f"A  {difference.a.file}\nB  {difference.b.file}"
    if difference.settings:
        rows = [[change.path, _clipped(change.a), _clipped(change.b)] for change in difference.settings]
        yield table(("setting", "A", "B"), rows, text_columns=(0, 1, 2))
    if all(pairing.change == "same" for pairing in difference.layers):
        yield "The networks are the same."
    else:
        yield _layers(difference)
    yield _totals(difference)


def _layers(difference: Difference) -> str:
    shape = _arrow(*(by(one.plan.data.shape) for one in (difference.a, difference.b)))
    rows = [["", "data", "", shape, "", ""]]
    for same, pairings in groupby(difference.layers, lambda pairing: pairing.change == "same"):
        several = list(pairings)
        if same and len(several) > _MOST_SAME:
            rows.append(["", f"... {len(several)} layers are the same", "", "", "", ""])
        else:
            rows += [_row(pairing) for pairing in several]
    return table(("", "layer", "settings", "shape", "parameters", "multiply-adds"), rows, text_columns=(0, 1, 2, 3))


def _row(pairing: Pairing) -> list[str]:
    sides = [one for one in (pairing.a, pairing.b) if one is not None]
    indent = "  " * sides[0].depth
    names, shapes, parameters, costs = zip(*map(_figures, sides), strict=True)
    return [
        _MARKS[pairing.change],
        indent + _arrow(*names),
        ", ".join(map(_change, pairing.changes)) if len(sides) == 2 else _settings(sides[0]),
        _arrow(*shapes),
        _arrow(*parameters),
        _arrow(*costs),
    ]


def _figures(one: Standing) -> tuple[str, str, str, str]:
    plan = one.plan
    parameters = f"{plan.parameter_count:,}" if plan.parameters else ""
    return plan.name, by(plan.output_shape), parameters, f"{plan.multiply_adds:,}" if plan.multiply_adds else ""


def _settings(one: Standing) -> str:
    return ", ".join(f"{path} {_clipped(value)}" for path, value in one.given.items())


def _change(change: Change) -> str:
    return f"{change.path} {_clipped(change.a) or 'none'} -> {_clipped(change.b) or 'none'}"


def _totals(difference: Difference) -> str:
    rows = []
    for name, shown in (("parameters", "{:,}"), ("multiply_adds", "{:,}"), ("activation_bytes", "")):
        a, b, ratio = difference.total(name)
        texts = [shown.format(value) if shown else bytes_text(value) for value in (a, b)]
        label = "memory" if name == "activation_bytes" else name.replace("_", "-")
        rows.append([label, *texts, "" if ratio is None else f"{ratio:.2f}" if ratio >= 0.01 else f"{ratio:.2g}"])
    return table(("total", "A", "B", "B / A"), rows)


def _arrow(*sides: str) -> str:
    """One text where both are the same."""
    return sides[0] if len(set(sides)) == 1 else " -> ".join(side or "none" for side in sides)


def _clipped(value: str | None) -> str:
    text = value or ""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
