"""Many runs read at once from MLflow's tables: `search_runs` takes 1.7 ms for each, a few queries for all take microseconds.

The tables are MLflow's own affair, so they are only read; where they are not as expected, MLflow's client is asked instead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any, Literal

from convspec.errors import UserError
from runners.tracking import database, store
from runners.tracking.database import StoreAwayError

Query = Callable[[str, Mapping[str, object]], Sequence[Sequence[Any]]]
"""Rows of a statement with `:name` for its values."""
By = Literal["experiment", "run", "parent"]
"""Which runs: those of an experiment by its name, those whose id begins so, or the children of a parent by its id."""

PARENTS = ("comparison", "search")
"""What the tag `convspec.kind` says of a run that others belong to; it trained nothing itself."""

_PARENT = "SELECT g.run_uuid FROM tags g WHERE g.key = 'mlflow.parentRunId' AND g.value = :value"
_EXPERIMENT = "SELECT e.experiment_id FROM experiments e WHERE e.name = :value"
_WHERE: Mapping[By, str] = {
    "experiment": f"r.experiment_id IN ({_EXPERIMENT})",
    "run": "r.run_uuid LIKE :value",
    "parent": f"r.run_uuid IN ({_PARENT})",
}
_LARGEST = 1.7976931348623157e308  # MLflow stores it for infinity


class UnknownTablesError(Exception):
    """A database whose tables are not those that are read here."""


@dataclass
class Found:
    """A run with the last of every figure, the tags that a comparison asks for, and those parameters that not all runs found with
    it share."""

    run_id: str
    name: str
    status: str
    started_ms: int
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def experiments(ask: Query) -> list[str]:
    """The names of all experiments. Raises UnknownTablesError."""
    return sorted(name for (name,) in ask("SELECT e.name FROM experiments e WHERE e.lifecycle_stage = 'active'", {}))


def select(ask: Query, by: By, value: str) -> list[Found]:
    """Runs, the oldest first. Raises UnknownTablesError."""
    where = f"r.lifecycle_stage = 'active' AND {_WHERE[by]}"
    values = {"value": f"{value}%" if by == "run" else value}
    rows = ask(f"SELECT r.run_uuid, r.name, r.status, r.start_time FROM runs r WHERE {where}", values)
    found = {row[0]: Found(row[0], row[1] or "", row[2], row[3] or 0) for row in rows}
    chosen = f"x.run_uuid IN (SELECT r.run_uuid FROM runs r WHERE {where})"
    for run_id, key, text in ask(f"SELECT x.run_uuid, x.key, x.value FROM tags x WHERE {chosen} AND {_TAGS}", values):
        if run_id in found:  # a run may have come since the first query
            found[run_id].tags[key] = text
    trained = sum(run.tags.get("convspec.kind") not in PARENTS for run in found.values())
    for run_id, key, text in ask(_differing(chosen), {**values, "runs": trained}):
        if run_id in found:
            found[run_id].params[key] = text
    for run_id, key, figure, is_nan in ask(
        f"SELECT x.run_uuid, x.key, x.value, x.is_nan FROM latest_metrics x WHERE {chosen}", values
    ):
        if run_id in found:
            found[run_id].metrics[key] = _figure(figure, is_nan=is_nan)
    return sorted(found.values(), key=lambda run: (run.started_ms, run.run_id))


_KEYS = ["mlflow.parentRunId"] + [
    f"convspec.{key}" for key in ("architecture", "seed", "kind", "parameters", "multiply_adds", "reason")
]
_TAGS = "x.key IN ({})".format(", ".join(f"'{key}'" for key in _KEYS))


def _differing(chosen: str) -> str:
    """The seed, and the parameters that differ, told by the database: for each that does, there are many that do not."""
    parents = "SELECT g.run_uuid FROM tags g WHERE g.key = 'convspec.kind' AND g.value IN ('comparison', 'search')"
    keys = f"SELECT x.key FROM params x WHERE {chosen} AND x.run_uuid NOT IN ({parents}) GROUP BY x.key"
    keys += " HAVING x.key = 'seed' OR COUNT(*) < :runs OR MIN(x.value) <> MAX(x.value)"
    return f"SELECT y.run_uuid, y.key, y.value FROM params y WHERE y.key IN ({keys}) AND {chosen.replace('x.', 'y.')}"


def _figure(stored: float, *, is_nan: bool) -> float:
    if is_nan:
        return nan
    return (inf if stored > 0 else -inf) if abs(stored) >= _LARGEST else float(stored)


@contextmanager
def queries(uri: str) -> Iterator[Query]:
    """Asks a database. Raises StoreAwayError where it cannot be reached; what is asked may raise UnknownTablesError."""
    with _file(uri) if uri.startswith("sqlite:") else _server(uri) as ask:
        yield ask


@contextmanager
def _file(uri: str) -> Iterator[Query]:
    path = database.path_of(uri)
    database.contents(path)
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as opened:

        def ask(statement: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
            try:
                return opened.execute(statement, dict(values)).fetchall()
            except sqlite3.OperationalError as error:
                if "no such" in str(error):
                    raise UnknownTablesError(str(error)) from error
                raise StoreAwayError(f"The SQLite database {path} cannot be read now: {error}.") from error

        yield ask


@contextmanager
def _server(uri: str) -> Iterator[Query]:
    import sqlalchemy
    from sqlalchemy import exc

    store.check_port(uri)
    try:
        engine = sqlalchemy.create_engine(uri)
        opened = engine.connect()
    except ModuleNotFoundError as error:
        hint = f"pip install {error.name}"
        raise UserError(f"The store {store.redacted(uri)} needs the package {error.name}.", hint=hint) from error
    except exc.OperationalError as error:
        raise StoreAwayError(f"The store {store.redacted(uri)} does not answer: {store.first_line(error)}") from error

    def ask(statement: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        try:
            return opened.execute(sqlalchemy.text(statement), dict(values)).all()
        except exc.ProgrammingError as error:
            opened.rollback()
            raise UnknownTablesError(str(error)) from error

    try:
        yield ask
    finally:
        opened.close()
        engine.dispose()
