"""The layers of a network in the order in which they run, each with its unique name and its place in the file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from convspec.layers import Layer, Repeat

Location = tuple[str | int, ...]
"""The keys and positions that lead from the top of a file to a value."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z")

KINDS = frozenset(Layer.options())

Tree = TypeVar("Tree", "Placed", "_Named")


class Outline(NamedTuple):
    """What naming needs to know of a layer, however it is written."""

    kind: str
    name: str | None
    times: int = 1
    stacks: Mapping[Location, Sequence[Any]] = {}


class Placed(NamedTuple):
    """A layer that runs, its name, where it stands in the file (several stand in one place inside a `repeat`), and the stacks
    of layers within it."""

    name: str
    layer: Layer
    location: Location
    stacks: tuple[tuple[Placed, ...], ...] = ()


class _Named(NamedTuple):
    """An entry of a network with its name; the stacks within a `repeat` stand there as often as they run."""

    name: str
    entry: Any
    location: Location
    stacks: tuple[tuple[_Named, ...], ...]


def place(network: Sequence[Layer]) -> tuple[Placed, ...]:
    """The layers that run, repeats written out. Names may collide: `same_names` tells."""
    return tuple(_placed(_named(network, ("network",), _outline_of_layer, Counter(), "")))


def layer_count(network: Sequence[Layer]) -> int:
    """The number of layers that run, without writing repeats out."""
    return sum(_count(layer) for layer in network)


def same_names(placed: Sequence[Placed]) -> list[tuple[Placed, Placed]]:
    """Layers whose name an earlier one has already, each after that one; those of a `repeat` once."""
    seen: dict[str, Placed] = {}
    pairs = [(seen.setdefault(one.name, one), one) for one in _everyone(placed)]
    found = {second.location: (first, second) for first, second in reversed(pairs) if first is not second}
    return list(found.values())


def locations(raw_network: object) -> dict[str, Location]:
    """Where each named layer of an unchecked network stands; a `repeat` goes by its own name too."""
    if not isinstance(raw_network, list):
        return {}
    found: dict[str, Location] = {}
    for one in _everyone(_named(raw_network, ("network",), _outline_of_raw, Counter(), "")):
        if _outline_of_raw(one.entry).kind in KINDS:
            found.setdefault(one.name, one.location)
    return found


def _count(layer: Layer) -> int:
    inside = sum(layer_count(stack) for stack in layer.stacks().values())
    return layer.times * inside if isinstance(layer, Repeat) else 1 + inside


def _everyone(stack: Sequence[Tree]) -> Iterator[Tree]:
    """All layers of a stack, those within a layer after it."""
    for one in stack:
        yield one
        for inner in one.stacks:
            yield from _everyone(inner)


def _placed(stack: Sequence[_Named]) -> Iterator[Placed]:
    for one in stack:
        stacks = tuple(tuple(_placed(inner)) for inner in one.stacks)
        if isinstance(one.entry, Repeat):
            for inner in stacks:
                yield from inner
        else:
            yield Placed(one.name, one.entry, one.location, stacks)


def _named(
    entries: Sequence[Any], at: Location, outline: Callable[[Any], Outline], counts: Counter[str], suffix: str
) -> tuple[_Named, ...]:
    """The entries with their names; `counts` says how many of each kind stand before them in the file."""
    found = []
    for index, entry in enumerate(entries):
        what, location = outline(entry), (*at, index)
        counts[what.kind] += 1
        name = what.name + suffix if what.name else f"{what.kind}_{counts[what.kind]}"
        stacks = []
        for turn in range(1, max(what.times, 1) + 1 if what.stacks else 1):
            inner = f"{suffix}_{turn}" if what.times > 1 else suffix
            for steps, stack in what.stacks.items():
                stacks.append(_named(stack, (*location, what.kind, *steps), outline, counts, inner))
        found.append(_Named(name, entry, location, tuple(stacks)))
    return tuple(found)


def _outline_of_layer(layer: Layer) -> Outline:
    return Outline(layer.kind, layer.name, layer.times if isinstance(layer, Repeat) else 1, layer.stacks())


def _outline_of_raw(entry: object) -> Outline:
    if not isinstance(entry, Mapping) or len(entry) != 1:
        return Outline(str(entry), None)
    kind, fields = next(iter(entry.items()))
    if not isinstance(fields, Mapping):
        return Outline(str(kind), None)
    name, times, layers, branches = (fields.get(key) for key in ("name", "times", "layers", "branches"))
    stacks: dict[Location, Sequence[Any]] = {("layers",): layers} if isinstance(layers, list) else {}
    for index, branch in enumerate(branches if isinstance(branches, list) else ()):
        stacks[("branches", index)] = branch if isinstance(branch, list) else ()
    return Outline(
        str(kind),
        name if isinstance(name, str) and _NAME.match(name) else None,
        min(times, 2) if isinstance(times, int) else 1,
        stacks,
    )
