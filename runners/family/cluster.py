"""A Ray cluster as the place where a family is trained: the parent's side of the process that speaks with Ray."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from convspec.errors import RUN_FAILED, UserError
from runners import environment
from runners.atomic import writing
from runners.family.local import Line, Lines, line_of
from runners.family.request import Nodes

REACHING_SECONDS = 10.0
"""The longest that is waited for a machine to answer at all."""
JOINING_SECONDS, STARTING_SECONDS = 90.0, 180.0
"""The longest that is waited for a cluster that runs already, and for one that is started here."""
ENDING_SECONDS = 60.0
"""The longest that is waited for the end of it."""
CLUSTER_LOG = "cluster.log"
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""What Ray is told through the environment where the user says nothing else: to report nothing home, and to leave devices be."""


class ClusterWorker:
    """A worker on some node, heard over a socket."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._lines = Lines()
        self._gone = "was lost with the cluster"

    def fileno(self) -> int:
        return self._pipe.fileno()

    def say(self, line: Line) -> bool:
        try:
            self._pipe.sendall(line_of(line))
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def answers(self) -> list[dict[str, Any]] | None:
        received = self._receive()
        if not received:
            return None
        answers = self._lines.of(received)
        for answer in answers:
            self._gone = answer.get("gone", self._gone)
        return [answer for answer in answers if "gone" not in answer]

    def hang_up(self) -> None:
        with suppress(OSError):  # the other side may have gone first
            self._pipe.shutdown(socket.SHUT_WR)

    def wait(self, seconds: float) -> str:
        """How it ended; what it says until then comes too late, but its files are kept."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._pipe.settimeout(left)
            try:
                if self.answers() is None:
                    break
            except TimeoutError:
                break
        self._pipe.close()
        return self._gone

    def _receive(self) -> bytes:
        try:
            return self._pipe.recv(65536)
        except ConnectionResetError:
            return b""


class Cluster:
    """The process that speaks with Ray for one family, entered as long as workers are wanted. `workers` is how many there may be.

    Entering it raises UserError where there is no such cluster, or no room in it.
    """

    def __init__(self, nodes: Nodes, folder: Path) -> None:
        self.nodes, self.folder = nodes, folder
        self.workers = 0

    def __enter__(self) -> Self:
        _require_ray()
        if self.nodes.endpoint is not None:
            _reach(self.nodes.endpoint)
        self._control, theirs = socket.socketpair()
        # removed by the process, or by this one where that was killed; sockets in it want a short path
        self._scratch = tempfile.mkdtemp(prefix="convspec-ray-") if self.nodes.is_local else ""
        variables = {"TMPDIR": self._scratch} if self._scratch else {}
        arguments = [str(theirs.fileno()), str(self.folder), json.dumps(asdict(self.nodes)), self._scratch]
        with writing(self.folder):
            log = (self.folder / CLUSTER_LOG).open("ab")
        with theirs, log:
            self._process = subprocess.Popen(
                # -P keeps modules of the folder in which the user works out of a process that must import others
                [sys.executable, "-P", "-m", "runners.family.gateway", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                env=SETTINGS | environment.for_children() | variables,
                start_new_session=True,  # Ctrl-C at the terminal is for the parent
            )
        try:
            fitting = self._ready()
        except BaseException:
            self._kill()
            raise
        self.workers = min(self.nodes.workers or fitting, fitting)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def start(self, folder: Path) -> ClusterWorker:
        """A worker for the family, on whichever node has room."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"w"], [theirs.fileno()])
            except (BrokenPipeError, ConnectionResetError):
                ours.close()
                raise UserError(
                    f"The Ray cluster {self.nodes} was lost; everything that came from it is saved.",
                    hint=f"Go on with the same command. {self.folder / CLUSTER_LOG} says more.",
                    exit_code=RUN_FAILED,
                ) from None
        return ClusterWorker(ours)

    def _ready(self) -> int:
        """How many workers fit, once the cluster is there."""
        seconds = STARTING_SECONDS if self.nodes.is_local else JOINING_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            if not selector.select(seconds):
                raise UserError(f"The Ray cluster {self.nodes} did not answer within {seconds:.0f} seconds.")
        with self._control.makefile("rb") as lines:
            line = lines.readline()
        if not line:
            raise UserError(f"The Ray cluster {self.nodes} cannot be used: {self._last_words()}")
        said = json.loads(line)
        if "refused" in said:
            self._end()
            raise UserError(said["refused"], hint=said["hint"])
        return int(said["ready"])

    def _last_words(self) -> str:
        text = (self.folder / CLUSTER_LOG).read_text(encoding="utf-8", errors="replace").strip()
        return text.rpartition("\n")[2] or "Ray ended without a word."

    def _end(self) -> None:
        """Has trainings saved and the cluster left in peace, or ended where it was started for this."""
        self._control.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_SECONDS)
        self._kill()

    def _kill(self) -> None:
        """Ends the process, and what Ray started for it; of that, something may be left though the process itself is gone."""
        self._control.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _require_ray() -> None:
    if find_spec("ray") is None:
        raise UserError("Ray is not installed.", hint="Install it with: pip install 'convspec[ray]'")


def _reach(endpoint: tuple[str, int]) -> None:
    """Raises UserError where nothing answers; Ray itself would try for minutes."""
    host, port = endpoint
    try:
        socket.create_connection(endpoint, timeout=REACHING_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"No Ray cluster answers at {host}:{port}: {error}.",
            hint="PORT is that of Ray's client server, which `ray start --head` puts at 10001.",
        ) from None
