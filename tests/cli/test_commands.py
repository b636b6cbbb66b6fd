"""The smaller commands: new, list, show, ui, and what every command does with wrong words."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from convspec import shipped
from tests.cli.test_prediction import wait_for
from tests.conftest import CommandLine


def test_new_writes_a_pipeline_that_is_right_and_trains(convspec: CommandLine) -> None:
    assert convspec("new", "mine.yaml").code == 0
    assert convspec("check", "mine.yaml").out == "mine.yaml: fine\n"
    done = convspec("run", "mine.yaml", "--set", "training.epochs=1", "--json")
    assert done.code == 0
    assert done.json["epochs"] == 1


def test_new_never_overwrites(convspec: CommandLine) -> None:
    (convspec.folder / "mine.yaml").write_text("precious")
    done = convspec("new", "mine.yaml")
    assert done.code == 2
    assert "mine.yaml is there already" in done.err
    assert (convspec.folder / "mine.yaml").read_text() == "precious"


def test_list_names_the_shipped_pipelines_without_a_store(convspec: CommandLine) -> None:
    listed = convspec("list", "--json").json
    assert [each["name"] for each in listed["pipelines"]] == [
        "alexnet", "digits", "digits_architectures", "digits_search", "dqn", "fashion_mnist", "four_pixel_camera",
        "four_pixel_camera_trained", "inception", "lenet_5", "mobilenet",
        "resnet_20", "vgg_11", "worked_example", "xs_and_os", "xs_and_os_position",
    ]  # fmt: skip
    assert listed["runs"] == []
    assert not (convspec.folder / "mlflow.db").exists()


@pytest.mark.parametrize("name", shipped.names())
def test_every_shipped_pipeline_is_right(convspec: CommandLine, name: str) -> None:
    assert convspec("check", name).code == 0
    several = convspec("show", name, "--json").json.get("architectures")
    shown = convspec("show", f"{name}@{next(iter(several))}" if several else name, "--json").json
    assert shown["parameters"] == sum(layer["parameters"] for layer in shown["layers"])
    keys = {
        "name",
        "kind",
        "input_shape",
        "output_shape",
        "parameters",
        "multiply_adds",
        "activation_bytes",
        "receptive_field",
        "stride",
    }
    assert all(layer.keys() == keys for layer in shown["layers"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shwo"], "There is no command shwo. Did you mean show?"),
        (["rnu"], "There is no command rnu. Did you mean run?"),
        (["show"], "Missing argument 'FILE'"),
        (["run", "digits", "--threads", "0"], "--threads"),
        (["run", "digits", "--set", "nothing"], "a setting is written PATH=VALUE"),
        (["run", "digitz"], "there is no such file"),
        (["run", "digits", "--tracking-uri", "nonsense://x"], "nonsense"),
        (["run", "digits", "--resume", "abc"], "There is no run abc here. Only a run that was"),
        (["predict", "abc", "x.npy"], "no store"),
        (["ui", "--port", "99999"], "--port"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_are_one_message_and_exit_code_2(convspec: CommandLine, arguments: list[str], message: str) -> None:
    done = convspec(*arguments)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_an_error_is_json_where_json_is_asked_for(convspec: CommandLine) -> None:
    done = convspec("run", "digits", "--set", "training.epochs=0", "--json")
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert problem["path"] == "training.epochs"
    assert problem["message"] == "must be at least 1. Got 0."


def test_a_pipe_that_closes_is_no_error(convspec: CommandLine) -> None:
    with convspec.start("schema") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_ui_serves_mlflow_on_the_right_store(convspec: CommandLine) -> None:
    convspec("run", "four_pixel_camera")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", "from runners.cli.entry import main; main()", "ui", "--port", str(port)],
        cwd=convspec.folder,
        env=dict(convspec.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        address = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name?experiment_name=four_pixel_camera"
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert json.load(answer)["experiment"]["name"] == "four_pixel_camera"
        taken = convspec("ui", "--port", str(port))
        assert taken.code == 2
        assert f"127.0.0.1:{port} is taken" in taken.err
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def test_the_installed_command_brings_its_pipelines(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "convspec"
    if not script.exists():
        pytest.skip("convspec is not installed in this environment")
    done = subprocess.run([script, "check", "digits"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "digits: fine\n")
