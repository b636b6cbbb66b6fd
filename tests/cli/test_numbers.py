"""A network that tells numbers, from the file to the store and back: run, list, predict, reproduce, resume, MLflow."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from sklearn.metrics import mean_absolute_error, r2_score

from tests.cli.test_prediction import LOAD, serve_and_ask
from tests.cli.test_run import wait_for_epoch, wait_until_ended
from tests.conftest import CommandLine

TEXT = """
experiment: spots
data: {source: arrays, images: spots.npz, target_names: [row, column]}
network:
  - convolution: {features: 4, size: 3}
  - relu
  - fully_connected: {neurons: 2}
training: {epochs: EPOCHS, batch: 16, cost: squared, optimizer: {adam: {learning_rate: 0.01}}}
seed: 5
"""


def spots(folder: Path) -> None:
    """300 pictures of a soft spot, and where it is, in a pipeline's folder."""
    generator = np.random.default_rng(0)
    where = generator.uniform(2, 6, (300, 2))
    row, column = np.mgrid[:9, :9]
    distance = (row - where[:, :1, None]) ** 2 + (column - where[:, 1:, None]) ** 2
    images = np.exp(-distance / 1.5).astype(np.float32)
    np.savez(folder / "spots.npz", images=images, targets=where)
    np.save(folder / "three.npy", images[:3, None])
    np.save(folder / "one.npy", images[0])
    (folder / "spots.yaml").write_text(TEXT.replace("EPOCHS", "12"))
    (folder / "long.yaml").write_text(TEXT.replace("EPOCHS", "40"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[CommandLine, Any]:
    """A folder with a recorded run, and its result."""
    convspec = CommandLine(tmp_path_factory.mktemp("numbers"), environment)
    spots(convspec.folder)
    done = convspec("run", "spots.yaml", "--json")
    assert done.code == 0, done.err
    return convspec, done.json


def test_the_result_has_errors_and_no_confusion_matrix(trained: tuple[CommandLine, Any]) -> None:
    _, result = trained
    assert result["metrics"].keys() >= {
        "cost/training", "error/training", "cost/validation", "error/validation", "r2/validation",
        "cost/test", "error/test", "r2/test",
    }  # fmt: skip
    assert not [name for name in result["metrics"] if name.startswith("accuracy")]
    assert not result.keys() & {"confusion_matrix", "classes"}
    assert [one["name"] for one in result["targets"]] == ["row", "column"]
    assert np.mean([one["error"] for one in result["targets"]]) == pytest.approx(result["metrics"]["error/test"])
    assert result["metrics"]["r2/test"] > 0.9


def test_the_run_is_recorded_with_a_picture_of_its_answers(trained: tuple[CommandLine, Any]) -> None:
    convspec, result = trained
    client = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db")
    run = client.get_run(result["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["r2/test"] == result["metrics"]["r2/test"]
    assert [point.step for point in client.get_metric_history(run.info.run_id, "error/validation")] == list(
        range(1, 13)
    )
    assert run.data.params["data.target_names"] == "['row', 'column']"
    pictures = {item.path for item in client.list_artifacts(run.info.run_id, "pictures")}
    assert pictures == {"pictures/curves.png", "pictures/answers.png", "pictures/first_layer_features.png"}
    evaluation = Path(client.download_artifacts(run.info.run_id, "evaluation.json", str(convspec.folder)))
    assert json.loads(evaluation.read_text())["targets"] == result["targets"]
    plan = Path(client.download_artifacts(run.info.run_id, "plan.json", str(convspec.folder)))
    assert json.loads(plan.read_text())["targets"] == ["row", "column"]


def test_a_person_sees_errors(trained: tuple[CommandLine, Any]) -> None:
    convspec, _ = trained
    done = convspec("run", "spots.yaml", "--set", "training.epochs=2")
    lines = [line for line in done.err.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    assert all("error " in line and "r2 " in line and "accuracy" not in line for line in lines)
    assert done.out.splitlines()[0].split() == ["target", "error", "r2"]
    assert "error/test     " in done.out
    assert "(mean absolute, over 60 examples)" in done.out
    assert "accuracy" not in done.out


def test_list_shows_the_error(trained: tuple[CommandLine, Any]) -> None:
    convspec, result = trained
    (run,) = [one for one in convspec("list", "--json").json["runs"] if one["run_id"] == result["run_id"]]
    assert (run["accuracy"], run["error"]) == (None, result["metrics"]["error/test"])
    assert "error/test" in convspec("list").out


def test_predict_tells_the_numbers_by_their_names(trained: tuple[CommandLine, Any]) -> None:
    convspec, result = trained
    answer = convspec("predict", result["run_id"], "one.npy", "--json").json
    assert answer.keys() == {"numbers", "targets"}
    assert answer["targets"] == ["row", "column"]
    where = np.load(convspec.folder / "spots.npz")["targets"]
    np.testing.assert_allclose(answer["numbers"], where[0], atol=0.6)
    several = convspec("predict", result["run_id"], "three.npy", "--json").json["numbers"]
    np.testing.assert_allclose(several[0], answer["numbers"], atol=1e-5)
    lines = convspec("predict", result["run_id"], "one.npy").out.splitlines()
    assert [line.split()[0] for line in lines] == ["target", "------", "row", "column"]
    assert float(lines[2].split()[1]) == pytest.approx(answer["numbers"][0], rel=1e-5)


def test_it_reproduces_to_the_bit_from_what_was_recorded(trained: tuple[CommandLine, Any]) -> None:
    convspec, result = trained
    done = convspec("reproduce", result["run_id"], "--json", "--threads", "1")
    assert done.code == 0
    assert done.json["same"] is True


def test_the_figures_are_those_of_scikit_learn_on_what_predict_tells(trained: tuple[CommandLine, Any]) -> None:
    convspec, result = trained
    from convspec.loading import load
    from runners.data import load as load_data

    loaded = load(convspec.folder / "spots.yaml")
    test = load_data(loaded.pipeline.data, folder=convspec.folder, seed=5).test
    np.save(convspec.folder / "test.npy", test.pictures_at(slice(None)))
    told = convspec("predict", result["run_id"], "test.npy", "--json").json["numbers"]
    truth = np.load(convspec.folder / "spots.npz")["targets"][test.rows]
    assert result["metrics"]["error/test"] == pytest.approx(mean_absolute_error(truth, told), rel=1e-4)
    assert result["metrics"]["r2/test"] == pytest.approx(r2_score(truth, told), rel=1e-4)


def test_mlflow_loads_and_serves_the_same_numbers(
    trained: tuple[CommandLine, Any], environment: dict[str, str]
) -> None:
    convspec, result = trained
    uri = f"sqlite:///{convspec.folder}/mlflow.db"
    (output,) = MlflowClient(uri).get_run(result["run_id"]).outputs.model_outputs
    model = f"models:/{output.model_id}"
    expected = convspec("predict", result["run_id"], "three.npy", "--json").json["numbers"]
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, uri, model, "three.npy"],
        cwd=convspec.folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    np.testing.assert_allclose(json.loads(loaded.stdout.splitlines()[-1]), expected, atol=1e-6)
    served = serve_and_ask(convspec.folder, environment | {"MLFLOW_TRACKING_URI": uri}, model)
    np.testing.assert_allclose(served, expected, atol=1e-5)


def test_an_interrupted_run_resumes_to_the_same_weights(convspec: CommandLine) -> None:
    spots(convspec.folder)
    expected = convspec("run", "long.yaml", "--json").json["weights_sha256"]
    with convspec.start("run", "long.yaml", "--set", "description=again") as process:
        wait_for_epoch(process, 3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    killed = next(run for run in wait_until_ended(convspec) if run["status"] == "KILLED")
    resumed = convspec("run", "long.yaml", "--set", "description=again", "--resume", killed["run_id"], "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["weights_sha256"] == expected
    steps = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db").get_metric_history(killed["run_id"], "r2/validation")
    assert [point.step for point in steps] == list(range(1, 41))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.full((300, 2), np.nan)}, "values must be finite 32-bit numbers. Got others in row 0"),
        ({"targets": np.zeros((299, 2))}, "there must be a target for each of the 300 pictures in spots.npz. Got 299."),
        ({"targets": np.zeros((300, 3))}, "with 2 target_names, each picture must have as many numbers. Got 3."),
    ],
    ids=["nan", "lengths", "width"],
)
def test_wrong_targets_end_before_anything_is_recorded(
    convspec: CommandLine, change: dict[str, Any], message: str
) -> None:
    spots(convspec.folder)
    np.savez(convspec.folder / "spots.npz", **{**np.load(convspec.folder / "spots.npz"), **change})
    done = convspec("run", "spots.yaml", "--json")
    assert done.code == 2
    assert message in done.json["error"]
    assert convspec("list", "--json").json["runs"] == []


def test_check_asks_which_of_two_truths_is_meant(convspec: CommandLine) -> None:
    spots(convspec.folder)
    held = {**np.load(convspec.folder / "spots.npz"), "labels": np.arange(300) % 2}
    np.savez(convspec.folder / "spots.npz", **held)
    text = (convspec.folder / "spots.yaml").read_text().replace(", target_names: [row, column]", "")
    (convspec.folder / "spots.yaml").write_text(text)
    done = convspec("check", "spots.yaml")
    assert done.code == 2
    assert done.out.splitlines()[0] == (
        "spots.yaml:3:32  data.images  spots.npz: the truth is either `labels` or `targets`. Got both. "
        "Say which: `labels: spots.npz` for classes, `targets: spots.npz` for numbers."
    )
    assert convspec("check", "spots.yaml", "--set", "data.targets=spots.npz").code == 0
    classes = ("--set", "data.labels=spots.npz", "--set", "training.cost=cross_entropy")
    assert convspec("check", "spots.yaml", *classes).code == 0
