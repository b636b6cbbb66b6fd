"""MLflow's server over a database: one worker, no job runner, artifacts in a folder; started, found again and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path

from postgresql import last_line

from convspec.errors import RUN_FAILED, UserError
from runners.tracking.owner import Owner
from runners.tracking.ui import ui_command

KEPT_CONNECTIONS, MORE_CONNECTIONS = 40, 80
"""To the database: the worker has 40 threads, and a request takes up to three at once. With fewer in all (MLflow's own setting is
15), requests that hold one wait for another until they time out, as soon as many clients write at the same moment."""
START_SECONDS = 120.0
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Server:
    """The server of a folder. `server.pid` there says which process it is, so that no other one is ever stopped."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        """What to give as `--tracking-uri`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    def start(self, database: str) -> None:
        """Start the server over a database, and wait until it answers.

        Raises UserError where it ends instead, with the last that it said.
        """
        if find_spec("psycopg") is None:
            raise UserError("The package psycopg is not installed.", hint="pip install 'convspec[postgresql]'")
        process = self._launch(database)
        (self.folder / "server.pid").write_text(json.dumps(asdict(Owner.of(process.pid))))
        self._wait(process)
        process.returncode = 0  # it is meant to outlive this object, which is no cause for a warning

    def stop(self) -> None:
        """Stop the server with its workers, which are of its session."""
        owner = self._owner()
        if owner is None:
            return
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
            deadline = time.monotonic() + seconds
            if _has_left_something(owner):
                with suppress(ProcessLookupError):
                    os.killpg(owner.pid, number)
            while _has_left_something(owner) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not _has_left_something(owner):
                return
        raise UserError(f"The server, process {owner.pid}, does not stop.", exit_code=RUN_FAILED)

    def is_running(self) -> bool:
        """Whether the process that was started still runs."""
        owner = self._owner()
        return owner is not None and not owner.is_gone()

    def _launch(self, database: str) -> subprocess.Popen[bytes]:
        command, environment = ui_command(database, "127.0.0.1", self.port)
        environment |= {
            "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(KEPT_CONNECTIONS),
            "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(MORE_CONNECTIONS),
        }
        artifacts = self.folder / "artifacts"
        artifacts.mkdir(exist_ok=True)
        try:
            with self.log.open("ab") as log:
                return subprocess.Popen(
                    [*command, "--serve-artifacts", "--artifacts-destination", str(artifacts)],
                    env=environment,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            reason = f"MLflow's server did not start: {error.filename}: {error.strerror}"
            raise UserError(reason, exit_code=RUN_FAILED) from error

    def _owner(self) -> Owner | None:
        path = self.folder / "server.pid"
        text = path.read_text() if path.exists() else ""
        return Owner(**json.loads(text)) if text.endswith("}") else None

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                problem = f"MLflow's server did not start: {last_line(self.log)}"
                raise UserError(problem, hint=f"See {self.log}.", exit_code=RUN_FAILED)
            time.sleep(0.1)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _has_left_something(owner: Owner) -> bool:
    """Whether a process runs, or has ended and left others of its group behind."""
    if not owner.is_gone():
        return True
    # its number is not given to another process as long as its group has members
    if owner.boot_id != Owner.current().boot_id or Path(f"/proc/{owner.pid}").exists():
        return False
    try:
        os.killpg(owner.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
