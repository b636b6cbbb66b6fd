"""A file with a search: its pipeline as it stands, its search, and everything that is wrong with the two together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from pydantic_core import ValidationError

from convspec.candidates import Candidate, Candidates, Rejection, random_point
from convspec.combinations import Combinations
from convspec.errors import PipelineError, Problem
from convspec.knobs import Knob, Point, Range, point_at
from convspec.loading import Loaded
from convspec.network import Location
from convspec.nodes import Node
from convspec.paths import PathError, locate, parse_path
from convspec.pipeline import Pipeline
from convspec.places import Places
from convspec.search import Search, SearchKey

KEY = "search"
NO_KNOBS = {
    "experiment": "Every trial belongs to the one experiment.",
    "description": "It describes the search as a whole.",
    "seed": "The luckiest seed is no better than the others: give `search.seeds`, and each trial is trained with all of them.",
}
"""Keys that are not searched, and why."""
SPLITTING = {"data", "data.split", "data.split.validation"}
"""Knobs that can give validation examples where the file as it stands has none."""
TRIED = 400
"""Points that are tried before it is left open whether any of them fits."""


class Searching(NamedTuple):
    """A file with a search that is right; `base` is its pipeline as it stands, `text` what the file says."""

    base: Loaded
    search: Search
    candidates: Candidates
    text: str

    @property
    def file(self) -> str:
        return self.base.file

    @property
    def folder(self) -> Path:
        return self.base.folder

    @property
    def experiment(self) -> str:
        return self.base.pipeline.experiment

    @property
    def description(self) -> str:
        return self.base.pipeline.description

    @property
    def shortage(self) -> str:
        """What is said where there are fewer combinations than trials."""
        size, trials = self.search.size, self.search.trials
        if size is None or trials is None or trials <= size:
            return ""
        count = f"{size:,} combination{'s' if size > 1 else ''}, {trials:,} trials"
        return f"{count}: the search ends once every combination is tried"

    @property
    def longest(self) -> int:
        """The most epochs that a candidate may have."""
        training = self.base.pipeline.training
        assert training is not None, "a search trains"
        knob = next((knob for knob in self.search.turned if knob.path == "training.epochs"), None)
        if knob is None:
            return training.epochs
        return int(knob.values.to if isinstance(knob.values, Range) else max(knob.values))


def searching(tree: Node, file: str, *, folder: Path, text: str, check: Callable[[Node], Loaded]) -> Searching:
    """Reads and checks a tree with a search; `check` does so without one. Raises PipelineError with every problem."""
    places = Places(tree)
    problems: list[Problem] = []
    search = _search(places, problems)
    problems += _other_families(places)
    if tree.child("architectures") is not None:
        raise PipelineError(problems)
    base, loaded = without_search(tree), None
    try:
        loaded = check(base)
    except PipelineError as error:
        problems += error.problems
    problems += _wrong_paths(base, places)
    combinations = _combinations(base, tree, search, places, problems) if search else None
    if loaded is None or search is None or combinations is None:
        raise PipelineError(problems)
    problems += _strange_objectives(search, loaded, places)
    if not problems:
        candidates = Candidates(combinations, search, file=file, folder=folder)
        problems += _nothing_fits(candidates, places)
    if problems:
        raise PipelineError(problems)
    return Searching(loaded, search, candidates, text)


def without_search(tree: Node) -> Node:
    """The file as it stands, without what makes it stand for several pipelines."""
    assert isinstance(tree.value, dict)
    return tree._replace(value={key: value for key, value in tree.value.items() if key not in (KEY, "seeds")})


def _search(places: Places, problems: list[Problem]) -> Search | None:
    try:
        return SearchKey.of({KEY: places.value((KEY,))}).search
    except ValidationError as error:
        from convspec.messages import problems_of

        problems += problems_of(error, places, SearchKey)
        return None


def _other_families(places: Places) -> Iterator[Problem]:
    for key, hint in (
        ("architectures", "Make the network a knob: `search: {knobs: {network: [[...], [...]]}}`."),
        ("seeds", "Write them as `search: {seeds: [...]}`."),
    ):
        if places.value((key,)) is not None:
            yield places.problem((key,), "a search is over one pipeline.", hint, at_key=True)


def _combinations(
    base: Node, tree: Node, search: Search, places: Places, problems: list[Problem]
) -> Combinations | None:
    """Where the knobs lead; adds to `problems` those that lead nowhere, and values that nothing can be made of."""
    node = tree.child(KEY)
    nodes = node.child("knobs") if node else None
    assert nodes is not None and isinstance(nodes.value, dict)
    if any(True for path in search.knobs for _ in _wrong_path(path, places)):
        return None
    combinations = Combinations(base, search.turned, nodes.value)
    for index in range(len(search.turned)):
        chosen = combinations.chosen_instead(index)
        if chosen is not None:
            problems.append(_of_another_option(combinations.knobs[index].path, *chosen, places))
            continue
        host = _host(combinations, index)
        if host is None:
            problems += _never_there(combinations, index, places)
        else:
            problems += _wrong_values(combinations, index, host, set(problems))
    problems += _same_place(combinations, places)
    return combinations


def _at(path: str) -> Location:
    return (KEY, "knobs", path)


def _wrong_paths(base: Node, places: Places) -> Iterator[Problem]:
    """Knobs that lead nowhere, whatever else is wrong; one may also lead into a value of another."""
    found, plain = places.value((KEY, "knobs")), base.plain()
    knobs = found if isinstance(found, dict) else {}
    for path in knobs:
        wrong = list(_wrong_path(path, places))
        yield from wrong
        inside = any(_leads_into(path, other, values, plain) for other, values in knobs.items() if other != path)
        if not wrong and not inside:
            yield from _nowhere(path, plain, places)


def _wrong_path(path: str, places: Places) -> Iterator[Problem]:
    """A path that is not written as one, or begins with what is not searched."""
    try:
        first = parse_path(path)[0]
    except PathError as error:
        hint = "Write it as training.batch or network[0].features."
        yield places.problem(_at(path), f"{error.message}.".replace(" before the =", ""), hint, at_key=True)
        return
    if first in NO_KNOBS:
        yield places.problem(_at(path), f"{first} is no knob.", NO_KNOBS[str(first)], at_key=True)
    elif first not in Pipeline.key_names():
        from convspec.hints import did_you_mean

        hint = did_you_mean(str(first), Pipeline.key_names(), what="Keys here")
        yield places.problem(_at(path), f"there is no {first} in a pipeline.", hint, at_key=True)


def _leads_into(path: str, other: str, values: object, plain: object) -> bool:
    """Whether a path leads somewhere once another knob has put one of its values in."""
    for value in values if isinstance(values, list) else ():
        try:
            location = locate(plain, parse_path(other))
            locate(_with(plain, location, value), parse_path(path))
        except PathError:
            continue
        return True
    return False


def _with(plain: object, location: Location, value: object) -> object:
    """A plain value with another one put in."""
    if not location:
        return value
    step, rest = location[0], location[1:]
    if isinstance(plain, list) and isinstance(step, int):
        return [_with(inner, rest, value) if index == step else inner for index, inner in enumerate(plain)]
    inside = plain if isinstance(plain, dict) else {}
    return {**inside, step: _with(inside.get(step), rest, value)}


def _nowhere(path: str, plain: object, places: Places) -> Iterator[Problem]:
    try:
        locate(plain, parse_path(path))
    except PathError as error:
        yield places.problem(_at(path), f"{error.message}.", error.hint, at_key=True)


def _never_there(combinations: Combinations, index: int, places: Places) -> Iterator[Problem]:
    """A knob that leads somewhere in the file as it stands, but into no value of the knobs that it stands within."""
    path, owners = (
        combinations.knobs[index].path,
        [combinations.knobs[owner].path for owner in combinations.owners(index)],
    )
    if combinations.locations()[index] is not None:
        message = f"has no effect: it leads nowhere in any value of {' and '.join(owners)}."
        yield places.problem(_at(path), message, "Leave it out, or name the layer in one of these values.", at_key=True)


def _of_another_option(path: str, where: str, chosen: str, meant: str, places: Places) -> Problem:
    """A knob of an optimizer, say, that nothing ever chooses."""
    message = f"has no effect: {where} is {chosen} in every combination."
    hint = f"Write `{where}: {meant}` in the file, or make it a knob: `{where}: [{chosen}, {meant}]`."
    return places.problem(_at(path), message, hint, at_key=True)


def _host(combinations: Combinations, index: int) -> Point | None:
    """A point at which the knob has an effect, its own value being the first; the others stand where they must."""
    start = tuple(knob.coordinate(0) if knob.size else knob.values.start for knob in combinations.knobs)  # type: ignore[union-attr]
    if combinations.locations()[index] is not None and not combinations.owners(index):
        return start
    for owner in combinations.owners(index):
        for number in range(combinations.knobs[owner].size or 0):
            point = (*start[:owner], combinations.knobs[owner].coordinate(number), *start[owner + 1 :])
            if combinations.active(point)[index]:
                return point
    return None


def _wrong_values(combinations: Combinations, index: int, host: Point, known: set[Problem]) -> list[Problem]:
    """What no pipeline can be made of, each value being tried with the other knobs as the file stands."""
    knob = combinations.knobs[index]
    if isinstance(knob.values, Range):
        ends = [0, knob.size - 1] if knob.size else []
        coordinates = [knob.coordinate(end) for end in ends] or [knob.values.start, knob.values.to]
    else:
        coordinates = [knob.coordinate(number) for number in range(len(knob.values))]
    found: list[Problem] = []
    for at in coordinates:
        tree = combinations.put_alone(index, (*host[:index], at, *host[index + 1 :]))
        found += [one for one in _unreadable(tree) if one not in known and not _is_said(one, found, knob)]
    return found


def _is_said(problem: Problem, found: list[Problem], knob: Knob) -> bool:
    """Whether the same was found already; what is wrong with a knob's own key is the same for all of its values."""
    if problem.path.rpartition(".")[2] != knob.path.rpartition(".")[2]:
        return problem in found
    return any(problem[3:6] == one[3:6] for one in found)


