"""The store in a PostgreSQL database: what is in it, and who may make it; one process at a time, as for a local file.

MLflow's own migration does not survive two processes that begin it at once, and is tried again for a minute and a half
where a password is wrong; so the database is looked into before MLflow is asked to open it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from convspec.errors import UserError
from runners.tracking.database import Contents, Schema, StoreAwayError

if TYPE_CHECKING:
    from sqlalchemy import Connection

CONNECT_SECONDS = 10
_LOCK = 0x636F6E76  # any number, the same for everybody
_REASON = re.compile(r"(?:.*failed: )?(?:FATAL: +)?(.*)")  # behind the address and the driver's name
_REFUSAL = re.compile(
    r"authentication failed|does not exist|no pg_hba\.conf entry|no password supplied|permission denied"
)
_REDIRECT = "Name another database with --tracking-uri."
_ADDRESS = "An address is written postgresql://NAME:PASSWORD@HOST:PORT/DATABASE."


def prepare(uri: str, *, name: str, schema: Schema, create: Callable[[str], object]) -> None:
    """Let MLflow make the store in a database where it is missing; `name` is the address as it may be shown.

    Raises UserError where the database is something else, is another version's, or refuses; StoreAwayError where it
    does not answer.
    """
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    # each statement on its own: an open transaction would keep MLflow from changing the tables
    options = {"connect_timeout": CONNECT_SECONDS}
    engine = sqlalchemy.create_engine(uri, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=options)
    try:
        with engine.connect() as connection:
            if contents(connection).is_ready(schema):
                return
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({_LOCK})"))  # closing gives it back
            check_contents(name, contents(connection), schema=schema)
            create(uri)
    except sqlalchemy.exc.OperationalError as error:
        found = _REASON.match(str(error).partition("\n")[0])
        reason = found[1].rstrip(".") if found else ""
        if _REFUSAL.search(reason):
            raise UserError(f"The store {name} refuses: {reason}.", hint=_ADDRESS) from error
        raise StoreAwayError(f"The store {name} does not answer: {reason}.") from error


def contents(connection: Connection) -> Contents:
    """What a database holds."""
    from sqlalchemy import text

    here = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    tables = frozenset(str(row[0]) for row in connection.execute(text(here)))
    revision, default = "", False
    if "alembic_version" in tables:
        revision = str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
    if "experiments" in tables:
        default = connection.scalar(text("SELECT 1 FROM experiments WHERE experiment_id = 0")) is not None
    return Contents(tables, revision, default)


def check_contents(name: str, found: Contents, *, schema: Schema) -> None:
    """Raise UserError where a database is not MLflow's, or is another version's: none is migrated without a backup."""
    if not found.tables:
        return
    if "experiments" not in found.tables:
        raise UserError(f"The database {name} holds something else than a store of MLflow's.", hint=_REDIRECT)
    if not schema.head or found.revision in ("", schema.head):
        return
    if found.revision in schema.revisions:
        hint = "Make a backup with pg_dump, stop what uses it, then run: mlflow db upgrade ADDRESS"
        raise UserError(f"The store {name} was made by an older version of MLflow.", hint=hint)
    hint = f"Install the version that made it. {_REDIRECT}"
    raise UserError(f"The store {name} was made by a newer version of MLflow.", hint=hint)
