"""Which runs are the same architecture: those that differ in nothing but the seed, and what the groups are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from runners.compare.members import FINISHED, Member
from runners.tracking.tables import PARENTS, Found

Settings = tuple[tuple[str, str], ...]
"""Parameters of a run, sorted by their paths."""

_UNFINISHED = ("RUNNING", "SCHEDULED")
_MOST_SETTINGS, _LONGEST_VALUE = 4, 24  # in a label
_SEED = re.compile(r" seed \d+$")


class Grouped(NamedTuple):
    """Runs as members of groups, and what is to be said about those left out."""

    members: list[Member]
    notes: list[str]


def grouped(runs: Sequence[Found]) -> Grouped:
    """Runs in groups, called by their tag `convspec.architecture` where they have one, and by the settings in which groups differ
    where that does not tell them apart. Of several runs with one seed, the last that finished counts.
    """
    trained = [run for run in runs if run.tags.get("convspec.kind") not in PARENTS]
    over = [run for run in trained if run.status not in _UNFINISHED]
    groups: dict[tuple[str, Settings], list[Found]] = {}
    varying = _varying(over)
    for run in over:
        settings = tuple(sorted((key, run.params[key]) for key in run.params.keys() & varying))
        groups.setdefault((run.tags.get("convspec.architecture", ""), settings), []).append(run)
    members: list[Member] = []
    for label, group in zip(_labels(groups), groups.values(), strict=True):
        members += _latest(_member(run, label, number) for number, run in enumerate(group))
    notes = [
        *_left_out(len(over) - len(members), "earlier with the same settings and seed"),
        *_left_out(len(trained) - len(over), "not over yet"),
    ]
    return Grouped(members, notes)


def _left_out(count: int, why: str) -> list[str]:
    return [f"{count:,} run{'s are' if count > 1 else ' is'} left out: {why}."] if count else []


def _varying(runs: Sequence[Found]) -> set[str]:
    """The parameters that differ among runs, the seed excepted."""
    values: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for run in runs:
        counts.update(run.params.keys())
        for key, value in run.params.items():
            values.setdefault(key, set()).add(value)
    return {key for key, found in values.items() if key != "seed" and (len(found) > 1 or counts[key] < len(runs))}


def _member(run: Found, label: str, number: int) -> Member:
    """A run without a known seed gets one of its own, below 0, so that it is paired with none."""
    seed = run.tags.get("convspec.seed", run.params.get("seed", ""))
    return Member(
        architecture=label,
        seed=int(seed) if seed.isdecimal() else -1 - number,
        metrics=run.metrics,
        parameters=_whole(run.tags.get("convspec.parameters", "")),
        multiply_adds=_whole(run.tags.get("convspec.multiply_adds", "")),
        seconds=run.metrics.get("time/training_seconds"),
        status=run.status,
        reason=run.tags.get("convspec.reason", ""),
        run_id=run.run_id,
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _latest(members: Iterable[Member]) -> list[Member]:
    """One for each seed, from the oldest to the newest: one that finished is replaced by such a one only."""
    kept: dict[int, Member] = {}
    for member in members:
        before = kept.get(member.seed)
        if before is None or member.status == FINISHED or before.status != FINISHED:
            kept[member.seed] = member
    return list(kept.values())


def _labels(groups: Mapping[tuple[str, Settings], Sequence[Found]]) -> list[str]:
    """A name for each group, no two the same."""
    alike: dict[str, list[Settings]] = {}
    for architecture, settings in groups:
        alike.setdefault(architecture, []).append(settings)
    differing = {architecture: _differing(several) for architecture, several in alike.items()}
    labels = []
    for (architecture, settings), runs in groups.items():
        words = [architecture] if architecture else []
        if len(alike[architecture]) > 1:
            words.append(_in_words(dict(settings), differing[architecture]))
        labels.append(" ".join(words) or _SEED.sub("", runs[0].name) or "runs")
    return _told_apart(labels)


def _differing(several: Sequence[Settings]) -> list[str]:
    """The parameters in which some of these differ, or which some lack."""
    counts = Counter(pair for settings in several for pair in settings)
    return sorted({key for (key, _), count in counts.items() if count < len(several)})


def _in_words(settings: Mapping[str, str], keys: Sequence[str]) -> str:
    """`features=8 learning_rate=0.01`: the ends of paths, as long as they must be to differ."""
    own = [key for key in keys if key in settings]
    parts = [f"{_short(key, keys)}={_clipped(settings[key])}" for key in own[:_MOST_SETTINGS]]
    return " ".join([*parts, "..."] if len(own) > _MOST_SETTINGS else parts) or "the rest"


def _short(key: str, keys: Sequence[str]) -> str:
    steps = key.split(".")
    for count in range(1, len(steps)):
        end = ".".join(steps[-count:])
        if sum(other == end or other.endswith(f".{end}") for other in keys) == 1:
            return end
    return key


def _clipped(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"...{value[3 - _LONGEST_VALUE :]}"


def _told_apart(labels: Sequence[str]) -> list[str]:
    """Labels with a number where one would stand twice."""
    seen: Counter[str] = Counter()
    apart = []
    for label in labels:
        seen[label] += 1
        apart.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return apart
