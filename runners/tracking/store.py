"""The store of runs: which one is meant, how MLflow is set up for it, and how it is opened without harm."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from convspec.errors import UserError
from runners.tracking import database, postgresql, template
from runners.tracking.database import StoreAwayError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_KINDS = "sqlite:///FILE, http(s)://HOST, postgresql://..., mysql://... or mssql://..."
_CREDENTIALS = "MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, say who you are."
_NO_MLFLOW = ("is no MLflow server", "Look at its address in a browser, or name another store with --tracking-uri.")
_CAUSE = re.compile(
    r"Max retries exceeded .*?(Connection refused|\w[\w ]* not known|\w[\w. ]* timed out|[Nn]o route to host"
    r"|Network is unreachable|wrong version number|certificate verify failed)"
)
_PACKAGES = {"psycopg": "'convspec[postgresql]'"}
_REFUSALS = {
    "PERMISSION_DENIED": ("does not allow it", _CREDENTIALS),
    "UNAUTHENTICATED": ("wants a name and a password", _CREDENTIALS),
    "ENDPOINT_NOT_FOUND": _NO_MLFLOW,
    "RESOURCE_DOES_NOT_EXIST": _NO_MLFLOW,
    "NOT_IMPLEMENTED": _NO_MLFLOW,
}

PERMANENT = frozenset(
    {
        "INVALID_PARAMETER_VALUE",
        "INVALID_STATE",
        "RESOURCE_DOES_NOT_EXIST",
        "BAD_REQUEST",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
    }
)
"""Codes of errors with which a store refuses for good what it was sent."""

SETTINGS: Mapping[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's own seven block for four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def resolve_uri(option: str | None, home: Path) -> str:
    """The address of the store: the option, else MLFLOW_TRACKING_URI, else `mlflow.db` in `home`; files absolute.

    Raises UserError for an address that MLflow cannot keep runs at.
    """
    uri = option or os.environ.get("MLFLOW_TRACKING_URI", "") or f"sqlite:///{home.absolute() / 'mlflow.db'}"
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme == "sqlite":
        path = uri.partition(":///")[2]
        if not path or path.startswith(":memory:"):
            raise UserError(f"{uri} names no file.", hint="An SQLite store is written sqlite:///FILE.")
        if "%" in path or "?" in path:
            raise UserError(
                f"MLflow reads % and ? in the path of a store, {path}, as something else.",
                hint="Name another one with --tracking-uri sqlite:///FILE.",
            )
        return f"sqlite:///{Path(path).absolute()}"
    if scheme in ("http", "https") or scheme in _DATABASE_PORTS:
        return uri
    if scheme in ("", "file"):
        raise UserError(
            f"{uri} is a folder; MLflow no longer keeps runs in folders.", hint="Write sqlite:///FILE instead."
        )
    raise UserError(f"The store {redacted(uri)} is of an unknown kind.", hint=f"Known are {_KINDS}.")


def redacted(uri: str) -> str:
    """An address without the password in it, to be shown."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", uri)


def exists(uri: str) -> bool:
    """Whether there is a store to be read; a server is taken to be one."""
    return not uri.startswith("sqlite:") or database.path_of(uri).exists()


def artifact_location(uri: str, experiment: str) -> str | None:
    """Where a new experiment keeps its files: beside a local store; None lets a server decide."""
    if not uri.startswith("sqlite:"):
        return None
    return (database.path_of(uri).parent / "mlruns" / experiment).as_uri()


def check(uri: str) -> None:
    """Raise UserError for what can be known to be wrong with a local store at once, without importing MLflow."""
    if uri.startswith("sqlite:"):
        database.check_access(database.path_of(uri))
        database.contents(database.path_of(uri))


def open_client(uri: str) -> MlflowClient:
    """A client of the store, which is made where a local one is missing.

    Raises UserError where it cannot be used, and StoreAwayError where it cannot be reached.
    """
    check(uri)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if uri.startswith(("http:", "https:")):
        return _open_server(uri)
    return _open_database(uri)


def _open_database(uri: str) -> MlflowClient:
    import mlflow
    import sqlalchemy.exc

    mlflow.set_tracking_uri(uri)  # MLflow finds some artifacts only by this
    check_port(uri)
    try:
        if uri.startswith("sqlite:"):
            _prepare_file(uri)
        if uri.startswith("postgresql"):
            _prepare_database(uri)
        return mlflow.MlflowClient(tracking_uri=uri)
    except ModuleNotFoundError as error:
        hint = f"pip install {_PACKAGES.get(error.name or '', error.name)}"
        raise UserError(f"The store {redacted(uri)} needs the package {error.name}.", hint=hint) from error
    except sqlalchemy.exc.OperationalError as error:
        raise StoreAwayError(f"The store {redacted(uri)} does not answer: {first_line(error)}") from error
    except (mlflow.MlflowException, sqlalchemy.exc.SQLAlchemyError) as error:
        if getattr(error, "error_code", "") == "TEMPORARILY_UNAVAILABLE":
            raise StoreAwayError(f"The store {redacted(uri)} does not answer: {first_line(error)}") from error
        hint = "If another version of MLflow made it, use that; else name another store with --tracking-uri."
        raise UserError(f"MLflow cannot open {redacted(uri)}: {first_line(error)}", hint=hint) from error


def _prepare_file(uri: str) -> None:
    """Make a local store that is missing or incomplete, one process at a time."""
    import mlflow

    path = database.path_of(uri)
    schema = database.Schema.of(Path(mlflow.__file__).parent)
    if database.contents(path).is_ready(schema):
        return
    with database.lock(path):
        found = database.contents(path)
        database.check_contents(path, found, schema=schema)
        if not found.tables:
            template.place(path, version=mlflow.__version__, schema=schema, create=mlflow.MlflowClient)
            database.use_write_ahead_log(path)
        mlflow.MlflowClient(tracking_uri=uri)


def _prepare_database(uri: str) -> None:
    """Make the store of a PostgreSQL database that holds none, one process at a time."""
    import mlflow

    schema = database.Schema.of(Path(mlflow.__file__).parent)
    postgresql.prepare(uri, name=redacted(uri), schema=schema, create=mlflow.MlflowClient)


def _open_server(uri: str) -> MlflowClient:
    import mlflow

    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    try:
        client.search_experiments(max_results=1)
    except mlflow.MlflowException as error:
        refusal, hint = _REFUSALS.get(error.error_code, ("", ""))
        if refusal:
            raise UserError(f"The store {redacted(uri)} {refusal}.", hint=hint) from error
        raise StoreAwayError(f"The store {redacted(uri)} does not answer: {first_line(error)}") from error
    return client


def check_port(uri: str) -> None:
    """Find out at once that a database server is away; MLflow would try for over a minute and a half."""
    parts = urlsplit(uri)
    port = _DATABASE_PORTS.get(parts.scheme.partition("+")[0])
    if port is None or not parts.hostname:
        return
    try:
        socket.create_connection((parts.hostname, parts.port or port), timeout=5).close()
    except OSError as error:
        raise StoreAwayError(f"The store {redacted(uri)} does not answer: {error.strerror or error}.") from error


def first_line(error: Exception) -> str:
    """What an error says, without what MLflow adds below it; of a failed connection, only what was wrong with it."""
    text = str(error).partition("\n")[0]
    cause = _CAUSE.search(text)
    return cause[1] if cause else redacted(text[:300])
