"""The SQLite file of a local store: what is in it, whose it is, and who may make it; all without MLflow.

Two processes that let MLflow make the same new database at once leave it broken for good, so it is made under a lock.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from convspec.errors import UserError

_REVISION = re.compile(r"^revision(?:: str)? = [\"'](\w+)[\"']", re.MULTILINE)
_FOLLOWS = re.compile(r"^down_revision(?:: [\w |]+)? = [\"'](\w+)[\"']", re.MULTILINE)
ANOTHER = "Name another store with --tracking-uri, or move this file away."
_WRITABLE = "Change its permissions, or name another store with --tracking-uri."


class StoreAwayError(UserError):
    """A store that cannot be used now and may be back later."""


@dataclass(frozen=True)
class Schema:
    """The revisions of the database that an installed MLflow knows, and the newest, which it works with."""

    revisions: frozenset[str]
    head: str

    @classmethod
    def of(cls, mlflow_package: Path) -> Schema:
        """Read the revisions out of MLflow's migration scripts without running them."""
        scripts = [path.read_text() for path in (mlflow_package / "store/db_migrations/versions").glob("*.py")]
        revisions = {match[1] for text in scripts if (match := _REVISION.search(text))}
        heads = revisions - {match[1] for text in scripts if (match := _FOLLOWS.search(text))}
        return cls(frozenset(revisions), heads.pop() if len(heads) == 1 else "")


@dataclass(frozen=True)
class Contents:
    """What a database holds: its tables, the revision of its schema, and whether there is a default experiment."""

    tables: frozenset[str] = frozenset()
    revision: str = ""
    has_default: bool = False

    def is_ready(self, schema: Schema) -> bool:
        """Whether the store is complete, so that opening it changes nothing and needs no lock."""
        return bool(schema.head) and self.revision == schema.head and self.has_default


def path_of(uri: str) -> Path:
    """The file that a `sqlite:///` address names."""
    return Path(uri.partition(":///")[2])


def check_access(path: Path) -> None:
    """Raise UserError where a store can be neither made nor written at a path."""
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent} for the store {path.name}.", hint="Make it first.")
    if path.is_dir():
        raise UserError(f"{path} is a folder, not an SQLite database.", hint=ANOTHER)
    # SQLite writes its journal beside the file, so the folder must be writable too
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
        raise UserError(f"The store {path} cannot be written.", hint=_WRITABLE)


def contents(path: Path) -> Contents:
    """What the database at a path holds; nothing where there is none yet.

    Raises UserError where the file is something else or damaged, StoreAwayError where somebody has locked it.
    """
    if not path.exists() or path.stat().st_size == 0:
        return Contents()
    # read by SQLite alone: closing a file gives up all locks of this process on it, MLflow's connections' too
    try:
        with closing(sqlite3.connect(path, timeout=20)) as database:
            return _contents(database)
    except sqlite3.OperationalError as error:
        raise StoreAwayError(f"The SQLite database {path} cannot be opened now: {error}.") from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise UserError(f"{path} is not an SQLite database.", hint=ANOTHER) from error
        raise UserError(f"The SQLite database {path} cannot be read: {error}.", hint=ANOTHER) from error


def check_contents(path: Path, found: Contents, *, schema: Schema) -> None:
    """Raise UserError where a database is not MLflow's, or is another version's: none is migrated without a backup."""
    if not found.tables:
        return
    if not {"experiments", "runs"} <= found.tables:
        raise UserError(f"{path} is an SQLite database, but no store of MLflow's.", hint=ANOTHER)
    if not schema.head or found.revision in ("", schema.head):
        return
    older = found.revision in schema.revisions
    raise UserError(
        f"The store {path} was made by {'an older' if older else 'a newer'} version of MLflow.",
        hint=f"Copy the file somewhere safe, then run: mlflow db upgrade sqlite:///{path}"
        if older
        else "Install the version that made it, or name another store with --tracking-uri.",
    )


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a store for this process alone while it is made."""
    name = path.parent / ".convspec" / f"{path.name}.lock"
    name.parent.mkdir(exist_ok=True)
    with name.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def use_write_ahead_log(path: Path) -> None:
    """Let readers and a writer work at once; the setting stays in the file."""
    with closing(sqlite3.connect(path, timeout=20)) as database:
        database.execute("PRAGMA journal_mode = WAL")


def fold_log(path: Path) -> None:
    """Bring the write-ahead log into the file itself, so that a copy of the file is complete; not while others write."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path, timeout=0.2)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _contents(database: sqlite3.Connection) -> Contents:
    tables = frozenset(n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
    revision, default = "", False
    if "alembic_version" in tables:
        revision = next((str(n) for (n,) in database.execute("SELECT version_num FROM alembic_version")), "")
    if "experiments" in tables:
        found = database.execute("SELECT 1 FROM experiments WHERE experiment_id = 0").fetchone()
        default = found is not None
    return Contents(tables, revision, default)
