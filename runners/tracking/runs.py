"""Reading runs back: finding one by its id and those below it, fetching its files and its model."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from convspec.errors import UserError
from runners.tracking import flavor, store
from runners.tracking.orphans import reap

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_ID = re.compile(r"[0-9a-f]{1,32}")
FAMILIES = ("comparison", "search")
KIND, PARENT = "convspec.kind", "mlflow.parentRunId"
_NEAR = 200  # how many of the latest runs are looked through for what may have been meant


@dataclass(frozen=True)
class RecordedRun:
    """One run with what is needed to use it again."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    tags: dict[str, str]
    metrics: dict[str, float]

    @property
    def is_family(self) -> bool:
        """Whether it stands for the runs below it: a comparison or a search."""
        return self.tags.get(KIND) in FAMILIES


def store_exists(tracking_uri: str | None, home: Path) -> bool:
    """Whether there is a store to be read where a command is told to look."""
    return store.exists(store.resolve_uri(tracking_uri, home))


def open_store(tracking_uri: str | None, home: Path) -> MlflowClient:
    """The store that a command is told to read, in which no dead run is left RUNNING.

    Raises UserError where there is none or it cannot be used.
    """
    uri = store.resolve_uri(tracking_uri, home)
    if not store.exists(uri):
        raise UserError(f"There is no store {uri} yet.", hint="`convspec run` makes it; --tracking-uri names another.")
    client = store.open_client(uri)
    reap(client, home)
    return client


def families(client: MlflowClient, experiment_id: str, most: int) -> list[RecordedRun]:
    """The latest comparisons and searches of an experiment, newest first."""
    order, latest = ["attributes.start_time DESC"], []
    for kind in FAMILIES:
        latest += client.search_runs([experiment_id], f"tags.`{KIND}` = '{kind}'", order_by=order, max_results=most)
    latest.sort(key=lambda run: -run.info.start_time)
    return [_recorded(run) for run in latest[:most]]


def children(client: MlflowClient, parent: RecordedRun, *, most: int, best_first: str, rises: bool) -> list[str]:
    """The ids of the runs below a run, by a metric if one is given."""
    order = [f"metrics.`{best_first}` {'DESC' if rises else 'ASC'}"] if best_first else []
    below = f"tags.`{PARENT}` = '{parent.run_id}'"
    found = client.search_runs([parent.experiment_id], below, order_by=order, max_results=most)
    return [run.info.run_id for run in found]


def below(client: MlflowClient, parent: Run) -> Iterator[Run]:
    """The runs below a run, in the order in which they began."""
    where, order = f"tags.`{PARENT}` = '{parent.info.run_id}'", ["attributes.start_time ASC"]
    token: str | None = None
    while token is None or token:
        page = client.search_runs([parent.info.experiment_id], where, order_by=order, page_token=token)
        yield from page
        token = page.token or ""


def find_run(client: MlflowClient, run_id: str) -> RecordedRun:
    """The run with this id, or the only one whose id begins so.

    Raises UserError where there is none, or more than one; it names what may have been meant.
    """
    return _recorded(_find(client, run_id))


def download(client: MlflowClient, run_id: str, path: str, into: Path) -> Path:
    """Fetch a file or folder of a run's artifacts into a folder; where it is now.

    Raises UserError where the run has none of that name.
    """
    folder = path.rpartition("/")[0]
    if path not in {item.path for item in client.list_artifacts(run_id, folder or None)}:
        raise UserError(
            f"Run {run_id} has no {path}.", hint="It was interrupted before that was stored, or it is not convspec's."
        )
    return Path(client.download_artifacts(run_id, path, str(into)))


def model_folder(client: MlflowClient, run_id: str, into: Path) -> Path:
    """The folder of a run's model, with its pipeline and weights; fetched `into` a folder where it is not local.

    Nothing in the model is executed. Raises UserError where the run has no complete model.
    """
    run = _find(client, run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    if not outputs:
        hint = f"Its status is {run.info.status}; a run of convspec that finished has one."
        raise UserError(f"Run {run.info.run_id} has no model.", hint=hint)
    location = client.get_logged_model(outputs[-1].model_id).artifact_location
    folder = _local(location) or _fetched(location, into)
    missing = [str(part) for part in (flavor.PIPELINE, flavor.WEIGHTS) if not (folder / part).is_file()]
    if missing:
        raise UserError(f"The model of run {run.info.run_id} lacks {' and '.join(missing)}.", hint=f"See {folder}.")
    return folder


def _find(client: MlflowClient, run_id: str) -> Run:
    names = experiments(client)
    found: Sequence[Run] = ()
    if _ID.fullmatch(run_id):
        found = client.search_runs(list(names), f"attributes.run_id LIKE '{run_id}%'", max_results=4)
    if len(found) == 1:
        return found[0]
    if found:
        hint = "It may be " + " or ".join(_label(run) for run in found[:3]) + "."
        raise UserError(f"More than one run begins with {run_id}.", hint=hint)
    near = _near(_latest(client, list(names), _NEAR), run_id)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`convspec list` shows the runs of the store."
    raise UserError(f"There is no run {run_id} in the store.", hint=hint)


def _fetched(location: str, into: Path) -> Path:
    from mlflow.artifacts import download_artifacts

    for part in (flavor.PIPELINE, flavor.WEIGHTS):
        (into / part.parent).mkdir(parents=True, exist_ok=True)
        download_artifacts(artifact_uri=f"{location}/{part.as_posix()}", dst_path=str(into / part.parent))
    return into


def _local(location: str) -> Path | None:
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def experiments(client: MlflowClient) -> dict[str, str]:
    """The names of all experiments by their ids."""
    names: dict[str, str] = {}
    token: str | None = None
    while token is None or token:
        page = client.search_experiments(page_token=token)
        names |= {str(found.experiment_id): str(found.name) for found in page}
        token = page.token or ""
    return names


def _latest(client: MlflowClient, experiment_ids: list[str], limit: int) -> Sequence[Run]:
    order = ["attributes.start_time DESC"]
    return client.search_runs(experiment_ids, order_by=order, max_results=limit) if experiment_ids else ()


def _recorded(run: Run) -> RecordedRun:
    info, data = run.info, run.data
    return RecordedRun(
        info.run_id, info.experiment_id, info.run_name or "", info.status, dict(data.tags), dict(data.metrics)
    )


def _label(run: Run) -> str:
    return f"{run.info.run_id} ({run.info.run_name})"


def _near(runs: Sequence[Run], text: str) -> list[str]:
    """Up to three runs that are called so, or whose ids differ little from what was given."""
    named = [_label(run) for run in runs if run.info.run_name == text]
    if named:
        return named[:3]
    labels = {run.info.run_id: _label(run) for run in runs}
    prefixes = {run_id[: len(text)]: run_id for run_id in reversed(labels)}
    close = difflib.get_close_matches(text, prefixes, n=3, cutoff=0.75) if text else []
    return [labels[prefixes[prefix]] for prefix in close]
