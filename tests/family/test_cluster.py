"""`convspec run --on ray`: what it refuses, and that it finds what local workers find, whatever is lost on the way."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from convspec.errors import UserError
from runners.family import cluster
from runners.family.cluster import Cluster
from runners.family.request import Nodes
from runners.tracking import events
from tests.conftest import CommandLine
from tests.family.conftest import COMPARISON, break_workers, rows, table
from tests.tracking.test_full_disk import fill
from tests.tracking.test_full_disk import small as small

LONG = COMPARISON.replace("epochs: 6", "epochs: 250").replace("[1, 2, 3]", "[1, 2]")
"""A comparison whose trainings take some seconds each, in which there is time to lose something."""
START = "from ray.scripts.scripts import main; import sys; sys.argv[0] = 'ray'; main()"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--on", "dask"], "--on says where to train: ray, ray://auto or ray://HOST:PORT. Got 'dask'."),
        (["--on", "ray", "--gpus", "1.5"], "a part of one GPU that several runs share. Got 1.5. Ask for 1 or 2."),
        (["--cpus", "2"], "--cpus says what each run takes of a cluster, which --on ray asks for."),
        (["--on", "ray", "--device", "cuda"], "--device cuda on a cluster needs --gpus"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_options_that_do_not_fit_are_refused(options: list[str], message: str, convspec: CommandLine) -> None:
    (convspec.folder / "small.yaml").write_text(COMPARISON)
    done = convspec("run", "small.yaml", *options)
    assert done.code == 2
    assert message in done.err
    assert not (convspec.folder / ".convspec").exists()


def test_a_single_run_is_not_for_a_cluster(convspec: CommandLine) -> None:
    (convspec.folder / "small.yaml").write_text(COMPARISON)
    assert (
        "--on is for a file with several pipelines or a search"
        in convspec("run", "small.yaml@plain", "--on", "ray").err
    )


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [("", None), ("auto", None), ("head:10001", ("head", 10001)), ("[fe80::1]:7", ("fe80::1", 7))],
)
def test_an_address_says_where_the_cluster_is(address: str, endpoint: tuple[str, int] | None) -> None:
    nodes = Nodes.of(f"ray://{address}" if address else "ray", cpus=2, gpus=0.5, workers=3)
    assert (nodes.endpoint, nodes.is_local, nodes.cpus, nodes.gpus, nodes.workers) == (endpoint, not address, 2, 0.5, 3)


@pytest.mark.parametrize("on", ["ray://", "ray://host", "ray://host:", "ray:auto", "ray://-:x", "http://host:10001"])
def test_what_is_no_address_is_refused(on: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"ray://HOST:PORT. Got {on!r}.")):
        Nodes.of(on, cpus=1, gpus=0, workers=0)


def test_without_ray_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=re.escape("Ray is not installed. Install it with: pip install 'convspec[ray]'")
    ):
        Cluster(Nodes(), tmp_path).__enter__()


@pytest.mark.ray
def test_a_cluster_that_is_not_there_is_one_message_and_leaves_nothing_behind(convspec: CommandLine) -> None:
    (convspec.folder / "small.yaml").write_text(COMPARISON)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = convspec("run", "small.yaml", "--on", f"ray://127.0.0.1:{port}")
    assert done.code == 2
    assert done.err.startswith(f"Error: No Ray cluster answers at 127.0.0.1:{port}: ")
    assert done.err.count("\n") == 1
    assert list(convspec.folder.glob(".convspec/small*")) == []


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[CommandLine, Any]:
    """The long comparison on this machine, which nothing interrupted."""
    convspec = CommandLine(tmp_path_factory.mktemp("alone"), environment)
    (convspec.folder / "small.yaml").write_text(LONG)
    done = convspec("run", "small.yaml", "--json", timeout=300)
    assert done.code == 0, done.err
    return convspec, done.json


def wait_for(what: Callable[[], Any], *, seconds: float = 120) -> Any:
    """What it gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come in time")


def begun(folder: Path) -> list[Path]:
    """The folders of trainings that have got somewhere, and are not over."""
    found = folder.glob(".convspec/*/children/*/checkpoint.safetensors")
    return [path.parent for path in found if not (path.parent / "result.json").exists()]


def scratch() -> set[Path]:
    """What clusters of this machine keep for a while."""
    return set(Path(tempfile.gettempdir()).glob("convspec-ray-*"))


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def trainer_of(folder: Path) -> int:
    """The process that trains what is in a folder."""
    return int([each["pid"] for each, _ in events.read(folder) if each["event"] == "owner"][-1])


def session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(path.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(path.parent.name))
    return found


