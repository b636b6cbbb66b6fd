"""The one path grammar: `training.optimizer.adam.learning_rate`, `network.edges.features`, `network[0].features`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from convspec.choice import Option
from convspec.document import parse
from convspec.errors import Mark, PipelineError, problem_at
from convspec.layers import Layer
from convspec.network import Location, locations
from convspec.nodes import Node

_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,6})\]")


class PathError(Exception):
    """A path that is not written right, or leads nowhere; `word` is the piece of it at fault."""

    def __init__(self, message: str, word: str, *, hint: str) -> None:
        super().__init__(message)
        self.message, self.word, self.hint = message, word, hint


def parse_path(path: str) -> Location:
    """`network[0].features` as ("network", 0, "features"). Raises PathError."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or (position == 0 and match.group(0)[0] in ".["):
            raise PathError(
                f"{path} is not a path", path[position:], hint="Write it as training.epochs or network[0].features."
            )
        steps.append(match.group(1) if match.group(1) is not None else int(match.group(2)))
        position = match.end()
    if not steps:
        raise PathError("a path is missing before the =", "", hint="Write it as training.epochs=3.")
    return tuple(steps)


def locate(tree: object, path: Location) -> Location:
    """Where a path leads in a file's plain value: layer names become positions, and the layer's kind is put in between.

    The last steps need not be there yet. Raises PathError where a layer or an entry does not exist.
    """
    found: list[str | int] = []
    for index, step in enumerate(path):
        here = value_at(tree, tuple(found))
        if _is_network(found) and isinstance(step, str):
            found += _layer_called(step, here)[1:]
            continue
        if found == ["architectures"]:
            _check_architecture(step, here)
        _check_entry(step, here, found)
        kind = _kind_of_layer(here, found)
        if kind is not None and (step != kind or _is_field(kind, path[index + 1 :])):
            found.append(kind)
        found.append(step)
    return tuple(found)


def _check_architecture(name: str | int, architectures: object) -> None:
    if isinstance(architectures, dict) and name not in architectures:
        from convspec.hints import did_you_mean

        raise PathError(
            f"no architecture is called {name}", str(name), hint=did_you_mean(str(name), map(str, architectures))
        )


def _is_network(at: Sequence[str | int]) -> bool:
    """Whether a list of layers stands here."""
    return at == ["network"] or (len(at) == 2 and at[0] == "architectures")


def _is_field(kind: str, rest: Location) -> bool:
    """Whether a layer's own field is meant by the name of its kind, as in `network.join.branches[0]`."""
    return kind in Layer.below(kind).key_names() and (not rest or isinstance(rest[0], int))


def _layer_called(name: str, network: object) -> Location:
    names = locations(network)
    if name not in names:
        from convspec.hints import did_you_mean

        raise PathError(f"no layer is called {name}", name, hint=did_you_mean(name, names))
    return names[name]


def _check_entry(step: str | int, here: object, at: Sequence[str | int]) -> None:
    """A position must be one of a list; a list has positions only; an option's fields stand below its name."""
    where = format_path(tuple(at))
    if isinstance(here, list) and isinstance(step, str):
        raise PathError(f"{where} is a list", step, hint=f"Write {where}[0] for its first entry.")
    if isinstance(here, list) and isinstance(step, int) and step >= len(here):
        count = f"{len(here)} entr{'y' if len(here) == 1 else 'ies'}"
        raise PathError(f"{where} has {count}, so there is no [{step}]", f"[{step}]", hint="They count from 0.")
    if not isinstance(here, list) and isinstance(step, int):
        raise PathError(f"{where} is no list, so there is no [{step}]", f"[{step}]", hint=f"Set {where} as a whole.")
    option = _option(here)
    if option is not None and step not in Option.options():
        raise PathError(f"{where} is {option}", str(step), hint=f"Write {where}.{option}.{step}.")


def _option(here: object) -> str | None:
    """The name of the option that is chosen here, a layer excepted, where one is."""
    word = here if isinstance(here, str) else next(iter(here)) if isinstance(here, dict) and len(here) == 1 else None
    return str(word) if word in Option.options() and word not in Layer.options() else None


def _kind_of_layer(here: object, at: list[str | int]) -> str | None:
    """The kind of the layer that stands here, where one does."""
    if not at or at[0] not in ("network", "architectures") or not isinstance(at[-1], int):
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


def format_path(location: Location, names: Mapping[Location, str] | None = None) -> str:
    """A location as people write it, the kinds of layers left out; `names` gives layers by their place."""
    text = ""
    for index, step in enumerate(location):
        name = (names or {}).get(location[: index + 1])
        if name is not None:
            text = f"network.{name}"
        elif isinstance(step, int):
            text += f"[{step}]"
        elif index == 0 or not isinstance(location[index - 1], int):
            text += f".{step}" if text else step
    return text


def apply_setting(tree: Node, setting: str) -> Node:
    """The tree with `PATH=VALUE` put in, VALUE being any YAML value. Raises PipelineError."""
    path, equals, text = setting.partition("=")
    try:
        if not equals:
            raise PathError("a setting is written PATH=VALUE", "", hint="Write it as training.epochs=3.")
        location = locate(tree.plain(), parse_path(path.strip()))
    except PathError as error:
        column = setting.find(error.word) + 1
        raise PipelineError([problem_at(Mark("--set", 1, column, setting), f"{error.message}.", error.hint)]) from None
    mark = Mark("--set", 1, max(path.rfind("."), path.rfind("[")) + 2, setting)
    value = parse(text, "--set", column_offset=len(path) + 1, source=setting)
    return _replaced(tree, location, value, mark)


def put(tree: Node, location: Location, value: Node) -> Node:
    """The tree with a value put in at a location, as a setting does."""
    return _replaced(tree, location, value, value.mark)


def _replaced(node: Node, location: Location, value: Node, mark: Mark) -> Node:
    """A copy of the tree along one path; keys that are missing are made, and a name alone becomes a mapping."""
    if not location:
        return value
    step, rest = location[0], location[1:]
    if isinstance(node.value, list) and isinstance(step, int):
        items = list(node.value)
        items[step] = _replaced(items[step], rest, value, mark)
        return Node(items, node.mark)
    step = str(step)
    values, key_marks = _fields_beside(node, step)
    values[step] = _replaced(values.get(step, Node(None, mark)), rest, value, mark)
    if not rest:
        key_marks[step] = mark
    return Node(values, node.mark if key_marks.keys() - {step} else mark, {step: mark, **key_marks})


def _fields_beside(node: Node, key: str) -> tuple[dict[str, Node], dict[str, Mark]]:
    """The keys of a mapping that stay when `key` is set: all of them, but an option makes way for another one."""
    if isinstance(node.value, str) and node.value == key:
        return {}, {key: node.mark}
    if not isinstance(node.value, dict):
        return {}, {}
    options = Option.options()
    if key in options and list(node.value) != [key] and set(node.value) <= options.keys():
        return {}, {}
    return dict(node.value), dict(node.key_marks)
