"""`convspec run` by several processes from the outside: recorded once, interrupted, killed, gone on with, started by torchrun."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_run import LONG, store, wait_for_epoch, wait_until_ended, write
from tests.conftest import COMMAND, CommandLine

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes as Linux shows them"),
]
OPTIONS = ("--processes", "2", "--device", "cpu", "--threads", "1")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that another one has started to compute with it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"runners.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def is_gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX"


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while not is_gone(pid):
        assert time.monotonic() < deadline, f"process {pid} is an orphan"
        time.sleep(0.05)


def long(convspec: CommandLine, epochs: int) -> str:
    return write(convspec, LONG.replace("epochs: 30", f"epochs: {epochs}"))


def test_a_run_by_two_processes_is_recorded_once_and_reproduced(convspec: CommandLine) -> None:
    done = convspec("run", "digits", "--set", "training.epochs=2", *OPTIONS, "--json")
    assert done.code == 0, done.err
    assert (done.json["engine"], done.json["engine_reason"]) == ("torch", "only PyTorch computes in several processes")
    assert [run["run_id"] for run in convspec("list", "--json").json["runs"]] == [done.json["run_id"]]
    assert store(convspec).get_run(done.json["run_id"]).data.params["processes"] == "2"
    assert convspec("reproduce", done.json["run_id"], "--json").json["same"] is True


def test_an_interrupted_run_goes_on_with_as_many_processes_to_the_same_weights(convspec: CommandLine) -> None:
    file = long(convspec, 10)
    expected = convspec("run", file, *OPTIONS, "--json").json["weights_sha256"]
    with convspec.start("run", file, *OPTIONS) as process:
        wait_for_epoch(process, 2)
        (worker,) = workers_of(process)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    wait_until_gone(worker)
    command = err.partition("Go on with: ")[2].strip()
    assert "--set processes=2" in command
    resumed = convspec(*shlex.split(command)[1:], "--json")
    assert resumed.json["weights_sha256"] == expected


def test_a_killed_worker_ends_the_run_with_one_message_and_what_it_had_is_saved(convspec: CommandLine) -> None:
    file = long(convspec, 300)
    with convspec.start("run", file, *OPTIONS) as process:
        wait_for_epoch(process, 2)
        (worker,) = workers_of(process)
        os.kill(worker, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    (run,) = wait_until_ended(convspec)
    assert run["status"] == "FAILED"
    *_, last = err.strip().split("\n")
    assert last == (
        "Error: Process 1 was killed by SIGKILL. Everything up to then is saved. Go on with: "
        f"convspec run {file} --set processes=2 --device cpu --threads 1 --resume {run['run_id']}"
    )
    with convspec.start(*shlex.split(last.partition("Go on with: convspec ")[2])) as resumed:
        wait_for_epoch(resumed, 4)
        resumed.send_signal(signal.SIGINT)
        resumed.communicate(timeout=60)
    assert resumed.returncode == 130


def test_a_killed_run_leaves_no_process_behind(convspec: CommandLine) -> None:
    with convspec.start("run", long(convspec, 300), "--processes", "3", "--device", "cpu") as process:
        wait_for_epoch(process, 1)
        workers = workers_of(process)
        process.kill()
        process.communicate(timeout=60)
    assert len(workers) == 2
    for worker in workers:
        wait_until_gone(worker)


@pytest.fixture
def torchrun(convspec: CommandLine) -> list[str]:
    """How torchrun starts two processes of the command line."""
    script = convspec.folder / "convspec.sh"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    script.chmod(0o755)
    return [*TORCHRUN, str(script)]


def test_processes_of_torchrun_join_one_run_with_the_same_weights(convspec: CommandLine, torchrun: list[str]) -> None:
    options = ("--set", "training.epochs=2", "--device", "cpu", "--threads", "1", "--json")
    done = subprocess.run(
        [*torchrun, "run", "digits", *options],
        cwd=convspec.folder, env=convspec.environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert done.stderr.count("epoch 1/2") == 1
    assert [run["run_id"] for run in convspec("list", "--json").json["runs"]] == [result["run_id"]]
    alike = convspec("run", "digits", "--processes", "2", *options)
    assert result["weights_sha256"] == alike.json["weights_sha256"]


def test_torchrun_that_is_asked_to_stop_leaves_a_run_that_can_go_on(convspec: CommandLine, torchrun: list[str]) -> None:
    process = subprocess.Popen(
        [*torchrun, "run", long(convspec, 300), "--device", "cpu"],
        cwd=convspec.folder, env=convspec.environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        wait_for_epoch(process, 1)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert err.count("everything so far is saved. Go on with: convspec run pipeline.yaml --set processes=2") == 1
    (run,) = wait_until_ended(convspec)
    assert run["status"] == "KILLED"
