"""MLflow's own pages are started on the right store, and links lead where they say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from runners.tracking import ui
from runners.tracking.store import open_client


def test_the_command_hides_the_address_and_finds_the_web_server() -> None:
    command, environment = ui.ui_command("postgresql://ada:secret@db/runs", "127.0.0.1", 5005)
    assert "secret" not in " ".join(command)
    assert command[-4:] == ["--host", "127.0.0.1", "--port", "5005"]
    assert environment["MLFLOW_BACKEND_STORE_URI"] == "postgresql://ada:secret@db/runs"
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


@pytest.mark.parametrize("base", ["http://127.0.0.1:5000", "http://127.0.0.1:5000/"], ids=["plain", "slash"])
def test_links_lead_into_the_part_of_the_pages_that_is_for_training(base: str) -> None:
    assert (
        ui.run_link(base, "1", "abc") == "http://127.0.0.1:5000/#/experiments/1/runs/abc?workflowType=machine_learning"
    )
    runs = "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning"
    assert ui.experiment_link(base, "1") == runs
    compare = "http://127.0.0.1:5000/#/compare-runs?runs=%5B%22a%22%2C%20%22b%22%5D&experiments=%5B%221%22%5D"
    assert ui.compare_link(base, ["1"], ["a", "b"]) == f"{compare}&workflowType=machine_learning"
    below = "searchFilter=tags.%60mlflow.parentRunId%60%20%3D%20%27abc%27&compareRunsMode=TABLE"
    assert ui.runs_link(base, "1", "abc") == f"{runs}&{below}"
    order = "orderByKey=metrics.%60cost%2Ftest%60&orderByAsc=true"
    assert ui.runs_link(base, "1", "abc", best_first="cost/test", rises=False) == f"{runs}&{below}&{order}"
    assert ui.view_link(base, "1", "abc") == f"{runs}&compareRunsMode=CHART&viewStateShareKey=convspec-abc"


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not ui.is_free("127.0.0.1", port)
    assert ui.is_free("127.0.0.1", port)


@pytest.mark.slow
def test_the_server_shows_files_of_a_run_that_was_recorded_without_it(home: Path, uri: str) -> None:
    client = open_client(uri)
    experiment = client.create_experiment("digits", artifact_location=(home / "mlruns" / "digits").as_uri())
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "hello", "hello.txt")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, environment = ui.ui_command(uri, "127.0.0.1", port)
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}/get-artifact?path=hello.txt&run_uuid={run_id}"
        assert _fetched(address, seconds=120) == b"hello"
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def _fetched(address: str, *, seconds: float) -> bytes:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.URLError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.5)
