"""The process that speaks with Ray, apart from the parent: `python -m runners.family.gateway SOCKET FOLDER NODES SCRATCH`.

Whatever Ray prints, and however it ends, happens here. The parent sends one socket for each worker that it wants; what is said
over it is what a worker of the parent's own machine says and hears, while the files of trainings go into the family's folder.
Where the parent has gone, trainings are saved, and a cluster that was started here ends.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from convspec.errors import UserError
from runners import environment
from runners.atomic import WritingError, writing
from runners.family import node
from runners.family.child import held
from runners.family.local import WORKERS_LOG, line_of
from runners.family.parcel import Packing, unpack
from runners.family.request import Nodes
from runners.family.task import CHILDREN

DESCRIBING_SECONDS = 60
"""The longest that is waited for a node to say which versions it has."""
ENDING_SECONDS = 40.0
"""The longest that is waited for trainings to be saved, once the parent has gone."""
CALLS_AT_ONCE = 4
"""Methods of a node that run beside each other."""
_log = logging.getLogger(__name__)


def connect(asked: Nodes, scratch: str) -> None:
    """Joins the cluster that was asked for, or starts one on this machine. Raises UserError where that does not work."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    try:
        if asked.is_local:
            ray.init(num_cpus=environment.cores(), include_dashboard=False, _temp_dir=scratch, **quiet)
        elif asked.address == "auto":
            ray.init(address="auto", **quiet)
        else:
            ray.init(address=f"ray://{asked.address}", **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError, ImportError, RayError) as error:
        _log.exception("no cluster")
        hint = (
            "A cluster with tokens wants RAY_AUTH_MODE=token and its token in RAY_AUTH_TOKEN." if asked.address else ""
        )
        raise UserError(f"The Ray cluster {asked} cannot be used: {_short(error)}", hint=hint) from None


def capacity(asked: Nodes) -> int:
    """How many trainings fit into the cluster at once. Raises UserError where none does."""
    found = [each["Resources"] for each in ray.nodes() if each["Alive"]]
    fitting = sum(_fitting(each, asked) for each in found)
    if fitting:
        return fitting
    largest = {name: max((each.get(name, 0) for each in found), default=0) for name in ("CPU", "GPU")}
    wanted = f"{asked.cpus} processor{'s' * (asked.cpus > 1)}" + (f" and {asked.gpus:g} GPU" if asked.gpus else "")
    raise UserError(
        f"No node of the Ray cluster has {wanted}, which --cpus and --gpus ask for each run.",
        hint=f"The most that a node has is {largest['CPU']:g} processors and {largest['GPU']:g} GPUs.",
    )


def _fitting(resources: dict[str, float], asked: Nodes) -> int:
    fits = resources.get("CPU", 0) // asked.cpus
    if asked.gpus:
        gpus = resources.get("GPU", 0)
        fits = min(fits, gpus // asked.gpus if asked.gpus >= 1 else gpus * (1 // asked.gpus))
    return int(fits)


def check_versions(asked: Nodes) -> None:
    """Raises UserError where a node that is to train has another convspec, or none."""
    here = environment.describe()
    remote = ray.remote(node.describe)
    nodes = [each for each in ray.nodes() if each["Alive"] and _fitting(each["Resources"], asked)]
    waiting = {
        remote.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(each["NodeID"], soft=False), max_retries=0
        ).remote(): each["NodeManagerHostname"]
        for each in nodes
    }
    for answer, name in waiting.items():
        try:
            there = ray.get(answer, timeout=DESCRIBING_SECONDS)
        except GetTimeoutError:
            raise UserError(f"Node {name} of the Ray cluster does not answer.") from None
        except (RayError, ImportError) as error:
            _log.exception("node %s", name)
            hint = "Does it have convspec? It takes the same version on every node."
            raise UserError(f"Node {name} of the Ray cluster cannot train: {_last_line(error)}", hint=hint) from None
        if there["convspec"] != here["convspec"]:
            versions = f"convspec {there['convspec']}, and this machine {here['convspec']}"
            raise UserError(f"Node {name} of the Ray cluster has {versions}.", hint="Install the same version on both.")
        for difference in environment.differences(here, {key: there[key] for key in here if key in there}):
            _log.warning("node %s: %s; the bits of weights may differ (then: here, now: there)", name, difference)


