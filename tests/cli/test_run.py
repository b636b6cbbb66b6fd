"""`convspec run` from the outside: what it prints, what it records, and what becomes of it when it is interrupted."""

from __future__ import annotations

import random
import shlex
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from tests.conftest import CommandLine, free_port

SHORT = ("--set", "training.epochs=3")
LONG = """
experiment: long
data: {source: xs_and_os, examples: 2000, noise: 0.5}
network:
  - convolution: {features: 8, size: 3}
  - relu
  - pooling: {window: 2, stride: 2}
  - dropout: {rate: 0.2}
  - fully_connected: {neurons: 2}
training: {epochs: 30, batch: 32, optimizer: {adam: {learning_rate: 0.002}}}
seed: 5
"""


def store(convspec: CommandLine) -> MlflowClient:
    return MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db")


def write(convspec: CommandLine, text: str, name: str = "pipeline.yaml") -> str:
    (convspec.folder / name).write_text(text)
    return name


@pytest.fixture(scope="module")
def long_weights(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> str:
    """The weights of LONG when nothing interrupts it."""
    convspec = CommandLine(tmp_path_factory.mktemp("uninterrupted"), environment)
    return str(convspec("run", write(convspec, LONG), "--json").json["weights_sha256"])


def test_a_run_is_recorded_with_everything_that_it_takes_to_trust_it(convspec: CommandLine) -> None:
    done = convspec("run", "digits", *SHORT, "--json")
    assert done.code == 0
    result = done.json
    assert result.keys() >= {"run_id", "metrics", "weights_sha256", "seconds"}
    client = store(convspec)
    run = client.get_run(result["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["accuracy/test"] == result["metrics"]["accuracy/test"]
    history = client.get_metric_history(run.info.run_id, "cost/training")
    assert [point.step for point in history] == [1, 2, 3]
    assert history[0].value > history[-1].value
    assert run.data.params["network.convolution_1.features"] == "16"
    assert run.data.params["training.optimizer.adam.learning_rate"] == "0.004"
    assert run.data.params["seed"] == "7"
    assert run.data.tags["convspec.weights_sha256"] == result["weights_sha256"]
    assert {entry.dataset.name for entry in run.inputs.dataset_inputs} == {"digits"}
    assert len(run.inputs.dataset_inputs[0].dataset.digest) == 32
    files = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert files >= {"pipeline.yaml", "plan.json", "evaluation.json", "pictures"}
    pictures = {item.path for item in client.list_artifacts(run.info.run_id, "pictures")}
    assert pictures == {
        "pictures/curves.png",
        "pictures/confusion_matrix.png",
        "pictures/first_layer_features.png",
    }


def test_a_person_sees_epochs_the_confusion_matrix_and_what_to_do_next(convspec: CommandLine) -> None:
    done = convspec("run", "digits", *SHORT)
    assert done.code == 0
    assert len([line for line in done.err.splitlines() if line.startswith("epoch ")]) == 3
    assert "precision" in done.out
    assert "accuracy/test" in done.out
    assert "convspec ui" in done.out


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_weights_do_not_depend_on_the_number_of_threads(
    convspec: CommandLine, threads: str, long_weights: str
) -> None:
    result = convspec("run", write(convspec, LONG), "--threads", threads, "--json").json
    assert result["weights_sha256"] == long_weights


def wait_for_epoch(process: subprocess.Popen[str], number: int) -> None:
    """Reads progress lines until an epoch is done."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch") and int(line.split()[1].partition("/")[0]) >= number:
            return
    pytest.fail("the run ended before it could be interrupted")


@pytest.mark.parametrize("attempt", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_killed_at_a_random_moment_resumes_to_the_same_weights(
    convspec: CommandLine, long_weights: str, attempt: int
) -> None:
    chance = random.Random(attempt)
    file = write(convspec, LONG)
    with convspec.start("run", file) as process:
        wait_for_epoch(process, chance.randint(1, 20))
        time.sleep(chance.random() * 0.05)
        process.kill()
    runs = wait_until_ended(convspec)
    assert [run["status"] for run in runs] == ["KILLED"]
    client = store(convspec)
    steps = [point.step for point in client.get_metric_history(runs[0]["run_id"], "cost/training")]
    assert steps == list(range(1, len(steps) + 1))
    resumed = convspec("run", file, "--resume", runs[0]["run_id"], "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["run_id"] == runs[0]["run_id"]
    assert resumed.json["weights_sha256"] == long_weights
    assert client.get_run(runs[0]["run_id"]).info.status == "FINISHED"
    steps = [point.step for point in client.get_metric_history(runs[0]["run_id"], "cost/training")]
    assert steps == list(range(1, 31))


def wait_until_ended(convspec: CommandLine) -> list[dict[str, str]]:
    """The runs of the folder's store once none is left RUNNING, as any next command shows them."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        runs: list[dict[str, str]] = convspec("list", "--json").json["runs"]
        if runs and all(run["status"] != "RUNNING" for run in runs):
            return runs
        time.sleep(0.5)
    pytest.fail("the run stayed RUNNING")


def test_ctrl_c_saves_marks_the_run_and_says_how_to_resume(convspec: CommandLine, long_weights: str) -> None:
    file = write(convspec, LONG)
    with convspec.start("run", file) as process:
        wait_for_epoch(process, 2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.count("Stopping: saving what is under way (again Ctrl-C ends at once).\n") == 1
    (run,) = wait_until_ended(convspec)
    assert run["status"] == "KILLED"
    assert f"convspec run {file} --resume {run['run_id']}" in err
    resumed = convspec("run", file, "--resume", run["run_id"], "--json")
    assert resumed.json["weights_sha256"] == long_weights


def test_a_run_is_not_resumed_with_another_pipeline(convspec: CommandLine) -> None:
    file = write(convspec, LONG)
    with convspec.start("run", file) as process:
        wait_for_epoch(process, 1)
        process.send_signal(signal.SIGINT)
    (run,) = wait_until_ended(convspec)
    done = convspec("run", file, "--resume", run["run_id"], "--set", "training.epochs=31")
    assert done.code == 2
    assert "training.epochs 30 then, 31 now" in done.err


def test_a_finished_run_cannot_be_resumed(convspec: CommandLine) -> None:
    run_id = convspec("run", "four_pixel_camera", "--json").json["run_id"]
    done = convspec("run", "four_pixel_camera", "--resume", run_id)
    assert done.code == 2
    assert done.err.startswith(f"Error: Run {run_id} is finished. Only a run that was interrupted in this folder ")


def test_a_cost_that_is_not_finite_ends_the_run_with_its_place(convspec: CommandLine) -> None:
    done = convspec("run", "digits", "--set", "training.optimizer={sgd: {learning_rate: 1e20}}")
    assert done.code == 1
    assert "The cost stopped being finite in epoch 1, batch 2, layer " in done.err
    assert "Lower training.optimizer's learning_rate" in done.err
    (run,) = wait_until_ended(convspec)
    assert run["status"] == "FAILED"


def test_early_stopping_ends_a_run_that_no_longer_improves(convspec: CommandLine) -> None:
    settings = ("training.epochs=200", "training.patience=2", "training.optimizer.adam.learning_rate=0.02")
    done = convspec("run", "digits", *(word for setting in settings for word in ("--set", setting)), "--json")
    assert done.json["epochs"] == done.json["best_epoch"] + 2
    assert done.json["epochs"] < 200


def test_a_missing_data_file_ends_before_anything_is_recorded(convspec: CommandLine) -> None:
    text = (
        "experiment: e\ndata: {source: arrays, images: no.npz, shape: [8, 8], classes: 2}\n"
        "network: [{fully_connected: {neurons: 2}}]\n"
    )
    done = convspec("run", write(convspec, text))
    assert done.code == 2
    assert "no.npz" in done.err
    assert convspec("list", "--json").json["runs"] == []


def test_arrays_from_a_folder_of_files_train(convspec: CommandLine) -> None:
    random_numbers = np.random.default_rng(0)
    labels = np.arange(200) % 2
    images = (random_numbers.random((200, 6, 6)) * 100 + labels[:, None, None] * 100).astype(np.uint8)
    np.savez(convspec.folder / "pictures.npz", images=images, labels=labels)
    text = (
        "experiment: files\ndata: {source: arrays, images: pictures.npz}\n"
        "network: [{convolution: {features: 2, size: 3}}, relu, {fully_connected: {neurons: 2}}]\n"
        "training: {epochs: 20, batch: 16, optimizer: {adam: {learning_rate: 0.01}}}\n"
    )
    done = convspec("run", write(convspec, text), "--json")
    assert done.code == 0, done.err
    assert done.json["metrics"]["accuracy/test"] > 0.95


def test_the_store_of_the_environment_is_used(convspec: CommandLine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    uri = f"sqlite:///{elsewhere}/runs.db"
    done = convspec("run", "four_pixel_camera", "--tracking-uri", uri, "--json")
    assert done.code == 0
    assert not (tmp_path / "mlflow.db").exists()
    assert MlflowClient(uri).get_run(done.json["run_id"]).info.status == "FINISHED"


def test_the_command_that_resumes_repeats_what_the_run_was_given(convspec: CommandLine, tmp_path: Path) -> None:
    file = write(convspec, LONG, "with space.yaml")
    uri = f"sqlite:///{tmp_path}/other.db"
    with convspec.start("run", file, "--set", "training.epochs=400", "--tracking-uri", uri) as process:
        wait_for_epoch(process, 1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    resume = err.rpartition("Go on with: ")[2]
    words = shlex.split(resume)
    assert words[:-1] == [*("convspec", "run", file, "--set", "training.epochs=400", "--tracking-uri", uri, "--resume")]
    # the run is as long as it was: not 30 epochs, as the file says
    with convspec.start(*words[1:]) as process:
        wait_for_epoch(process, 2)
        process.kill()


def test_a_run_that_is_still_running_is_not_resumed(convspec: CommandLine) -> None:
    file = write(convspec, LONG)
    with convspec.start("run", file, "--set", "training.epochs=2000") as process:
        wait_for_epoch(process, 1)
        deadline = time.monotonic() + 60
        runs: list[dict[str, str]] = []
        while not runs and time.monotonic() < deadline:
            runs = convspec("list", "--json").json["runs"]
        done = convspec("run", file, "--set", "training.epochs=2000", "--resume", runs[0]["run_id"])
        process.kill()
    assert done.code == 2
    assert "is still running, in process" in done.err


def test_a_network_that_outgrows_the_memory_is_one_message(convspec: CommandLine) -> None:
    done = convspec("run", "digits", "--set", "network.fully_connected_1.neurons=1000000000")
    assert done.code == 1
    assert "The memory of this machine does not suffice" in done.err
    (run,) = wait_until_ended(convspec)
    assert run["status"] == "FAILED"


def test_what_could_not_be_recorded_is_said_and_delivered_later(convspec: CommandLine) -> None:
    (convspec.folder / "mlruns").write_text("in the way")
    done = convspec("run", "four_pixel_camera")
    assert "Not everything could be recorded" in done.err
    assert "mlruns" in done.err
    (convspec.folder / "mlruns").unlink()
    (run,) = wait_until_ended(convspec)
    assert run["status"] == "FINISHED"
    assert run["accuracy"] == 1.0


def test_a_store_that_is_away_is_said_behind_the_result_and_ctrl_c_ends_the_wait(convspec: CommandLine) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    with convspec.start("run", "four_pixel_camera", "--tracking-uri", uri) as process:
        assert process.stderr is not None and process.stdout is not None
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert said == (
        f"The store {uri} does not answer: Connection refused; "
        "trying for a minute more (Ctrl-C is safe: `convspec sync` sends it later).\n"
    )
    assert process.returncode == 0
    assert "weights        sha256 " in out
    assert err.startswith("The run is still being recorded; that goes on in the background. The rest is kept in ")
