"""Runs are found, listed and fetched; what is not there is one message that says what may have been meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from convspec.errors import UserError
from runners.tracking import record, runs
from runners.tracking.flavor import write_model
from runners.tracking.listing import list_runs
from runners.tracking.spool import Spool

if TYPE_CHECKING:
    from mlflow import MlflowClient

Start = Callable[..., None]
Deliver = Callable[..., record.Record]


@pytest.fixture
def run_id(spool: Spool, start: Start, deliver: Deliver) -> str:
    """A finished run with a model and a file."""
    start()
    spool.metrics({"accuracy/test": 0.97}, step=3)
    weights = spool.folder / "weights.safetensors"
    weights.write_bytes(b"weights")
    model = spool.folder / "model"
    write_model(model, pipeline_text="experiment: digits\n", weights=weights, input_shape=(1, 8, 8), votes=10)
    spool.model(model, metrics={"accuracy/test": 0.97}, step=3)
    plan = spool.staging / "plan.json"
    plan.write_text("{}")
    spool.artifact(plan)
    spool.end("FINISHED")
    return deliver(spool.folder).run_id


def test_a_run_is_found_by_its_id_and_by_the_start_of_it(client: MlflowClient, run_id: str) -> None:
    found = runs.find_run(client, run_id)
    assert (found.run_id, found.name, found.status) == (run_id, "digits seed 7", "FINISHED")
    assert found.metrics == {"accuracy/test": 0.97}
    assert found.tags["mlflow.user"] == "ada"
    assert runs.find_run(client, run_id[:6]) == found


def test_a_slip_in_an_id_is_answered_with_the_run_that_was_meant(client: MlflowClient, run_id: str) -> None:
    slip = run_id[:5] + ("0" if run_id[5] != "0" else "1") + run_id[6:]
    with pytest.raises(UserError) as caught:
        runs.find_run(client, slip)
    assert str(caught.value) == f"There is no run {slip} in the store. Did you mean {run_id} (digits seed 7)?"


def test_a_name_is_answered_with_the_id(client: MlflowClient, run_id: str) -> None:
    with pytest.raises(UserError, match=rf"Did you mean {run_id} \(digits seed 7\)\?$"):
        runs.find_run(client, "digits seed 7")


@pytest.mark.parametrize("text", ["zzz", "' OR ''='", "%", ""], ids=["letters", "quotes", "wildcard", "empty"])
def test_what_is_no_id_at_all_is_unknown(text: str, client: MlflowClient, run_id: str) -> None:
    with pytest.raises(UserError, match=r"in the store\. `convspec list` shows the runs of the store\.$"):
        runs.find_run(client, text)


def test_an_ambiguous_start_names_the_runs(client: MlflowClient) -> None:
    experiment = client.create_experiment("digits")
    ids = [client.create_run(experiment, run_name="r").info.run_id for _ in range(17)]
    shared = next(first for first in "0123456789abcdef" if sum(run_id.startswith(first) for run_id in ids) > 1)
    with pytest.raises(UserError, match=rf"^More than one run begins with {shared}\. It may be {shared}.* \(r\) or "):
        runs.find_run(client, shared)


def test_runs_are_listed_newest_first_with_what_tells_them_apart(client: MlflowClient, run_id: str) -> None:
    experiment = client.create_experiment("later")
    later = client.create_run(experiment, run_name="second", start_time=4_000_000_000_000).info.run_id
    first, second = list_runs(client)
    assert (first.run_id, first.experiment, first.status, first.seconds, first.accuracy) == (
        later, "later", "RUNNING", None, None,
    )  # fmt: skip
    assert (second.run_id, second.experiment, second.name, second.accuracy) == (run_id, "digits", "digits seed 7", 0.97)
    assert second.seconds is not None
    assert 0 <= second.seconds < 10
    assert list_runs(client, 1) == [first]


def test_a_family_is_one_line_with_the_number_of_its_runs(client: MlflowClient, run_id: str) -> None:
    experiment = client.create_experiment("compared")
    kinds = {
        "counted": {"convspec.kind": "comparison", "convspec.runs": "12"},
        "under way": {"convspec.kind": "search"},
    }
    ids = {
        name: client.create_run(experiment, run_name=name, start_time=4_000_000_000_000 + number, tags=tags).info.run_id
        for number, (name, tags) in enumerate(kinds.items())
    }
    client.log_metric(ids["counted"], "best/accuracy/test", 0.8)
    for number, parent in enumerate([ids["under way"], ids["under way"], ids["counted"]]):
        below = {"mlflow.parentRunId": parent, "convspec.kind": "trial"}
        client.create_run(experiment, run_name=f"trial {number}", start_time=4_000_000_001_000 + number, tags=below)
    listed = list_runs(client)
    assert [(run.name, run.kind, run.runs, run.accuracy) for run in listed] == [
        ("under way", "search", 2, None), ("counted", "comparison", 12, 0.8), ("digits seed 7", "", None, 0.97),
    ]  # fmt: skip
    assert [run.name for run in list_runs(client, 2)] == ["under way", "counted"]
    below = [(run.name, run.parent) for run in list_runs(client, 2, children=True)]
    assert below == [
        ("under way", ""), ("trial 0", ids["under way"]), ("trial 1", ids["under way"]),
        ("counted", ""), ("trial 2", ids["counted"]),
    ]  # fmt: skip


def test_a_file_of_a_run_is_fetched(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    assert runs.download(client, run_id, "plan.json", tmp_path).read_text() == "{}"
    with pytest.raises(UserError, match=rf"^Run {run_id} has no pictures/none\.png\."):
        runs.download(client, run_id, "pictures/none.png", tmp_path)


def test_the_model_of_a_run_is_a_folder_with_pipeline_and_weights(
    client: MlflowClient, run_id: str, tmp_path: Path
) -> None:
    folder = runs.model_folder(client, run_id[:8], tmp_path / "into")
    assert (folder / "data" / "pipeline.yaml").read_text() == "experiment: digits\n"
    assert (folder / "data" / "weights.safetensors").read_bytes() == b"weights"
    assert not (tmp_path / "into").exists()  # local files are used where they are


def test_a_run_without_a_model_is_one_message(client: MlflowClient, tmp_path: Path) -> None:
    bare = client.create_run(client.create_experiment("bare")).info.run_id
    with pytest.raises(UserError) as caught:
        runs.model_folder(client, bare, tmp_path)
    hint = "Its status is RUNNING; a run of convspec that finished has one."
    assert str(caught.value) == f"Run {bare} has no model. {hint}"


def test_a_model_that_lost_a_file_is_one_message(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    folder = runs.model_folder(client, run_id, tmp_path)
    (folder / "data" / "weights.safetensors").unlink()
    with pytest.raises(UserError, match=rf"^The model of run {run_id} lacks data/weights\.safetensors\. See "):
        runs.model_folder(client, run_id, tmp_path)


def test_reading_makes_no_store(home: Path) -> None:
    assert not runs.store_exists(None, home)
    with pytest.raises(UserError, match=r"^There is no store sqlite:.*mlflow\.db yet\. `convspec run` makes it;"):
        runs.open_store(None, home)
    assert list(home.iterdir()) == []


def test_a_store_is_opened_for_reading(home: Path, client: MlflowClient, run_id: str) -> None:
    assert runs.store_exists(None, home)
    assert [run.run_id for run in list_runs(runs.open_store(None, home))] == [run_id]
