"""Where the knobs of a search lead, and the file with a value put in at each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from convspec.choice import Option
from convspec.knobs import Knob, Point, Range
from convspec.layers import Layer
from convspec.network import Location
from convspec.nodes import Node
from convspec.paths import PathError, format_path, locate, parse_path, put, value_at


class Combinations:
    """A file without its search, and its knobs.

    A knob may stand within what another one puts in: `network.edges.features` within `network`. It then leads to where its path
    leads in that, and has no effect where it leads nowhere there: where no layer is called `edges`, or another optimizer was
    chosen. Every other path is followed in the file as it stands. Raises PathError where one is not written as a path.
    """

    def __init__(self, tree: Node, knobs: Sequence[Knob], nodes: Mapping[str, Node]) -> None:
        self.tree, self.knobs, self._nodes = tree, tuple(knobs), nodes
        self._plain = tree.plain()
        self._paths = [parse_path(knob.path) for knob in knobs]
        self._found = [self._in_the_file(path) for path in self._paths]
        self._owners = [self._owners_of(index) for index in range(len(knobs))]
        self._order = sorted(range(len(knobs)), key=lambda index: (bool(self._owners[index]), self._depth(index)))

    def put_in(self, point: Point) -> Node:
        """The file with every knob where the point says."""
        return self._put(self._order, point, {})

    def put_alone(self, index: int, point: Point) -> Node:
        """The file with one knob where the point says, and those within whose values it stands."""
        return self._put([*self._owners[index], index], point, {})

    def active(self, point: Point) -> tuple[bool, ...]:
        """Whether each knob has an effect where the others stand as the point says."""
        found: dict[int, Location | None] = {}
        self._put(self._order, point, found)
        return tuple(found[index] is not None for index in range(len(self.knobs)))

    def locations(self) -> tuple[Location | None, ...]:
        """Where each knob leads in the file as it stands, or None where it leads nowhere there."""
        return tuple(self._found)

    def node(self, index: int, point: Point) -> Node:
        """The value that one knob puts in, with its place in the file."""
        knob, at = self.knobs[index], point[index]
        node = self._nodes[knob.path]
        if isinstance(knob.values, Range):
            return Node(knob.value(at), node.mark)
        assert isinstance(node.value, list)
        value: Node = node.value[int(at)]
        return value

    def owners(self, index: int) -> tuple[int, ...]:
        """The knobs within whose values this one may stand."""
        return self._owners[index]

    def chosen_instead(self, index: int) -> tuple[str, str, str] | None:
        """Where a knob leads below an option that no combination chooses: the place, what is chosen there, and what is meant."""
        found = self._found[index]
        return None if found is None or self._owners[index] else _other_option(self._plain, found)

    def _in_the_file(self, path: Location) -> Location | None:
        try:
            return locate(self._plain, path)
        except PathError:
            return None

    def _owners_of(self, index: int) -> tuple[int, ...]:
        mine, others = self._found[index], range(len(self.knobs))
        if mine is None:
            return tuple(other for other in others if other != index and self._holds_others(other))
        return tuple(other for other in others if _is_within(mine, self._found[other]))

    def _holds_others(self, index: int) -> bool:
        values = self.knobs[index].values
        within = not isinstance(values, Range) and any(isinstance(value, list | dict) for value in values)
        return within and self._found[index] is not None

    def _depth(self, index: int) -> int:
        found = self._found[index]
        return len(self._paths[index]) + 1000 if found is None else len(found)

    def _put(self, indices: Iterable[int], point: Point, known: dict[int, Location | None]) -> Node:
        tree = self.tree
        for index in sorted(indices, key=self._order.index):
            location = self._location(index, point, known)
            if location is not None:
                tree = put(tree, location, self.node(index, point))
        return tree

    def _location(self, index: int, point: Point, known: dict[int, Location | None]) -> Location | None:
        if index not in known:
            owners = self._owners[index]
            known[index] = self._within(index, self._put(owners, point, known)) if owners else self._found[index]
        return known[index]

    def _within(self, index: int, tree: Node) -> Location | None:
        plain = tree.plain()
        try:
            location = locate(plain, self._paths[index])
        except PathError:
            return None
        return None if _other_option(plain, location) else location


def _is_within(inner: Location, outer: Location | None) -> bool:
    return outer is not None and len(outer) < len(inner) and inner[: len(outer)] == outer


def _other_option(plain: object, location: Location) -> tuple[str, str, str] | None:
    """Where a location leads below an option (an optimizer, say) where another one is chosen: that place, the one that is chosen
    and the one that is meant."""
    for length, step in enumerate(location):
        here = value_at(plain, location[:length])
        word = (
            here if isinstance(here, str) else next(iter(here)) if isinstance(here, dict) and len(here) == 1 else None
        )
        if word in Option.options() and word not in Layer.options() and step in Option.options() and step != word:
            return format_path(location[:length]), str(word), str(step)
    return None
