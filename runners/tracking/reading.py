"""Many runs of a store for a comparison: from MLflow's tables where they can be reached, else from its client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from convspec.errors import UserError
from runners.tracking import store, tables
from runners.tracking.tables import By, Found

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000


class Reader:
    """Finds runs in one store."""

    def __init__(self, uri: str, ask: tables.Query | None) -> None:
        self.uri = uri
        self._ask = ask
        self._client: MlflowClient | None = None

    def experiments(self) -> list[str]:
        """The names of all experiments."""
        if self._ask is not None:
            try:
                return tables.experiments(self._ask)
            except tables.UnknownTablesError:
                self._ask = None
        return sorted(_experiments(self.client()))

    def select(self, by: By, value: str) -> list[Found]:
        """The runs of an experiment, those whose id begins so, or the children of a parent; the oldest first."""
        if self._ask is not None:
            try:
                return tables.select(self._ask, by, value)
            except tables.UnknownTablesError:
                self._ask = None
        return _selected(self.client(), by, value)

    def client(self) -> MlflowClient:
        """MLflow's own way to the store, a second or two away."""
        if self._client is None:
            self._client = store.open_client(self.uri)
        return self._client


@contextmanager
def reader(tracking_uri: str | None, home: Path) -> Iterator[Reader]:
    """The store that a command is told to read. Raises UserError where there is none, or it cannot be used."""
    uri = store.resolve_uri(tracking_uri, home)
    if not store.exists(uri):
        raise UserError(f"There is no store {uri} yet.", hint="`convspec run` makes it; --tracking-uri names another.")
    if uri.startswith(("http:", "https:")):
        yield Reader(uri, None)
        return
    with tables.queries(uri) as ask:
        yield Reader(uri, ask)


def _selected(client: MlflowClient, by: By, value: str) -> list[Found]:
    names = _experiments(client)
    chosen = [names[value]] if by == "experiment" and value in names else list(names.values())
    condition = {
        "experiment": "",
        "run": f"attributes.run_id LIKE '{value}%'",
        "parent": f"tags.`mlflow.parentRunId` = '{value}'",
    }[by]
    if not chosen or (by == "experiment" and value not in names):
        return []
    found: list[Found] = []
    token: str | None = None
    while token is None or token:
        page = client.search_runs(chosen, condition, max_results=_PAGE, page_token=token)
        found += [
            Found(
                run.info.run_id,
                run.info.run_name or "",
                run.info.status,
                run.info.start_time or 0,
                dict(run.data.tags),
                dict(run.data.params),
                dict(run.data.metrics),
            )
            for run in page
        ]
        token = page.token or ""
    return sorted(found, key=lambda run: (run.started_ms, run.run_id))


def _experiments(client: MlflowClient) -> dict[str, str]:
    """Ids of all experiments by their names."""
    ids: dict[str, str] = {}
    token: str | None = None
    while token is None or token:
        page = client.search_experiments(page_token=token)
        ids |= {str(found.name): str(found.experiment_id) for found in page}
        token = page.token or ""
    return ids


def keep(client: MlflowClient, run_id: str, paths: list[Path]) -> None:
    """Adds files to the artifacts of a run."""
    for path in paths:
        client.log_artifact(run_id, str(path))