def gateway_of(parent: int) -> int:
    """The process in which a command speaks with Ray."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"runners.family.gateway" in path.read_bytes() and parent_of(int(path.parent.name)) == parent:
                return int(path.parent.name)
    return 0


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_finds_what_one_machine_finds(uninterrupted: tuple[CommandLine, Any], convspec: CommandLine) -> None:
    (convspec.folder / "small.yaml").write_text(COMPARISON)
    before = scratch()
    done = convspec("run", "small.yaml", "--on", "ray", "--json", timeout=300)
    assert done.code == 0, done.err
    assert table(done.json) == table(uninterrupted[1])
    assert rows(convspec.folder) == rows(uninterrupted[0].folder)
    # what Ray prints is in its log: nothing but the six lines of progress reaches the terminal
    assert [line[:4] for line in done.err.splitlines()] == [f"{number}/6 " for number in range(1, 7)]
    assert scratch() <= before


@pytest.mark.ray
@pytest.mark.slow
def test_more_than_any_node_has_is_refused_before_anything_starts(convspec: CommandLine) -> None:
    (convspec.folder / "small.yaml").write_text(COMPARISON)
    before = scratch()
    done = convspec("run", "small.yaml", "--on", "ray", "--cpus", "4096", timeout=300)
    assert scratch() <= before
    assert done.code == 2
    assert done.err.startswith("Error: No node of the Ray cluster has 4096 processors, which --cpus and --gpus ask for")
    assert list(convspec.folder.glob(".convspec/small*")) == []


@pytest.mark.ray
@pytest.mark.slow
def test_a_killed_parent_leaves_no_cluster_behind_and_is_gone_on_with(
    alone: tuple[CommandLine, Any], convspec: CommandLine
) -> None:
    (convspec.folder / "small.yaml").write_text(LONG)
    before = scratch()
    running = convspec.start("run", "small.yaml", "--on", "ray", "--json")
    wait_for(lambda: begun(convspec.folder))
    gateway = gateway_of(running.pid)
    assert len(session(gateway)) > 3
    running.kill()
    running.communicate()
    wait_for(lambda: not session(gateway), seconds=60)
    assert scratch() <= before
    assert begun(convspec.folder)
    done = convspec("run", "small.yaml", "--on", "ray", "--json", timeout=300)
    assert done.code == 0, done.err
    assert table(done.json) == table(alone[1])
    assert rows(convspec.folder) == rows(alone[0].folder)


SEARCH = """
experiment: small
data: {source: xs_and_os, examples: 400, noise: 0.6}
network:
  - convolution: {features: 4, size: 3, name: edges}
  - relu
  - fully_connected: {neurons: 2}
training: {epochs: 60, batch: 16}
seed: 7
search:
  knobs: {network.edges.features: {from: 2, to: 9}}
  maximize: accuracy/validation
  trials: 8
  strategy: random
  stopping: median
