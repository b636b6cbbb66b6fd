"""Writes docs/pipelines.md, the reference of the pipeline file, from the specs themselves: `python docs/reference.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from convspec.choice import Choice, Option
from convspec.costs import Cost
from convspec.data import DataSource, Split, Tricks
from convspec.json_schema import json_schema_of
from convspec.knobs import Range
from convspec.layers import Layer
from convspec.optimizers import Optimizer
from convspec.pipeline import Pipeline
from convspec.schedules import Schedule, WarmUp
from convspec.search import Budget, Search, Stopping, Strategy
from convspec.spec import Spec
from convspec.training import Training
from convspec.variations import Variations

PAGE = Path(__file__).parent / "pipelines.md"
HEAD = """# The pipeline file

Every key, from the program's own description (`python docs/reference.py` writes this page). Keys without a default are required;
a key that is not here is an error. Sizes, windows and strides are one number, or one for each dimension: `[height, width]`.

Not just pictures: the data may have one dimension (sound, text) or three (volumes), `dimensions` under `source: arrays`; every
layer follows. "Pixels" are then samples, words or voxels.

A layer, a cost or an optimizer is its name alone (`relu`), or a mapping with that one key (`dropout: {rate: 0.5}`). Any layer
may be given a `name:`; others are numbered by kind (`convolution_1`). Names stand in tables, errors, metrics and in paths:
`--set network.edges.features=8`, `--set network[0].features=8`, `--set training.optimizer.adam.learning_rate=0.01`.

File paths start from the folder of the pipeline file.
"""
SEVERAL = """
`convspec run FILE` then trains every architecture with every seed and compares them. Under one seed all of them see the same
examples in the same order. `FILE@NAME` is one of the architectures, for `show` and other commands that take one pipeline.
Paths go through their names: `--set architectures.deep.edges.features=8`.
"""
NUMBERS = """
## Numbers instead of classes

A network may tell numbers as well. Here two of them say where on the picture a digit's ink has its middle; any `.npz` with
`targets` (n,) or (n, k) beside its `images` will do:

```python
import numpy as np
from sklearn.datasets import load_digits

images = load_digits().images / 16
ink, steps = images.sum(axis=(1, 2)), np.arange(8)
middle = np.stack([images.sum(axis=2) @ steps / ink, images.sum(axis=1) @ steps / ink], axis=1)
np.savez("ink.npz", images=images.astype(np.float32), targets=middle)
```

```yaml
experiment: ink
data: {source: arrays, images: ink.npz, target_names: [row, column]}
network:
  - convolution: {features: 8, size: 3}
  - relu
  - fully_connected: {neurons: 16}
  - relu
  - fully_connected: {neurons: 2}
training:
  epochs: 20
  cost: squared
  optimizer: {adam: {learning_rate: 0.003}}
```

The network ends with as many values as there are numbers, and the cost says how far these are off: any but `cross_entropy`.
The error (`error/validation`, `error/test`) is the mean absolute one, in the targets' own unit; `r2` is the share of their
variance that is explained, averaged over them: 1 is all of it, 0 no more than telling their mean every time. Targets are learned
fastest where they are of the size of 1: divide degrees or dollars first.
"""


SEARCHING = """
[searching.md](searching.md) says how to use it. The rest of the file is the pipeline as it stands: what `show` shows, and where
paths lead.
"""


def page() -> str:
    """The whole page."""
    parts = [
        HEAD,
        *_section("The file", Pipeline),
        *_section("Several pipelines in one file", Variations),
        SEVERAL,
        "\n## data\n",
        *_choices(DataSource, "source: "),
    ]
    parts += _section("split", Split, level=3)
    parts += _section("tricks", Tricks, level=3)
    parts += ["\n## network\n", *_choices(Layer, "")]
    parts += _section("training", Training)
    parts += ["\n### Costs\n", *_choices(Cost, "cost: ", level=4)]
    parts += ["\n### Optimizers\n", *_choices(Optimizer, "optimizer: ", level=4)]
    parts += ["\n### Schedules\n", *_choices(Schedule, "schedule: ", level=4)]
    parts += _section("warm_up", WarmUp, level=4)
    parts += _section("search", Search)
    parts += [SEARCHING, *_section("A range of values", Range, level=3), *_section("budget", Budget, level=3)]
    parts += ["\n### Strategies\n", *_choices(Strategy, "strategy: ", level=4)]
    parts += ["\n### Stopping early\n", *_choices(Stopping, "stopping: ", level=4)]
    return "\n".join([*parts, NUMBERS])


def _choices(base: type[Choice], prefix: str, *, level: int = 3) -> Iterator[str]:
    for word, option in base.options().items():
        yield from _section(f"`{prefix}{word}`", option, level=level)


def _section(title: str, spec: type[Spec], *, level: int = 2) -> Iterator[str]:
    yield f"\n{'#' * level} {title}\n"
    yield " ".join((spec.__doc__ or "").split("\n\n")[0].split())
    rows = list(_rows(spec))
    if rows:
        yield "\n| key | values | default | |\n|---|---|---|---|"
        yield from rows


def _rows(spec: type[Spec]) -> Iterator[str]:
    schema = json_schema_of(spec)
    for name, field in spec.fields().items():
        key = field.alias or name
        if key == "name" and issubclass(spec, Option):
            continue
        values = _values(schema["properties"][key]).replace("|", "\\|")
        default = "required" if field.is_required else _default(field)
        yield f"| `{key}` | {values} | {default} | {field.description} |"


def _default(field: object) -> str:
    factory = getattr(field, "default_factory", None)
    value = factory().plain() if factory else getattr(field, "default", None)
    if value is None or value == "":
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value).replace("'", "")
    return f"`{text}`"


def _values(schema: dict[str, object]) -> str:
    """What a JSON Schema accepts, in words."""
    match schema:
        case {"anyOf": [*forms]}:
            return " or ".join(_values(form) for form in forms if form != {"type": "null"})  # type: ignore[arg-type]
        case {"enum": [*words]}:
            return ", ".join(f"`{word}`" for word in words)
        case {"$ref": str(reference)}:
            return f"a {reference.rpartition('/')[2]}"
        case {"type": "array", "prefixItems": [*items]}:
            return f"list of {len(items)}"
        case {"type": "array", "items": {}} if not schema["items"]:
            return "list of anything"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_values(items)}"
    names = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "`true`, `false`",
        "object": "mapping",
    }
    limits = [
        f"{sign} {schema[limit]:g}" if isinstance(schema[limit], float) else f"{sign} {schema[limit]}"
        for limit, sign in (
            ("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"),
        )
        if limit in schema
    ]  # fmt: skip
    return " ".join([names[str(schema["type"])], ", ".join(limits)]).strip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
