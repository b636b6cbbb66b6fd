"""Candidates of a search: a point makes a pipeline with its plan, or is rejected before anything is trained."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from pydantic_core import ValidationError

from convspec.combinations import Combinations
from convspec.data import DataSource, Description
from convspec.errors import PipelineError, UserError
from convspec.knobs import Continuum, Coordinate, Knob, Point, Steps, point_at, size_of
from convspec.loading import Loaded, check_tree
from convspec.nodes import Node
from convspec.pipeline import Pipeline
from convspec.plan import PlanError, plan
from convspec.search import Budget, Search

MOST_COUNTED = 20_000
"""Points up to which every one is tried to count those that are valid."""
DRAWN = 1000
"""Points that are tried where there are more."""


class Rejection(NamedTuple):
    """Why a point is no candidate."""

    reason: str


class Candidate(NamedTuple):
    """A point that makes a pipeline which can be built and is within the budget. `choice` is the value at each path; equal
    pipelines have equal digests."""

    point: Point
    choice: dict[str, Any]
    loaded: Loaded
    digest: str


class Candidates:
    """Makes candidates of the points of a search."""

    def __init__(self, combinations: Combinations, search: Search, *, file: str, folder: Path) -> None:
        self.combinations, self.file, self.folder = combinations, file, folder
        self.budget: Budget = search.budget
        self.validated = next((one.metric for one in search.objectives if one.metric.endswith("/validation")), None)
        self._describe = lru_cache(maxsize=64)(self._described)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        return self.combinations.knobs

    @property
    def size(self) -> int | None:
        """How many points there are, or None where there is no end of them."""
        return size_of(self.knobs)

    def choice(self, point: Point) -> dict[str, Any]:
        """The value at the path of every knob that has an effect."""
        active = self.combinations.active(point)
        turned = zip(self.knobs, point, active, strict=True)
        return {knob.path: knob.value(at) for knob, at, has_effect in turned if has_effect}

    def at(self, point: Point) -> Candidate | Rejection:
        """What comes of a point."""
        tree = self.combinations.put_in(point)
        try:
            loaded = self._load(tree)
        except (ValidationError, UserError):
            return Rejection(self._reason(tree))
        except PlanError as error:
            return Rejection(f"{error.faults[0].message}.")
        return (
            self._unmeasured(loaded)
            or self._beyond(loaded)
            or Candidate(point, self.choice(point), loaded, digest_of(loaded.pipeline))
        )

    def _load(self, tree: Node) -> Loaded:
        """The same as `check_tree`, without the places of what is wrong, and much faster."""
        pipeline = Pipeline.of(tree.plain())
        description = self._describe(pipeline.data)
        misfit = pipeline.training.cost.misfit(description) if pipeline.training else None
        if misfit is not None:
            raise UserError(misfit.message)
        return Loaded(pipeline, plan(pipeline.network, description), self.folder, self.file)

    def _described(self, data: DataSource) -> Description:
        return data.describe(self.folder)

    def _reason(self, tree: Node) -> str:
        try:
            check_tree(tree, self.file, folder=self.folder)
        except PipelineError as error:
            first = error.problems[0]
            return f"{first.path}  {first.message}".strip()
        raise AssertionError("what cannot be loaded has a reason")

    def _unmeasured(self, loaded: Loaded) -> Rejection | None:
        """What has no objective."""
        if self.validated is None or loaded.pipeline.data.split.validation > 0:
            return None
        return Rejection(f"there is no {self.validated} without validation examples.")

    def _beyond(self, loaded: Loaded) -> Rejection | None:
        """What is beyond the budget."""
        for name, count, most in (
            ("parameters", loaded.plan.parameter_count, self.budget.parameters),
            ("multiply-adds", loaded.plan.multiply_adds, self.budget.multiply_adds),
        ):
            if most is not None and count > most:
                return Rejection(f"over the budget: {count:,} {name}, {most:,} is the most.")
        return None


def digest_of(pipeline: Pipeline) -> str:
    """SHA-256 of a pipeline with every default written out."""
    text = json.dumps(pipeline.plain(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


class Survey(NamedTuple):
    """How much of a space is valid. `tried` points were looked at: every one, or some drawn at random; `distinct` of them make
    different pipelines."""

    size: int | None
    tried: int
    valid: int
    distinct: int
    reasons: dict[str, int]

    @property
    def is_exact(self) -> bool:
        return self.tried == self.size

    @property
    def interval(self) -> tuple[float, float]:
        """The share that is valid, with 95 % confidence (Wilson 1927)."""
        share, count = self.valid / self.tried, self.tried
        if self.is_exact:
            return share, share
        z = 1.96
        middle = (share + z * z / (2 * count)) / (1 + z * z / count)
        half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
        return max(0.0, middle - half), min(1.0, middle + half)


def survey(candidates: Candidates, *, seed: int = 0) -> Survey:
    """Counts valid points: all of them where there are few, else a sample."""
    valid, tried, digests = 0, 0, set()
    reasons: dict[str, int] = {}
    for point in _points(candidates, seed):
        tried += 1
        found = candidates.at(point)
        if isinstance(found, Candidate):
            valid += 1
            digests.add(found.digest)
        else:
            reasons[found.reason] = reasons.get(found.reason, 0) + 1
    return Survey(candidates.size, tried, valid, len(digests), reasons)


def _points(candidates: Candidates, seed: int) -> Iterator[Point]:
    size, chance = candidates.size, Random(seed)
    if size is not None and size <= MOST_COUNTED:
        yield from (point_at(candidates.knobs, number) for number in range(size))
    else:
        yield from (random_point(candidates.knobs, chance) for _ in range(DRAWN))


def random_point(knobs: Sequence[Knob], chance: Random) -> Point:
    """Every knob drawn on its own."""
    return tuple(_drawn(knob.extent, chance) for knob in knobs)


def _drawn(extent: Steps | Continuum, chance: Random) -> Coordinate:
    if isinstance(extent, Steps):
        return chance.randrange(extent.size)
    low, high = (math.log(extent.low), math.log(extent.high)) if extent.log else (extent.low, extent.high)
    drawn = chance.uniform(low, high)
    value = math.exp(drawn) if extent.log else drawn
    return min(max(round(value) if extent.whole else value, extent.low), extent.high)
