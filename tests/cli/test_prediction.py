"""Asking a recorded network: by command, through MLflow's loader, and through MLflow's server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import CommandLine


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[CommandLine, str]:
    """A folder with a recorded run, and the run's id."""
    convspec = CommandLine(tmp_path_factory.mktemp("trained"), environment)
    run_id = convspec("run", "digits", "--set", "training.epochs=3", "--json").json["run_id"]
    pictures = np.random.default_rng(0).random((3, 1, 8, 8)).astype(np.float32)
    np.save(convspec.folder / "three.npy", pictures)
    np.save(convspec.folder / "one.npy", pictures[0, 0])
    np.save(convspec.folder / "wrong.npy", pictures[:, :, :7])
    np.save(convspec.folder / "text.npy", np.array(["a"]))
    Image.fromarray((pictures[0, 0] * 255).astype(np.uint8)).save(convspec.folder / "one.png")
    (convspec.folder / "broken.png").write_bytes(b"no picture")
    return convspec, run_id


def test_votes_and_the_answer_are_printed(trained: tuple[CommandLine, str]) -> None:
    convspec, run_id = trained
    answer = convspec("predict", run_id, "one.npy", "--json").json
    assert answer["answer"] == str(int(np.argmax(answer["votes"])))
    text = convspec("predict", run_id, "one.npy").out
    assert text.splitlines()[-1] == f"answer: {answer['answer']}"


def test_a_picture_file_gives_the_votes_of_its_pixels(trained: tuple[CommandLine, str]) -> None:
    convspec, run_id = trained
    as_array = convspec("predict", run_id, "one.npy", "--json").json["votes"]
    as_picture = convspec("predict", run_id, "one.png", "--json").json["votes"]
    np.testing.assert_allclose(as_picture, as_array, atol=0.2)


def test_a_unique_beginning_of_the_run_id_is_enough(trained: tuple[CommandLine, str]) -> None:
    convspec, run_id = trained
    assert convspec("predict", run_id[:8], "one.npy", "--json").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wrong.npy"], "takes pictures of 1 x 8 x 8"),
        (["text.npy"], "must hold numbers"),
        (["broken.png"], "is not a picture"),
        (["none.npy"], "There is no file none.npy"),
        (["../"], "There is no file"),
    ],
    ids=["shape", "text", "broken", "missing", "folder"],
)
def test_a_wrong_input_is_one_message(trained: tuple[CommandLine, str], arguments: list[str], message: str) -> None:
    convspec, run_id = trained
    done = convspec("predict", run_id, *arguments)
    assert done.code == 2
    assert message in done.err


@pytest.mark.parametrize("command", ["predict", "reproduce"])
def test_an_unknown_run_is_one_message(trained: tuple[CommandLine, str], command: str) -> None:
    convspec, _ = trained
    done = convspec(command, "0000", *(["one.npy"] if command == "predict" else []))
    assert done.code == 2
    assert "There is no run 0000" in done.err


def test_a_run_reproduces_to_the_bit(trained: tuple[CommandLine, str]) -> None:
    convspec, run_id = trained
    done = convspec("reproduce", run_id, "--json", "--threads", "1")
    assert done.code == 0
    assert done.json["same"] is True
    assert done.json["weights_sha256"] == done.json["recorded_sha256"]


def test_a_run_that_is_repeated_with_other_matrix_products_says_so(trained: tuple[CommandLine, str]) -> None:
    convspec, run_id = trained
    other = CommandLine(convspec.folder, {**convspec.environment, "OPENBLAS_CORETYPE": "Nehalem"})
    differences = other("reproduce", run_id, "--json", "--threads", "1").json["differences"]
    assert differences == [f"OpenBLAS as on: {os.environ.get('OPENBLAS_CORETYPE', 'this processor')} then, Nehalem now"]


def test_mlflow_loads_and_serves_the_same_votes(trained: tuple[CommandLine, str], environment: dict[str, str]) -> None:
    convspec, run_id = trained
    expected = convspec("predict", run_id, "three.npy", "--json").json["votes"]
    uri = f"sqlite:///{convspec.folder}/mlflow.db"
    model = f"runs:/{run_id}/model"
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, uri, model, "three.npy"],
        cwd=convspec.folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    np.testing.assert_allclose(json.loads(loaded.stdout.splitlines()[-1]), expected, atol=1e-6)
    served = serve_and_ask(convspec.folder, environment | {"MLFLOW_TRACKING_URI": uri}, model)
    np.testing.assert_allclose(served, expected, atol=1e-5)


LOAD = """
import json, sys
import mlflow, numpy
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
print(json.dumps(model.predict(numpy.load(sys.argv[3])).tolist()))
"""


def serve_and_ask(folder: Path, environment: dict[str, str], model: str) -> list[list[float]]:
    """Votes of a real `mlflow models serve` on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scripts = str(Path(sys.executable).parent)
    options = ["-m", model, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", *options],
        cwd=folder,
        env=environment | {"PATH": f"{scripts}{os.pathsep}{environment['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/ping")
        body = json.dumps({"inputs": np.load(folder / "three.npy").tolist()}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            votes: list[list[float]] = json.load(answer)["predictions"]
            return votes
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"nothing answers at {address}")


def test_bytes_are_brought_to_the_scale_of_the_data(trained: tuple[CommandLine, str]) -> None:
    convspec, run_id = trained
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    np.save(convspec.folder / "bytes.npy", pixels)
    np.save(convspec.folder / "floats.npy", pixels / np.float32(255))
    found = convspec("predict", run_id, "bytes.npy", "--json").json["votes"]
    np.testing.assert_allclose(found, convspec("predict", run_id, "floats.npy", "--json").json["votes"], atol=1e-5)


def test_what_is_transparent_is_white(trained: tuple[CommandLine, str]) -> None:
    convspec, run_id = trained
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[2:5, 3, 3] = 255
    Image.fromarray(picture).save(convspec.folder / "ink.png")
    np.save(convspec.folder / "ink.npy", np.where(picture[..., 3] > 0, 0.0, 1.0).astype(np.float32))
    found = convspec("predict", run_id, "ink.png", "--json").json["votes"]
    np.testing.assert_allclose(found, convspec("predict", run_id, "ink.npy", "--json").json["votes"], atol=1e-5)
