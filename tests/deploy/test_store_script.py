"""`deploy/store.py` starts a store for many, finds it again and stops it; what it cannot do is one message."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.conftest import ROOT, CommandLine, StoreScript, free_port

WITHOUT_POSTGRESQL = """
import shutil, sys
from pathlib import Path
sys.path.insert(0, "deploy")
import store, postgresql
postgresql.find_programs = lambda: None
sys.argv = ["store.py", "start", sys.argv[1]]
sys.exit(store.main())
"""


def answers_to_many_at_once(address: str) -> set[int]:
    """What a server answers to more clients than it has threads, all of which write at the same moment. A request takes two
    connections to the database at once; where there are too few, requests wait for each other until they time out."""
    clients, seconds = 60, 25  # below those after which a request gives a connection up

    def post(path: str, content: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        asked = Request(f"{address}/api/2.0/mlflow/{path}", json.dumps(content).encode(), headers)
        with urlopen(asked, timeout=seconds) as answer:
            return answer.status, json.loads(answer.read())

    _, experiment = post("experiments/create", {"name": "crowd"})
    runs = [post("runs/create", experiment)[1]["run"]["info"]["run_id"] for _ in range(clients)]
    metrics = [{"key": f"figure/{number}", "value": 1.0, "timestamp": 1, "step": 0} for number in range(20)]
    everybody = Barrier(clients)

    def write(run_id: str) -> list[int]:
        everybody.wait(timeout=seconds)
        return [post("runs/log-batch", {"run_id": run_id, "metrics": metrics})[0] for _ in range(4)]

    with ThreadPoolExecutor(clients) as pool:
        return {status for answers in pool.map(write, runs) for status in answers}


@pytest.mark.postgresql
def test_a_store_is_started_used_found_running_and_stopped(store_script: StoreScript, convspec: CommandLine) -> None:
    started = store_script("start").json
    assert (started["server"], started["database"]) == (True, True)
    address = started["tracking_uri"]
    assert store_script("start").json == started  # again changes nothing
    run = convspec("run", "four_pixel_camera_trained", "--tracking-uri", address, "--json").json
    assert run["note"] == ""
    listed = convspec("list", "--tracking-uri", address, "--json").json["runs"]
    assert [(each["run_id"], each["status"]) for each in listed] == [(run["run_id"], "FINISHED")]
    assert list((store_script.folder / "artifacts").rglob(f"{run['run_id']}/artifacts/pipeline.yaml"))

    assert answers_to_many_at_once(address) == {200}

    other = store_script("start", "--port", free_port())
    assert (other.code, other.json["error"]) == (
        2,
        f"The server of {store_script.folder} runs on port {started['ports']['port']}.",
    )
    stopped = store_script("stop", "--only", "server").json
    assert (stopped["server"], stopped["database"]) == (False, True)
    status = store_script("status")
    assert (status.code, status.json) == (1, stopped)
    assert (store_script.folder / "password").stat().st_mode & 0o777 == 0o600


@pytest.mark.postgresql
def test_a_port_that_is_taken_is_said_with_another(store_script: StoreScript, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = store_script("start", "--database-port", port, "--port", free_port(), folder=tmp_path / "new")
    hint = f"Use another: --database-port {port + 1}"
    assert (done.code, done.err) == (2, f"Error: Port {port} of 127.0.0.1 is taken. {hint}\n")
    assert not (tmp_path / "new" / "store.json").exists()


@pytest.mark.parametrize("kind", ["file", "other things"])
def test_a_folder_in_use_is_left_as_it_is(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "there"
    if kind == "file":
        path.touch()
        message = f"Error: {path} is a file, not the folder of a store. Name a new or empty folder.\n"
    else:
        path.mkdir()
        (path / "thesis.tex").touch()
        message = f"Error: {path} is in use for something else than a store. Name a new or empty folder.\n"
    done = StoreScript(path)("start")
    assert (done.code, done.err) == (2, message)
    assert [each.name for each in tmp_path.rglob("*")] == (["there"] if kind == "file" else ["there", "thesis.tex"])


def test_what_was_never_started_cannot_be_stopped(tmp_path: Path) -> None:
    done = StoreScript(tmp_path / "nowhere")("stop")
    assert (done.code, done.err) == (2, f"Error: There is no store in {tmp_path / 'nowhere'}. `start` makes one.\n")
    assert not (tmp_path / "nowhere").exists()


def test_without_postgresql_it_says_what_to_install(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_POSTGRESQL, str(tmp_path / "new")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "Error: PostgreSQL is not installed. Install it (Debian: apt-get install postgresql), or put its programs on PATH.\n",
    )


def test_a_port_that_is_no_port_is_refused(tmp_path: Path) -> None:
    done = StoreScript(tmp_path)("start", "--port", 70000)
    assert done.code == 2
    assert "a port is a number from 1 to 65535, not 70000" in done.err
