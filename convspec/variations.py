"""Several pipelines in one file: every architecture with every seed, and where each of them stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic_core import ValidationError, core_schema

from convspec.base import CountOrZero, Name
from convspec.errors import PipelineError, Problem
from convspec.forms import Form
from convspec.nodes import Node
from convspec.places import Places
from convspec.spec import Spec, field
from convspec.values import shown

ONE = "network"
"""What an architecture is called where the file has but one."""

Checked = TypeVar("Checked")


class Variations(Spec):
    """The keys of a file that make it stand for several pipelines."""

    architectures: dict[Name, Annotated[Any, Form(core_schema.any_schema())]] = field(
        default=None,
        min_length=1,
        description="Instead of `network`: several of them by their names, each trained with every seed and compared.",
    )
    seeds: tuple[CountOrZero, ...] = field(
        default=None, min_length=1, description="Instead of `seed`: everything is trained once with each of them."
    )


class Variation(NamedTuple):
    """One architecture with one seed, as the values of a file that has no other. `path` is where its network stands."""

    architecture: str
    seed: int
    tree: Node
    path: str

    @property
    def is_missing(self) -> bool:
        """Whether there is no network, which is said of the architectures instead."""
        return self.architecture == ONE and self.path != "network"


def are_several(tree: Node) -> bool:
    """Whether a file stands for several pipelines."""
    return any(tree.child(key) is not None for key in Variations.fields())


def expand(tree: Node, check: Callable[[Node], Checked]) -> tuple[tuple[Variation, Checked], ...]:
    """Every architecture with every seed, in the order of the file, and what `check` makes of each. Raises PipelineError with
    the problems of all of them, each said once."""
    problems: dict[tuple[str, int, int, str], Problem] = {}
    for one in _problems_of_keys(tree):
        problems.setdefault(_place(one), one)
    results = []
    for variation in _variations(tree):
        try:
            results.append((variation, check(variation.tree)))
        except PipelineError as error:
            for one in error.problems:
                if not (variation.is_missing and one.path == "network"):
                    problems.setdefault(_place(one), one._replace(path=_renamed(one.path, variation.path)))
    if problems:
        raise PipelineError(problems.values())
    return tuple(results)


def _variations(tree: Node) -> Iterator[Variation]:
    """As many as can be told apart, whatever is wrong."""
    architectures, seeds = tree.child("architectures"), tree.child("seeds")
    networks: Mapping[str, Node | None] = {ONE: tree.child("network")}
    if architectures is not None:
        named = architectures.value if isinstance(architectures.value, dict) else {}
        networks = named or {ONE: None}
    listed = seeds.value if seeds is not None and isinstance(seeds.value, list) else []
    for name, network in networks.items():
        for seed in listed or [tree.child("seed")]:
            number = seed.value if seed is not None and isinstance(seed.value, int) else 1
            path = f"architectures.{name}" if architectures else "network"
            yield Variation(name, number, _one(tree, network=network, seed=seed), path)


def _place(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.message


def _renamed(path: str, network: str) -> str:
    """A path below the network of a variation, as it is called in the file."""
    return f"{network}{path[len('network') :]}" if path.startswith("network") else path


def _one(tree: Node, *, network: Node | None, seed: Node | None) -> Node:
    """The file with one network and one seed, each at the place of the key that it comes from."""
    assert isinstance(tree.value, dict)
    single = {"architectures": "network", "seeds": "seed"}
    given = {"network": network, "seed": seed}
    values: dict[str, Node] = {}
    for key, value in tree.value.items():
        name = single.get(key, key)
        found = given.get(name, value)
        values |= {} if found is None else {name: found}
    marks = {single.get(key, key): mark for key, mark in tree.key_marks.items()}
    return Node(values, tree.mark, marks)


def _problems_of_keys(tree: Node) -> list[Problem]:
    """What is wrong with the keys themselves, whatever stands in an architecture."""
    places = Places(tree)
    plain = places.plain
    assert isinstance(plain, Mapping)
    given = {key: value for key, value in plain.items() if key in Variations.fields()}
    problems = _both(places, plain)
    try:
        problems += _twice(places, Variations.of(given).seeds or ())
    except ValidationError as error:
        from convspec.messages import problems_of

        problems += problems_of(error, places, Variations)
    if plain.get("processes") not in (None, 1):
        what = "several processes share the training of one run, and here there are several runs."
        problems.append(places.problem(("processes",), what, "Leave processes out; --workers trains runs at once."))
    if plain.get("training") is None:
        what = "nothing is trained, so there is nothing to compare."
        problems.append(places.problem((next(iter(given)),), what, "Add `training:`.", at_key=True))
    return problems


def _both(places: Places, plain: Mapping[str, object]) -> list[Problem]:
    pairs = (("network", "architectures"), ("seed", "seeds"))
    return [
        places.problem((one,), f"stands beside {many}, which says it all.", f"Leave out {one} or {many}.", at_key=True)
        for one, many in pairs
        if one in plain and many in plain
    ]


def _twice(places: Places, seeds: Sequence[int]) -> list[Problem]:
    return [
        places.problem(("seeds", position), f"is there twice. Got {shown(seed)}.", "Each seed gives one run.")
        for position, seed in enumerate(seeds)
        if seed in seeds[:position]
    ]
