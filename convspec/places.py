"""Where the values of a file stand, and how they are called there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from convspec.errors import Mark, Problem, problem_at
from convspec.network import Location, locations
from convspec.nodes import Node
from convspec.paths import format_path


class Places:
    """A file's values by location."""

    def __init__(self, tree: Node) -> None:
        self.tree = tree
        self.plain = tree.plain()

    @cached_property
    def _names(self) -> dict[Location, str]:
        """Layers' names by location; a layer that runs several times goes by its first name."""
        network = self.plain.get("network") if isinstance(self.plain, Mapping) else None
        return {location: name for name, location in reversed(locations(network).items())}

    def problem(self, location: Location, message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """A problem at the value of a location, or at its key; a key that is missing is placed at what should hold it."""
        mark = self._mark(location, at_key=at_key)
        return problem_at(mark, message, hint, path=format_path(location, self._names))

    def _mark(self, location: Location, *, at_key: bool) -> Mark:
        """The mark of a value; of its key where asked, or where there is no value; of its owner where there is no key."""
        node = self.tree
        owner = node.mark
        for step in location:
            following = node.child(step)
            if following is None:
                return owner
            owner = node.key_marks.get(step, following.mark) if isinstance(step, str) else following.mark
            node = following
        return owner if at_key or node.value is None else node.mark

    def walk(self, loc: Iterable[str | int], *, absent: bool = False) -> Location:
        """The steps of a location that are in the file, without those that the core puts in for forms of a value.

        An option that is written as its name alone counts as a step.

        `absent`: the last one is a key that is missing.
        """
        steps = list(loc)
        found: list[str | int] = []
        node = self.tree
        for index, step in enumerate(steps):
            following = node.child(step)
            if following is not None or node.value == step or (absent and index == len(steps) - 1):
                found.append(step)
            node = following or node
        return tuple(found)

    def value(self, location: Location) -> object:
        """The plain value at a location, or None where there is none."""
        node: Node | None = self.tree
        for step in location:
            node = node.child(step) if node is not None else None
        return None if node is None else node.plain()