def _unreadable(tree: Node) -> list[Problem]:
    places = Places(tree)
    try:
        Pipeline.of(places.plain)
    except ValidationError as error:
        from convspec.messages import problems_of

        return problems_of(error, places, Pipeline, rules=False)
    return []


def _same_place(combinations: Combinations, places: Places) -> Iterator[Problem]:
    seen: dict[Location, Knob] = {}
    for knob, location in zip(combinations.knobs, combinations.locations(), strict=True):
        if location is None:
            continue
        if location in seen:
            message = f"leads to the same place as {seen[location].path}."
            yield places.problem(_at(knob.path), message, "Keep one of the two.", at_key=True)
        seen.setdefault(location, knob)


def _strange_objectives(search: Search, loaded: Loaded, places: Places) -> Iterator[Problem]:
    """Metrics that no trial can have."""
    pipeline, data = loaded.pipeline, loaded.plan.data
    if pipeline.training is None:
        yield places.problem(
            (KEY,), "nothing is trained, so there is nothing to compare.", "Add `training:`.", at_key=True
        )
        return
    given = {"classes": ("error", "r2"), "numbers": ("accuracy",)}["numbers" if data.targets else "classes"]
    instead = "error, r2 or cost" if data.targets else "accuracy or cost"
    unvalidated = pipeline.data.split.validation == 0 and not SPLITTING & search.knobs.keys()
    for metric, rises in search.objectives:
        at = (KEY, "maximize" if rises else "minimize")
        figure, _, part = metric.partition("/")
        if figure in given:
            kind = "numbers" if data.targets else "classes"
            message = f"there is no {metric}: the truth of the data is {kind}."
            yield places.problem(at, message, f"Take {instead}, such as cost/{part}.")
        elif part == "validation" and unvalidated:
            hint = "Give `data: {split: {validation: 0.1}}`."
            yield places.problem(at, f"there is no {metric} without validation examples.", hint)


def _nothing_fits(candidates: Candidates, places: Places) -> Iterator[Problem]:
    """A search of which no point can be built is wrong; where there are many points, it is left open."""
    size, chance, reason = candidates.size, Random(0), ""
    small = size is not None and size <= TRIED
    for number in range(size if size is not None and small else TRIED):
        point = point_at(candidates.knobs, number) if small else random_point(candidates.knobs, chance)
        found = candidates.at(point)
        if isinstance(found, Candidate):
            return
        assert isinstance(found, Rejection)
        reason = reason or found.reason
    if small:
        message = f"none of the {size:,} combinations can be trained. The first one: {reason}"
        yield places.problem((KEY, "knobs"), message, "Give some knob another value.", at_key=True)
