"""The latest runs as a list, in which a comparison or a search is one line with those below it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from runners.tracking.runs import FAMILIES, KIND, PARENT, below, experiments

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@dataclass(frozen=True)
class RunSummary:
    """One run in a list: `started` in local time; `seconds`, and `accuracy` or `error` on the test examples, once there are
    any: of a family those of its best. That is of a `kind` and consists of so many `runs`; those below it have a `parent`."""

    run_id: str
    experiment: str
    name: str
    status: str
    started: str
    seconds: float | None
    accuracy: float | None
    error: float | None = None
    kind: str = ""
    runs: int | None = None
    parent: str = ""


def list_runs(client: MlflowClient, most: int = 50, *, children: bool = False) -> list[RunSummary]:
    """The latest runs of all experiments, newest first. Those of a family are one, behind which the others come if `children`."""
    names = experiments(client)
    order = ["attributes.start_time DESC"]
    alone = f"tags.`{PARENT}` IS NULL"
    found = client.search_runs(list(names), alone, order_by=order, max_results=most) if names else ()
    listed = []
    for run in found:
        is_family = run.data.tags.get(KIND) in FAMILIES
        count = _count(client, run) if is_family else None
        listed.append(replace(_summary(run, names), runs=count))
        if is_family and children:
            listed += [_summary(child, names) for child in below(client, run)]
    return listed


def _count(client: MlflowClient, family: Run) -> int:
    """How many runs a family consists of: as it says itself, or so far."""
    said = family.data.tags.get("convspec.runs", "")
    return int(said) if said.isdecimal() else sum(1 for _ in below(client, family))


def _summary(run: Run, names: dict[str, str]) -> RunSummary:
    info, metrics = run.info, run.data.metrics
    return RunSummary(
        run_id=info.run_id,
        experiment=names[info.experiment_id],
        name=info.run_name or "",
        status=info.status,
        started=datetime.fromtimestamp(info.start_time / 1000).strftime("%Y-%m-%d %H:%M"),
        seconds=None if info.end_time is None else (info.end_time - info.start_time) / 1000,
        accuracy=metrics.get("accuracy/test", metrics.get("best/accuracy/test")),
        error=metrics.get("error/test", metrics.get("best/error/test")),
        kind=run.data.tags.get(KIND, ""),
        parent=run.data.tags.get(PARENT, ""),
    )
