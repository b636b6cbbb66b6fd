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

Entry = TypeVar("Entry")


class Outline(NamedTuple):
    """What naming needs to know of a layer, however it is written."""

    kind: str
    name: str | None
    times: int = 1
    children: Sequence[Any] = ()


class Placed(NamedTuple):
    """A layer that runs, its name, and where it stands in the file (several stand in one place inside a `repeat`)."""

    name: str
    layer: Layer
    location: Location


def place(network: Sequence[Layer]) -> tuple[Placed, ...]:
    """The layers that run, repeats written out. Names may collide: `same_names` tells."""
    walked = _walk(network, ("network",), _outline_of_layer)
    return tuple(Placed(name, layer, location) for name, layer, location in walked if not isinstance(layer, Repeat))


def layer_count(network: Sequence[Layer]) -> int:
    """The number of layers that run, without writing repeats out."""
    return sum(layer.times * layer_count(layer.layers) if isinstance(layer, Repeat) else 1 for layer in network)


def same_names(placed: Sequence[Placed]) -> list[tuple[Placed, Placed]]:
    """Layers whose name an earlier one has already, each after that one; those of a `repeat` once."""
    seen: dict[str, Placed] = {}
    pairs = [(seen.setdefault(one.name, one), one) for one in placed]
    found = {second.location: (first, second) for first, second in reversed(pairs) if first is not second}
    return list(found.values())


def locations(raw_network: object) -> dict[str, Location]:
    """Where each named layer of an unchecked network stands; a `repeat` goes by its own name too."""
    if not isinstance(raw_network, list):
        return {}
    found: dict[str, Location] = {}
    for name, entry, location in _walk(raw_network, ("network",), _outline_of_raw):
        if _outline_of_raw(entry).kind in KINDS:
            found.setdefault(name, location)
    return found


def _walk(
    entries: Sequence[Entry], at: Location, outline: Callable[[Any], Outline]
) -> Iterator[tuple[str, Entry, Location]]:
    counts: Counter[str] = Counter()
    yield from _named(entries, at, outline, counts, "")


def _named(
    entries: Sequence[Any], at: Location, outline: Callable[[Any], Outline], counts: Counter[str], suffix: str
) -> Iterator[tuple[str, Any, Location]]:
    for index, entry in enumerate(entries):
        what, location = outline(entry), (*at, index)
        counts[what.kind] += 1
        yield (what.name + suffix if what.name else f"{what.kind}_{counts[what.kind]}"), entry, location
        for turn in range(1, max(what.times, 1) + 1 if what.children else 1):
            inner = f"{suffix}_{turn}" if what.times > 1 else suffix
            yield from _named(what.children, (*location, what.kind, "layers"), outline, counts, inner)


def _outline_of_layer(layer: Layer) -> Outline:
    if isinstance(layer, Repeat):
        return Outline(layer.kind, layer.name, layer.times, layer.layers)
    return Outline(layer.kind, layer.name)


def _outline_of_raw(entry: object) -> Outline:
    if not isinstance(entry, Mapping) or len(entry) != 1:
        return Outline(str(entry), None)
    kind, fields = next(iter(entry.items()))
    if not isinstance(fields, Mapping):
        return Outline(str(kind), None)
    name, times, layers = fields.get("name"), fields.get("times", 1), fields.get("layers", [])
    return Outline(
        str(kind),
        name if isinstance(name, str) and _NAME.match(name) else None,
        min(times, 2) if isinstance(times, int) else 1,
        layers if isinstance(layers, list) else (),
    )