class Relay:
    """One worker on some node, and the socket over which the parent speaks with it."""

    def __init__(self, pipe: socket.socket, children: Path, asked: Nodes) -> None:
        self.pipe, self.children = pipe, children
        options = {"num_cpus": asked.cpus, "num_gpus": asked.gpus, "max_restarts": 0, "max_concurrency": CALLS_AT_ONCE}
        self.node = ray.remote(node.Node).options(**options).remote(gpus=asked.gpus > 0)
        self.folder: Path | None = None
        self._placed = False
        self._lock = ExitStack()  # the folder of the task in hand is for this process alone
        self._speaking = Lock()

    def run(self) -> None:
        """Hands on what both sides say until one of them has gone."""
        listening = Thread(target=self._up, daemon=True)
        listening.start()
        try:
            gone = self._down()
        except WritingError as error:
            self._say({"unwritable": error.message})
            gone = "was given up"
        except (RayError, UserError, OSError) as error:
            _log.exception("a worker is lost")
            gone = f"was lost ({_last_line(error)})"
        self._say({"gone": gone})
        with suppress(OSError):
            self.pipe.shutdown(socket.SHUT_RDWR)  # also ends the wait for what the parent says
        listening.join()
        self.pipe.close()
        self._lock.close()
        ray.kill(self.node)

    def _down(self) -> str:
        """From the node to the parent; how the worker ended."""
        ray.get(self.node.is_placed.remote())  # when there is room for it
        self._placed = True
        while True:
            heard: node.Heard = ray.get(self.node.hear.remote())
            if heard.parcel:
                assert self.folder is not None, "files are those of a task"
                unpack(heard.parcel, self.folder)
            if any("outcome" in answer for answer in heard.answers):
                self._lock.close()
            for answer in heard.answers:
                self._say(answer)
            if heard.gone:
                self._keep(heard.log)
                return heard.gone

    def _up(self) -> None:
        """From the parent to the node."""
        try:
            # a parent that is killed before it has read everything resets the connection
            with suppress(ConnectionResetError), self.pipe.makefile("rb") as lines:
                for line in lines:
                    self._order(json.loads(line))
            if self._placed:
                ray.get(self.node.hang_up.remote())
            else:
                ray.kill(self.node)
        except (RayError, OSError, UserError) as error:
            if isinstance(error, WritingError):
                self._say({"unwritable": error.message})
            _log.exception("a worker cannot be told")
            with suppress(RayError):
                ray.kill(self.node)  # `_down` waits for its words, and says that it has gone

    def _order(self, order: dict[str, Any]) -> None:
        if "key" not in order:
            ray.get(self.node.say.remote(order))
            return
        self.folder = self.children / order["key"]
        with writing(self.folder):
            self.folder.mkdir(exist_ok=True)
        self._lock.enter_context(held(self.folder))
        refused = ray.get(self.node.take.remote(order, Packing(self.folder).pack()))
        if refused:
            self._lock.close()
            self._say(refused)

    def _keep(self, log: bytes) -> None:
        """The words of a worker that has gone, where those of a worker of this machine are."""
        if not log:
            return
        path = self.children.parent / WORKERS_LOG
        with writing(path), path.open("ab") as file:
            file.write(log)

    def _say(self, line: dict[str, Any]) -> None:
        with self._speaking, suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.sendall(line_of(line))


def serve(control: socket.socket, children: Path, asked: Nodes) -> None:
    """Makes a relay for each socket that the parent sends, until it has gone and all trainings are saved."""
    relays: list[Thread] = []
    while True:
        received, handles, _, _ = socket.recv_fds(control, 1, 1)
        if not received:
            break
        relay = Relay(socket.socket(fileno=handles[0]), children, asked)
        relays.append(Thread(target=relay.run, daemon=True))
        relays[-1].start()
    deadline = time.monotonic() + ENDING_SECONDS
    for thread in relays:
        thread.join(max(0.0, deadline - time.monotonic()))


def _short(error: BaseException) -> str:
    """The first line of a message, and the last where that is another."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(dict.fromkeys((lines[0].strip(), lines[-1].strip())))


def _last_line(error: BaseException) -> str:
    """Errors from another process begin with where they come from, and end with what they are."""
    return str(error).strip().rpartition("\n")[2] or type(error).__name__


def main(handle: int, folder: Path, asked: Nodes, scratch: str) -> None:
    """Says whether there is a cluster, and serves until the parent has gone. A cluster that is started here keeps its files in
    `scratch`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=handle)
    try:
        connect(asked, scratch)
        count = capacity(asked)
        check_versions(asked)
        control.sendall(line_of({"ready": count}))
        serve(control, folder / CHILDREN, asked)
    except UserError as error:
        control.sendall(line_of({"refused": error.message, "hint": error.hint}))
    except (BrokenPipeError, ConnectionResetError):
        _log.warning("the parent has gone")
    finally:
        ray.shutdown()
    if asked.is_local:
        shutil.rmtree(scratch, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)  # helpers of a cluster that ended while they started would stay for minutes
    os._exit(0)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    main(int(sys.argv[1]), Path(sys.argv[2]), Nodes(**json.loads(sys.argv[3])), *sys.argv[4:])
