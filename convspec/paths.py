"""The one path grammar: `training.optimizer.adam.learning_rate`, `network.edges.features`, `network[0].features`."""

from __future__ import annotations

import re

from convspec.document import Mark, Node, Scalar, parse
from convspec.errors import PipelineError, Problem
from convspec.hints import did_you_mean
from convspec.network import Location, locations

_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,6})\]")


class PathError(ValueError):
    """A path that is not written right, or leads nowhere."""


def parse_path(path: str) -> Location:
    """`network[0].features` as ("network", 0, "features"). Raises PathError."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or (position == 0 and match.group(0)[0] in ".["):
            raise PathError(f"{path} is not a path; write it as training.epochs or network[0].features")
        steps.append(match.group(1) if match.group(1) is not None else int(match.group(2)))
        position = match.end()
    if not steps:
        raise PathError("a path is missing before the =")
    return tuple(steps)


def locate(tree: object, path: Location) -> Location:
    """Where a path leads in a file's plain value: layer names become positions, and the layer's kind is put in between.

    The last steps need not be there yet. Raises PathError where a layer does not exist.
    """
    found: list[str | int] = []
    for step in path:
        here = value_at(tree, tuple(found))
        if found and found[-1] == "network" and len(found) == 1 and isinstance(step, str):
            names = locations(here)
            if step not in names:
                raise PathError(f"no layer is called {step}. {did_you_mean(step, names)}")
            found[:] = names[step]
            continue
        if isinstance(here, list) and not (isinstance(step, int) and step < len(here)):
            raise PathError(
                f"{format_path(tuple(found))} has {len(here)} entries, so there is no [{step}] (they count from 0)"
            )
        kind = _kind_of_layer(here, found)
        if kind is not None and step != kind:
            found.append(kind)
        found.append(step)
    return tuple(found)


def _kind_of_layer(here: object, at: list[str | int]) -> str | None:
    """The kind of the layer that stands here, where one does."""
    if not at or at[0] != "network" or not isinstance(at[-1], int):
        return None
    if isinstance(here, str):
        return here
    if isinstance(here, dict) and len(here) == 1:
        return str(next(iter(here)))
    return None


def value_at(tree: object, location: Location) -> object:
    """The plain value at a location, or None where there is none."""
    for step in location:
        if (isinstance(tree, dict) and step in tree) or (
            isinstance(tree, list) and isinstance(step, int) and step < len(tree)
        ):
            tree = tree[step]  # type: ignore[index]
        else:
            return None
    return tree


def format_path(location: Location, names: dict[Location, str] | None = None) -> str:
    """A location as people write it; `names` gives layers by their place, whose kind is then left out."""
    text, index = "", 0
    while index < len(location):
        name = (names or {}).get(location[: index + 1])
        step = location[index]
        if name is not None:
            text = f"network.{name}"
            index += 2
            continue
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
        index += 1
    return text


def apply_setting(tree: Node, setting: str) -> Node:
    """The tree with `PATH=VALUE` put in, VALUE being any YAML value. Raises PipelineError."""
    path, equals, text = setting.partition("=")
    mark = Mark("--set", 1, 1, setting)
    if not equals:
        raise _wrong(mark, f"--set takes PATH=VALUE. Got {setting}.")
    try:
        location = locate(tree.plain(), parse_path(path.strip()))
    except PathError as error:
        raise _wrong(mark, f"{error}.".replace("..", ".")) from None
    value = parse(text, "--set", column_offset=len(path) + 1, source=setting)
    return _replaced(tree, location, value, mark)


def _wrong(mark: Mark, message: str) -> PipelineError:
    return PipelineError([Problem(mark.file, mark.line, mark.column, "", message, "", mark.source)])


def _replaced(node: Node, location: Location, value: Node, mark: Mark) -> Node:
    """A copy of the tree along one path; keys that are missing are made, and a name alone becomes a mapping."""
    if not location:
        return value
    step, rest = location[0], location[1:]
    if isinstance(node.value, list) and isinstance(step, int):
        items = list(node.value)
        items[step] = _replaced(items[step], rest, value, mark)
        return Node(items, node.mark)
    values: dict[Scalar, Node] = {}
    key_marks: dict[Scalar, Mark] = {}
    if isinstance(node.value, dict):
        values, key_marks = dict(node.value), dict(node.key_marks or {})
    elif isinstance(node.value, str) and node.value == step:
        key_marks[step] = node.mark
    values[step] = _replaced(values.get(step, Node(None, mark)), rest, value, mark)
    key_marks.setdefault(step, mark)
    return Node(values, node.mark, key_marks)
