"""Which recorded runs are meant by a file, an experiment or the ids of runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from convspec import shipped
from convspec.errors import UserError
from convspec.hints import did_you_mean
from convspec.loading import read_tree
from runners.tracking.reading import Reader
from runners.tracking.tables import PARENTS, Found

_ID = re.compile(r"[0-9a-f]{4,32}")
_LIST = "`convspec list` shows the runs of the store."


@dataclass
class Chosen:
    """Runs to compare, and what to call them."""

    title: str
    runs: dict[str, Found] = field(default_factory=dict)

    @property
    def parent(self) -> str | None:
        """The run that all of them belong to, where there is one."""
        parents = {run.tags.get("mlflow.parentRunId") for run in self.runs.values()}
        return parents.pop() if len(parents) == 1 else None


def choose(reader: Reader, words: Sequence[str]) -> Chosen:
    """The runs that words mean, each a file, an experiment, or the id of a run (a parent run means its children).

    Raises UserError where one means nothing, PipelineError where a file cannot be read.
    """
    chosen = Chosen(words[0] if len(words) == 1 else f"{len(words)} runs")
    for word in words:
        chosen.runs |= {run.run_id: run for run in _meant(reader, word)}
    return chosen


def _meant(reader: Reader, word: str) -> Sequence[Found]:
    if Path(word).suffix in (".yaml", ".yml") or Path(word).is_file():
        return _of_file(reader, word)
    experiments = reader.experiments()
    if word in experiments:
        return reader.select("experiment", word)
    runs = reader.select("run", word) if _ID.fullmatch(word) else []
    if len(runs) > 1:
        hint = f"It may be {runs[0].run_id} ({runs[0].name}) or {runs[1].run_id} ({runs[1].name})."
        raise UserError(f"More than one run begins with {word}.", hint=hint)
    if runs:
        return reader.select("parent", runs[0].run_id) if runs[0].tags.get("convspec.kind") in PARENTS else runs
    if shipped.find(word) is not None:
        return _of_file(reader, word)
    hint = did_you_mean(word, experiments) if experiments else _LIST
    raise UserError(f"{word} is no file, no experiment and no run of the store.", hint=hint or _LIST)


def _of_file(reader: Reader, file: str) -> Sequence[Found]:
    """The last comparison with the file's architectures, else whatever was trained of them in its experiment."""
    tree = read_tree(file)
    experiment, architectures = (tree.child(key) for key in ("experiment", "architectures"))
    if experiment is None or not isinstance(experiment.value, str):
        raise UserError(f"{file} names no experiment.", hint=f"`convspec check {file}` says what else is wrong.")
    runs: Sequence[Found] = reader.select("experiment", experiment.value)
    if architectures is not None and isinstance(architectures.value, dict):
        runs = _of_architectures(runs, set(architectures.value))
    if not runs:
        message = f"Nothing of {file} is recorded yet in the experiment {experiment.value}."
        raise UserError(message, hint=f"Run it first: convspec run {file}")
    return runs


def _of_architectures(runs: Sequence[Found], names: set[str]) -> Sequence[Found]:
    members = [run for run in runs if run.tags.get("convspec.architecture") in names]
    for parent in reversed([run for run in runs if run.tags.get("convspec.kind") == "comparison"]):
        children = [run for run in members if run.tags.get("mlflow.parentRunId") == parent.run_id]
        if {run.tags["convspec.architecture"] for run in children} == names:
            return children
    return members
