"""What is said in a spool is what the MLflow run holds: once, however often and by whomever it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST

from convspec.errors import UserError
from runners.tracking import events, record
from runners.tracking.flavor import write_model
from runners.tracking.owner import Owner
from runners.tracking.spool import DatasetIdentity, Spool

Start = Callable[..., None]
Deliver = Callable[..., record.Record]


def _history(client: MlflowClient, run_id: str, key: str) -> list[tuple[int, float, int]]:
    return [(found.step, found.value, found.timestamp) for found in client.get_metric_history(run_id, key)]


def _whole_run(spool: Spool, start: Start) -> None:
    """A run with one of everything."""
    start(
        description="Two **small** stages.",
        params={"training.epochs": 2, "network[0].features": 16},
        datasets=(DatasetIdentity("digits", "abc", "scikit-learn", "training", profile={"examples": 1437}),),
    )
    for step in (1, 2):
        spool.metrics({"cost/training": 1 / step, "accuracy/validation": 0.9}, step=step, time_ms=1_000 * step)
    weights = spool.folder / "weights.safetensors"
    weights.write_bytes(b"weights")
    model = spool.folder / "model"
    write_model(model, pipeline_text="experiment: digits\n", weights=weights, input_shape=(1, 8, 8), votes=10)
    spool.metrics({"accuracy/test": 0.99}, step=2, time_ms=3_000)
    spool.model(model, metrics={"accuracy/test": 0.99}, step=2)
    picture = spool.staging / "curves.png"
    picture.write_bytes(b"png")
    spool.artifact(picture, "pictures")
    spool.tags({"convspec.weights_sha256": "00ff"})
    spool.end("FINISHED")


def test_a_run_holds_all_that_was_said(
    client: MlflowClient, home: Path, spool: Spool, start: Start, deliver: Deliver
) -> None:
    _whole_run(spool, start)
    known = deliver(spool.folder)
    run = client.get_run(known.run_id)
    experiment = client.get_experiment(run.info.experiment_id)
    assert experiment.name == "digits"
    assert experiment.artifact_location == (home / "mlruns" / "digits").as_uri()
    assert experiment.tags == {"mlflow.experimentKind": "custom_model_development"}
    assert run.info.run_name == "digits seed 7"
    assert run.data.params == {"training.epochs": "2", "network_0_.features": "16"}
    said = {"mlflow.user": "ada", "mlflow.note.content": "Two **small** stages.", "convspec.weights_sha256": "00ff"}
    assert run.data.tags.items() >= (said | Owner.current().tags()).items()
    assert _history(client, known.run_id, "cost/training") == [(1, 1.0, 1000), (2, 0.5, 2000)]
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest, dataset.dataset.profile) == (
        "digits",
        "abc",
        '{"examples": 1437}',
    )
    assert [(tag.key, tag.value) for tag in dataset.tags] == [("mlflow.data.context", "training")]
    assert [item.path for item in client.list_artifacts(known.run_id, "pictures")] == ["pictures/curves.png"]
    assert run.info.status == "FINISHED"
    assert known.is_settled(spool.folder)


def test_the_run_took_as_long_as_the_training_and_not_as_the_delivery(
    client: MlflowClient, spool: Spool, start: Start, deliver: Deliver
) -> None:
    start()
    spool.end("FINISHED")
    (_, _), (begin, _), (end, _) = events.read(spool.folder)
    info = client.get_run(deliver(spool.folder).run_id).info
    assert (info.start_time, info.end_time) == (begin["time_ms"], end["time_ms"])


def test_the_model_is_linked_to_its_run_and_to_the_figures_it_reached(
    client: MlflowClient, spool: Spool, start: Start, deliver: Deliver
) -> None:
    _whole_run(spool, start)
    run_id = deliver(spool.folder).run_id
    run = client.get_run(run_id)
    (output,) = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.name, model.source_run_id, model.status, output.step) == ("model", run_id, "READY", 2)
    assert [(metric.key, metric.value, metric.step) for metric in model.metrics] == [("accuracy/test", 0.99, 2)]
    assert _history(client, run_id, "accuracy/test") == [(2, 0.99, 3000)]


@pytest.mark.parametrize("forget_run", [False, True], ids=["run noted", "killed before the run was noted"])
def test_sending_everything_again_changes_nothing(
    forget_run: bool, client: MlflowClient, spool: Spool, start: Start, deliver: Deliver
) -> None:
    _whole_run(spool, start)
    run_id = deliver(spool.folder).run_id
    before = client.get_run(run_id)
    assert deliver(spool.folder, offset=0, forget_run=forget_run).run_id == run_id
    after = client.get_run(run_id)
    assert after.to_dictionary() == before.to_dictionary()
    assert len(client.search_runs([before.info.experiment_id])) == 1
    assert len(client.search_logged_models([before.info.experiment_id])) == 1
    assert len(_history(client, run_id, "cost/training")) == 2
    assert len(_history(client, run_id, "accuracy/test")) == 1


def test_many_figures_arrive_in_order_over_several_batches(
    client: MlflowClient, spool: Spool, start: Start, deliver: Deliver
) -> None:
    start()
    for step in range(700):
        spool.metrics({"a": step, "b": -step, "c": 0.5}, step=step)  # 2100 in all, and MLflow takes 1000 at once
    run_id = deliver(spool.folder).run_id
    for key, sign in (("a", 1), ("b", -1)):
        assert [(step, value) for step, value, _ in _history(client, run_id, key)] == [
            (n, sign * n) for n in range(700)
        ]


def test_a_cost_that_is_not_a_number_is_recorded_as_such(
    client: MlflowClient, spool: Spool, start: Start, deliver: Deliver
) -> None:
    start()
    spool.metrics({"cost/training": float("nan")}, step=1)
    ((_, value, _),) = _history(client, deliver(spool.folder).run_id, "cost/training")
    assert value != value


def test_a_continued_run_runs_again_under_its_new_process_and_ends_as_one(
    client: MlflowClient, spool: Spool, start: Start, deliver: Deliver
) -> None:
    start()
    spool.metrics({"cost/training": 0.5}, step=1)
    spool.end("KILLED", reason="interrupted")
    run_id = deliver(spool.folder).run_id
    killed = client.get_run(run_id)
    assert (killed.info.status, killed.data.tags["convspec.reason"]) == ("KILLED", "interrupted")

    again = Spool.reopen(spool.folder)
    again.start("digits", name="changed", params={"seed": 8}, tags={"mlflow.user": "bob"})
    again.metrics({"cost/training": 0.5}, step=1)
    again.metrics({"cost/training": 0.25}, step=2)
    assert deliver(spool.folder).run_id == run_id
    running = client.get_run(run_id)
    assert running.info.status == "RUNNING"
    assert "convspec.reason" not in running.data.tags
    assert (running.data.tags["mlflow.user"], running.data.params) == ("bob", {"seed": "7"})

    again.end("FINISHED")
    deliver(spool.folder)
    assert client.get_run(run_id).info.status == "FINISHED"
    assert [(step, value) for step, value, _ in _history(client, run_id, "cost/training")] == [(1, 0.5), (2, 0.25)]


def test_a_file_that_was_removed_does_not_hold_up_the_rest(
    client: MlflowClient, spool: Spool, start: Start, deliver: Deliver
) -> None:
    start()
    picture = spool.staging / "curves.png"
    picture.write_bytes(b"png")
    spool.artifact(picture)
    picture.unlink()
    spool.end("FINISHED")
    assert client.get_run(deliver(spool.folder).run_id).info.status == "FINISHED"


def test_an_experiment_whose_files_a_server_keeps_is_not_reached_past_the_server(
    client: MlflowClient, uri: str, spool: Spool, start: Start, deliver: Deliver
) -> None:
    client.create_experiment("digits", artifact_location="mlflow-artifacts:/1")
    start()
    with pytest.raises(UserError) as caught:
        deliver(spool.folder)
    assert str(caught.value) == (
        f"The experiment digits keeps its files with MLflow's server, which {uri} is not. "
        "Give the server's address with --tracking-uri, or the experiment another name."
    )


@pytest.mark.parametrize("times", [1, 4], ids=["once", "for ever"])
def test_a_data_set_that_another_run_enters_at_the_same_time_is_entered_once(
    times: int, client: MlflowClient, spool: Spool, start: Start, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id, datasets.name, datasets.digest"
    failures = [MlflowException(said, error_code=BAD_REQUEST) for _ in range(times)]
    enter = MlflowClient.log_inputs

    def log_inputs(self: MlflowClient, *arguments: object, **options: object) -> None:
        if failures:
            raise failures.pop()
        enter(self, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "log_inputs", log_inputs)
    start(datasets=(DatasetIdentity("digits", "abc", "scikit-learn", "training"),))
    if times == 1:
        (found,) = client.get_run(deliver(spool.folder).run_id).inputs.dataset_inputs
        assert found.dataset.digest == "abc"
    else:
        with pytest.raises(MlflowException, match="UNIQUE constraint failed"):
            deliver(spool.folder)


def test_a_deleted_experiment_is_one_message(
    client: MlflowClient, spool: Spool, start: Start, deliver: Deliver
) -> None:
    experiment = client.create_experiment("digits")
    client.delete_experiment(experiment)
    start()
    with pytest.raises(UserError) as caught:
        deliver(spool.folder)
    assert str(caught.value).startswith("The experiment digits is deleted in sqlite:///")
    assert str(caught.value).endswith(f"Restore it with: mlflow experiments restore -x {experiment}")


@pytest.mark.parametrize(
    "event",
    [
        {"event": "artifact", "file": "../secret", "folder": ""},
        {"event": "artifact", "file": "artifacts/link", "folder": ""},
        {"event": "artifact", "file": "artifacts/\0", "folder": ""},
        {"event": "artifact", "file": "artifacts/plan.json", "folder": "../../other"},
        {"event": "artifact", "file": "artifacts/plan.json", "folder": "/tmp"},
        {"event": "model", "folder": "..", "name": "model", "values": {}, "times": {}, "step": 1},
    ],
    ids=["above", "link", "null", "into above", "into absolute", "model"],
)
def test_a_spool_sends_no_file_but_its_own(
    spool: Spool, start: Start, deliver: Deliver, client: MlflowClient, event: dict[str, object]
) -> None:
    start()
    (spool.folder.parent / "secret").write_text("key")
    (spool.staging / "plan.json").write_text("{}")
    (spool.staging / "link").symlink_to(spool.folder.parent / "secret")
    with (spool.folder / events.FILE).open("a") as file:
        file.write(json.dumps(event | {"time_ms": 1}) + "\n")
    with pytest.raises(UserError, match="outside its folder; that is not sent"):
        deliver(spool.folder)
    known = record.load(spool.folder)
    assert known is not None
    assert client.list_artifacts(known.run_id) == []
    assert not list(Path(spool.folder.parent).rglob("MLmodel"))