"""


@pytest.mark.ray
@pytest.mark.slow
def test_trainings_that_wait_for_a_verdict_end_when_their_parent_is_killed(convspec: CommandLine) -> None:
    (convspec.folder / "search.yaml").write_text(SEARCH)
    before = scratch()
    running = convspec.start("run", "search.yaml", "--on", "ray", "--json")
    wait_for(lambda: begun(convspec.folder))
    gateway = gateway_of(running.pid)
    running.kill()
    running.communicate()
    wait_for(lambda: not session(gateway), seconds=30)  # less than it takes where a training has to be given up
    assert scratch() <= before
    done = convspec("run", "search.yaml", "--on", "ray", "--workers", "1", "--json", timeout=300)
    assert done.code == 0, done.err


@pytest.mark.ray
@pytest.mark.slow
def test_a_gateway_that_is_lost_with_its_cluster_is_one_message(
    alone: tuple[CommandLine, Any], convspec: CommandLine
) -> None:
    (convspec.folder / "small.yaml").write_text(LONG)
    before = scratch()
    running = convspec.start("run", "small.yaml", "--on", "ray", "--json")
    wait_for(lambda: begun(convspec.folder))
    gateway = gateway_of(running.pid)
    os.kill(gateway, signal.SIGKILL)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "The Ray cluster on this machine was lost; everything that came from it is saved. Go on with" in said
    assert "Traceback" not in said
    assert scratch() <= before
    wait_for(lambda: not session(gateway), seconds=60)
    done = convspec("run", "small.yaml", "--json", timeout=300)  # on this machine alone
    assert table(done.json) == table(alone[1])
    assert rows(convspec.folder) == rows(alone[0].folder)


@dataclass
class Machines:
    """A cluster on this machine: a head that does not train, and nodes with one processor each."""

    folder: Path
    environment: dict[str, str]
    gcs: int
    client: int
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"node-{len(self.started)}.log"
        with log.open("wb") as output:
            command = [sys.executable, "-P", "-c", START, "start", "--block", "--num-gpus=0", *options]
            self.started.append(
                subprocess.Popen(command, env=self.environment, stdout=output, stderr=output, start_new_session=True)
            )
        wait_for(lambda: "Ray runtime started" in log.read_text())
        return self.started[-1]

    def add_head(self) -> None:
        ports = [f"--port={self.gcs}", f"--ray-client-server-port={self.client}"]
        self.start("--head", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={self.folder}", *ports)

    def add_node(self) -> None:
        self.start("--num-cpus=1", f"--address=127.0.0.1:{self.gcs}")

    def end(self) -> None:
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            for pid in session(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.folder)


@pytest.fixture
def machines(environment: dict[str, str]) -> Iterator[Machines]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = one.getsockname()[1], other.getsockname()[1]
    known = environment | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64, "RAY_USAGE_STATS_ENABLED": "0"}
    found = Machines(Path(tempfile.mkdtemp(prefix="ray", dir="/tmp")), known, *ports)  # sockets want a short path
    try:
        found.add_head()
        yield found
    finally:
        found.end()


@pytest.mark.ray
@pytest.mark.slow
def test_lost_workers_and_nodes_cost_no_bit(machines: Machines, alone: tuple[CommandLine, Any], tmp_path: Path) -> None:
    machines.add_node()
    convspec = CommandLine(tmp_path, machines.environment)
    (tmp_path / "small.yaml").write_text(LONG)
    running = convspec.start("run", "small.yaml", "--on", f"ray://127.0.0.1:{machines.client}", "--json")
    (first,) = wait_for(lambda: begun(tmp_path))
    actor = parent_of(trainer_of(first))
    os.kill(actor, signal.SIGKILL)
    actor = wait_for(lambda: others(tmp_path, actor))
    os.kill(parent_of(actor), signal.SIGKILL)  # the raylet: with it, the whole node
    machines.add_node()
    out, said = running.communicate(timeout=400)
    assert running.returncode == 0, said
    assert "Traceback" not in said
    assert table(json.loads(out)) == table(alone[1])
    assert rows(tmp_path) == rows(alone[0].folder)


def others(folder: Path, known: int) -> int:
    """The process on a node, other than a known one, in which something that has got somewhere is trained."""
    with suppress(FileNotFoundError):
        return next(
            (pid for pid in (parent_of(trainer_of(each)) for each in begun(folder)) if pid not in (known, 1)), 0
        )
    return 0


@pytest.mark.ray
@pytest.mark.slow
def test_nodes_on_which_no_worker_can_start_are_one_message_and_fail_no_training(
    uninterrupted: tuple[CommandLine, Any], environment: dict[str, str], tmp_path: Path
) -> None:
    breaking = break_workers(tmp_path)
    paths = os.pathsep.join([str(breaking), environment["PYTHONPATH"]])
    convspec = CommandLine(tmp_path, {**environment, "PYTHONPATH": paths})
    (tmp_path / "small.yaml").write_text(COMPARISON)
    done = convspec("run", "small.yaml", "--on", "ray", "--workers", "1", timeout=300)
    assert done.code == 1
    node = re.escape(platform.node())
    assert re.match(
        rf"Error: No worker can be started: .* the last one ended with exit code 1 on node {node}\. ", done.err
    )
    assert "    ModuleNotFoundError: import of numpy halted; None in sys.modules\nMend that, and go on" in done.err
    (breaking / "broken").unlink()
    done = convspec("run", "small.yaml", "--on", "ray", "--json", timeout=300)
    assert done.code == 0, done.err
    assert table(done.json) == table(uninterrupted[1])
    assert rows(tmp_path) == rows(uninterrupted[0].folder)


@pytest.mark.ray
@pytest.mark.slow
def test_a_disk_that_fills_up_under_a_cluster_fails_no_training(
    alone: tuple[CommandLine, Any], small: Path, environment: dict[str, str]
) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
    convspec = CommandLine(small, environment)
    (small / "small.yaml").write_text(LONG)
    running = convspec.start("run", "small.yaml", "--on", "ray", "--json")
    wait_for(lambda: begun(small))
    filler = fill(small)
    said = running.communicate(timeout=120)[1]
    assert (running.returncode, said.count("Error: ")) == (1, 1)
    assert re.search(rf"Error: The run cannot be recorded in {small}/\S+: No space left on device\. ", said)
    assert [path for path in small.glob(".convspec/*/children/*/result.json") if "FAILED" in path.read_text()] == []
    filler.unlink()
    done = convspec("run", "small.yaml", "--json", timeout=300)  # on this machine alone
    assert done.code == 0, done.err
    assert table(done.json) == table(alone[1])
    assert rows(small) == rows(alone[0].folder)
