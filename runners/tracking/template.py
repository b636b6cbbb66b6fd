"""An empty store to copy: MLflow makes one by replaying every migration, which takes over a second and can be cut short.

So it is made aside, kept in the user's cache for the installed version of MLflow, and put in place whole.
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from runners.tracking.database import Schema


def place(path: Path, *, version: str, schema: Schema, create: Callable[[str], object]) -> None:
    """Put an empty store where there is none; `create` lets MLflow make the one of an address."""
    content = _kept(version, schema)
    if content is None:
        content = _made(create)
        _keep(content, version)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)


def _made(create: Callable[[str], object]) -> bytes:
    """A new store without its default experiment, which names a folder; MLflow adds it where it opens the store."""
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "mlflow.db"
        create(f"sqlite:///{path}")
        with closing(sqlite3.connect(path)) as store:
            store.execute("DELETE FROM experiments")
            store.commit()
            return store.serialize()


def _kept(version: str, schema: Schema) -> bytes | None:
    """The kept store, or None where there is none that fits; a damaged one does not pass gzip's checksum."""
    with suppress(OSError, EOFError, zlib.error, RuntimeError):
        content = gzip.decompress(_cache(version).read_bytes())
        return content if schema.head and _revision(content) == schema.head else None
    return None


def _keep(content: bytes, version: str) -> None:
    """Keep a store for the next fresh one; where there is no room for it, keep none."""
    with suppress(OSError, RuntimeError):
        path = _cache(version)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_bytes(gzip.compress(content, compresslevel=6))
        draft.replace(path)


def _cache(version: str) -> Path:
    """Where the store of a version is kept. Raises RuntimeError for a user without a home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(named) if named.startswith("/") else Path.home() / ".cache"
    return folder / "convspec" / f"mlflow-{version}.db.gz"


def _revision(content: bytes) -> str:
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(":memory:")) as store:
        store.deserialize(content)
        return str(store.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    return ""
