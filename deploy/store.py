"""A store for many: PostgreSQL and MLflow's server in one folder, on the loopback interface, without containers.

    python deploy/store.py start FOLDER [--port 5000] [--database-port 5433]
    python deploy/store.py status FOLDER
    python deploy/store.py stop FOLDER

Afterwards: convspec run FILE --tracking-uri http://127.0.0.1:5000, or that address in MLFLOW_TRACKING_URI.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from postgresql import NAME, PostgreSQL
from server import Server

from convspec.errors import UserError
from runners.tracking.ui import is_free

PARTS = ("database", "server")


@dataclass(frozen=True)
class Store:
    """The folder of a store: `store.json` with its ports, `password`, `database/`, `artifacts/`, `server.log`."""

    folder: Path
    port: int = 5000
    database_port: int = 5433

    @classmethod
    def of(cls, folder: Path, *, port: int | None = None, database_port: int | None = None) -> Store:
        """The store of a folder, with the ports that it had last where none are given.

        Raises UserError where the folder is something else.
        """
        settings = folder / "store.json"
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file, not the folder of a store.", hint="Name a new or empty folder.")
        if not settings.exists() and folder.is_dir() and any(path.name != ".lock" for path in folder.iterdir()):
            raise UserError(f"{folder} is in use for something else than a store.", hint="Name a new or empty folder.")
        known = _settings(settings)
        asked = {"port": port, "database_port": database_port}
        return cls(folder, **{**known, **{name: value for name, value in asked.items() if value is not None}})

    def start(self, parts: tuple[str, ...]) -> None:
        """Start what does not run yet. Raises UserError, with nothing left running that was not running before."""
        database = PostgreSQL.of(self.folder / "database")
        server = Server(self.folder, self.port)
        running = {"database": database.is_running(), "server": server.is_running()}
        if "server" in parts and not running["server"]:
            server.stop()  # a server that was killed leaves its worker behind, which keeps the port
        self._check_ports(running, parts)
        (self.folder / "store.json").write_text(json.dumps({"port": self.port, "database_port": self.database_port}))
        password = database.make(self.folder / "password")
        if "database" in parts and not running["database"]:
            database.start(self.database_port, password)
        if "server" in parts and not running["server"]:
            try:
                server.start(f"postgresql+psycopg://{NAME}:{password}@127.0.0.1:{self.database_port}/{NAME}")
            except UserError:
                if not running["database"] and "database" in parts:
                    database.stop()
                raise

    def stop(self, parts: tuple[str, ...]) -> None:
        """Stop what runs, the server first."""
        if not (self.folder / "store.json").exists():
            raise UserError(f"There is no store in {self.folder}.", hint="`start` makes one.")
        if "server" in parts:
            Server(self.folder, self.port).stop()
        database = PostgreSQL.of(self.folder / "database")
        if "database" in parts and database.is_running():
            database.stop()

    def describe(self) -> dict[str, Any]:
        """What runs, and where."""
        server = Server(self.folder, self.port)
        database = self.folder / "database"
        return {
            "folder": str(self.folder),
            "tracking_uri": server.address,
            "server": server.is_running(),
            "database": database.is_dir() and PostgreSQL.of(database).is_running(),
            "ports": {name: value for name, value in asdict(self).items() if name.endswith("port")},
        }

    def _check_ports(self, running: dict[str, bool], parts: tuple[str, ...]) -> None:
        known = Store.of(self.folder)
        for part, name in (("database", "database_port"), ("server", "port")):
            port = getattr(self, name)
            option = f"--{name.replace('_', '-')}"
            if running[part] and port != getattr(known, name):
                raise UserError(
                    f"The {part} of {self.folder} runs on port {getattr(known, name)}.", hint="Stop it first."
                )
            if part in parts and not running[part] and not is_free("127.0.0.1", port):
                raise UserError(f"Port {port} of 127.0.0.1 is taken.", hint=f"Use another: {option} {port + 1}")


def _settings(path: Path) -> dict[str, int]:
    """The ports that a store had last. Raises UserError where somebody has damaged the file."""
    if not path.exists():
        return {}
    try:
        known = json.loads(path.read_text())
        return {name: int(known[name]) for name in ("port", "database_port")}
    except (ValueError, KeyError, TypeError) as error:
        hint = 'It should be like {"port": 5000, "database_port": 5433}.'
        raise UserError(f"{path} is damaged.", hint=hint) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder, so that one process at a time starts or stops its store. Raises UserError where another does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise UserError(f"{folder} cannot be used: {error.strerror}.", hint="Name another folder.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"Another process starts or stops the store in {folder}.", hint="Wait for it.") from error
        yield


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, help="port of the server (5000)")
    parser.add_argument("--database-port", type=int, help="port of PostgreSQL (5433)")
    parser.add_argument("--only", choices=PARTS, help="start or stop one of the two")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    for port in (given.port, given.database_port):
        if port is not None and not 0 < port < 65536:
            parser.error(f"a port is a number from 1 to 65535, not {port}")
    try:
        found = act(given)
    except UserError as error:
        if given.json:
            print(json.dumps({"error": error.message, "hint": error.hint}))
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(found) if given.json else told(found))
    return 1 if given.action == "status" and not (found["server"] and found["database"]) else 0


def act(given: argparse.Namespace) -> dict[str, Any]:
    """Do what was asked for; what runs afterwards."""
    folder = given.folder.absolute()
    store = Store.of(folder, port=given.port, database_port=given.database_port)
    parts = (given.only,) if given.only else PARTS
    if given.action == "start":
        with alone(folder):
            store.start(parts)
    elif given.action == "stop":
        if not folder.is_dir():
            raise UserError(f"There is no store in {folder}.", hint="`start` makes one.")
        with alone(folder):
            store.stop(parts)
    return store.describe()


def told(found: dict[str, Any]) -> str:
    """What runs, in words."""
    words = {True: "runs", False: "does not run"}
    return "\n".join(
        (
            f"server      {words[found['server']]}  {found['tracking_uri']}",
            f"PostgreSQL  {words[found['database']]}  127.0.0.1:{found['ports']['database_port']}",
            f"folder      {found['folder']}",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
