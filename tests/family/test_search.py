"""Searches from the command line: every trial is a run of what was proposed, the best runs on its own, kills change nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from convspec.candidates import Survey, digest_of
from convspec.loading import load
from runners.family import estimate
from runners.files import digest
from tests.conftest import CommandLine
from tests.family.test_survival import workers_of

SEARCH = """
experiment: small
data: {source: xs_and_os, examples: 120, noise: 0.4}
network:
  - convolution: {features: 4, size: 3, name: edges}
  - relu
  - pooling: {window: 2, stride: 2}
  - fully_connected: {neurons: 2}
training: {epochs: 3, batch: 16, optimizer: {adam: {learning_rate: 0.004}}}
seed: 3
search:
  knobs:
    network.edges.features: [2, 4, 6]
    network.edges.size: [3, 5, 10, 11]
    training.optimizer.adam.learning_rate: {from: 0.001, to: 0.1, scale: log}
  maximize: accuracy/validation
  trials: 10
  strategy: {genetic: {population: 4}}
"""
"""Features of 10 x 10 and 11 x 11 do not fit into pictures of 9 x 9: half of the space is no candidate."""


def search(convspec: CommandLine, *, text: str = SEARCH, workers: int = 2) -> Any:
    (convspec.folder / "small.yaml").write_text(text)
    done = convspec("run", "small.yaml", "--json", "--workers", str(workers))
    assert done.code == 0, done.err
    return done.json


def list_of(report: dict[str, Any]) -> list[Any]:
    """What of a report must be the same for any number of workers, and however often it was interrupted."""
    kept = ("trial", "status", "values", "knobs", "pipeline_digest", "epochs")
    return [{key: trial[key] for key in kept} for trial in report["trials"]]


def query(folder: Path, text: str) -> list[Any]:
    store = sqlite3.connect(folder / "mlflow.db")
    found = store.execute(text).fetchall()
    store.close()
    return found


TAG = "(SELECT value FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = '{}')"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[CommandLine, Any]:
    """A folder in which the search ran with two workers, and what it said."""
    convspec = CommandLine(tmp_path_factory.mktemp("found"), environment)
    return convspec, search(convspec)


def test_every_trial_finished_with_what_was_proposed(found: tuple[CommandLine, Any]) -> None:
    convspec, report = found
    assert report["counts"] == {"finished": 10, "stopped": 0, "failed": 0}
    assert all("does not fit" in reason for reason in report["rejected"])
    assert sum(report["rejected"].values()) > 0
    hashes, place = TAG.format("convspec.pipeline_sha256"), TAG.format("convspec.trial")
    runs = query(convspec.folder, f"SELECT {place}, {hashes}, status, artifact_uri FROM runs WHERE name LIKE 'trial %'")
    assert sorted(int(number) for number, *_ in runs) == list(range(10))
    for number, sha256, status, artifacts in runs:
        stored = Path(artifacts.removeprefix("file://")) / "pipeline.yaml"
        loaded = load(stored)
        trial = report["trials"][int(number)]
        assert (digest(stored.read_bytes()), status) == (sha256, "FINISHED")
        assert (digest_of(loaded.pipeline), loaded.plan.parameter_count) == (
            trial["pipeline_digest"],
            trial["parameters"],
        )


def test_trials_stand_below_the_search(found: tuple[CommandLine, Any]) -> None:
    convspec, report = found
    kinds = query(convspec.folder, f"SELECT {TAG.format('convspec.kind')}, count(*) FROM runs GROUP BY 1 ORDER BY 1")
    assert kinds == [("search", 1), ("trial", 10)]
    parents = query(
        convspec.folder, f"SELECT DISTINCT {TAG.format('mlflow.parentRunId')} FROM runs WHERE name <> 'small search'"
    )
    assert parents == [(report["run_id"],)]
    best = query(convspec.folder, "SELECT value FROM latest_metrics WHERE key = 'best/accuracy/validation'")
    assert best == [(max(trial["values"][0] for trial in report["trials"]),)]


def test_the_run_of_a_search_says_what_was_found(found: tuple[CommandLine, Any]) -> None:
    convspec, report = found
    client = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db")
    run = client.get_run(report["run_id"])
    note = run.data.tags["mlflow.note.content"]
    assert f"get-artifact?path=pictures/trials.png&run_uuid={report['run_id']}" in note
    assert "| trial&ensp; |" in note
    assert run.data.tags["convspec.best"] == f"trial {report['best'][0]}"
    assert int(run.data.tags["convspec.runs"]) == len(report["trials"])
    assert len(run.inputs.dataset_inputs) > 0
    trial = report["trials"][report["best"][0]]
    where = f"tags.`mlflow.parentRunId` = '{report['run_id']}' and tags.`convspec.trial` = '{trial['trial']}'"
    (child,) = client.search_runs([report["experiment_id"]], where)
    assert {path: float(child.data.params[path]) for path in trial["knobs"]} == trial["knobs"]


def test_the_best_trial_runs_on_its_own(found: tuple[CommandLine, Any]) -> None:
    convspec, report = found
    assert (
        Path(report["best_file"])
        .read_text()
        .startswith(f"# Trial {report['best'][0]} of 10 of the search in small.yaml:")
    )
    done = convspec("run", report["best_file"], "--json")
    assert done.code == 0, done.err
    again = report["trials"][report["best"][0]]
    same = ("accuracy/validation", "cost/validation", "accuracy/test")
    assert {name: done.json["metrics"][name] for name in same} == {name: again["metrics"][name] for name in same}


def test_a_finished_search_is_told_again_without_training(found: tuple[CommandLine, Any]) -> None:
    convspec, report = found
    again = convspec("run", "small.yaml", "--json").json
    assert {**again, "seconds": 0} == {**report, "seconds": 0}


@pytest.mark.slow
def test_the_list_is_the_same_with_one_worker(found: tuple[CommandLine, Any], convspec: CommandLine) -> None:
    assert list_of(search(convspec, workers=1)) == list_of(found[1])


def test_a_search_that_was_killed_goes_on_to_the_same_list(
    found: tuple[CommandLine, Any], convspec: CommandLine
) -> None:
    (convspec.folder / "small.yaml").write_text(SEARCH)
    moments = random.Random(1)
    for _ in range(2):
        running = convspec.start("run", "small.yaml", "--json", "--workers", "2")
        time.sleep(moments.uniform(1.0, 5.0))
        with suppress(ProcessLookupError):
            os.kill(moments.choice([running.pid, *workers_of(running.pid)]), signal.SIGKILL)
        with suppress(ProcessLookupError):
            running.kill()
        running.communicate(timeout=60)
    assert list_of(search(convspec, workers=1)) == list_of(found[1])
    assert query(convspec.folder, "SELECT status, count(*) FROM runs GROUP BY 1") == [("FINISHED", 11)]


def test_failed_and_stopped_trials_do_not_end_a_search(convspec: CommandLine) -> None:
    text = SEARCH.replace("{from: 0.001, to: 0.1, scale: log}", "[0.004, 1.0e+38]").replace("[3, 5, 10, 11]", "[3]")
    text = text.replace("{genetic: {population: 4}}", "exhaustive\n  stopping: {median: {trials: 1, epochs: 1}}")
    report = search(convspec, text=text, workers=1)
    assert report["counts"]["failed"] == 3
    failed = [trial for trial in report["trials"] if trial["status"] == "FAILED"]
    assert all("cost" in trial["reason"] and trial["values"] is None for trial in failed)
    statuses = dict(query(convspec.folder, "SELECT status, count(*) FROM runs GROUP BY 1"))
    assert statuses["FAILED"] == 3
    assert statuses.get("KILLED", 0) == report["counts"]["stopped"]


@pytest.mark.slow
def test_a_trial_over_several_seeds_has_their_mean(convspec: CommandLine) -> None:
    text = (
        SEARCH.replace("[3, 5, 10, 11]", "[3]")
        .replace("[2, 4, 6]", "[2]")
        .replace("trials: 10", "trials: 2\n  seeds: [1, 2]")
    )
    report = search(convspec, text=text)
    place, metric = TAG.format("convspec.trial"), "accuracy/validation"
    last = "(SELECT value FROM latest_metrics WHERE latest_metrics.run_uuid = runs.run_uuid AND key = 'cost/test')"
    rows = query(convspec.folder, f"SELECT {place}, name, {last} FROM runs WHERE name LIKE 'trial %' ORDER BY name")
    assert [name for _, name, _ in rows] == ["trial 0 seed 1", "trial 0 seed 2", "trial 1 seed 1", "trial 1 seed 2"]
    for trial in report["trials"]:
        costs = [cost for number, _, cost in rows if number == str(trial["trial"])]
        assert trial["metrics"]["cost/test"] == pytest.approx(sum(costs) / 2)
        assert trial["values"] == [trial["metrics"][metric]]


@pytest.mark.slow
def test_a_front_is_kept_where_there_are_several_objectives(convspec: CommandLine) -> None:
    text = SEARCH.replace("  trials: 10", "  minimize: parameters\n  trials: 6").replace(
        "{genetic: {population: 4}}", "random"
    )
    report = search(convspec, text=text)
    assert all(trial["values"][1] == trial["parameters"] for trial in report["trials"])
    folder = Path(report["best_file"]).parent / "artifacts" / "front"
    files = (
        sorted(path.name for path in folder.glob("*.yaml")) if folder.is_dir() else [f"trial-{report['best'][0]}.yaml"]
    )
    assert files == sorted(f"trial-{number}.yaml" for number in report["best"])


def test_a_dry_run_counts_and_measures_and_leaves_nothing(convspec: CommandLine) -> None:
    text = SEARCH.replace("{from: 0.001, to: 0.1, scale: log}", "[0.001, 0.01]").replace("trials: 10", "trials: 100")
    (convspec.folder / "small.yaml").write_text(text)
    done = convspec("run", "small.yaml", "--dry-run", "--json", "--workers", "1")
    space = done.json["space"]
    assert (space["size"], space["valid"], space["distinct"], done.json["runs"]) == (24, 12, 12, 12)
    assert 0 < done.json["training_seconds"] < done.json["seconds"] < 120
    assert [one["multiply_adds"] for one in done.json["measured"]] == sorted(
        {one["multiply_adds"] for one in done.json["measured"]}
    )
    assert [path.name for path in convspec.folder.iterdir()] == ["small.yaml"]
    said = convspec("run", "small.yaml", "--dry-run").out
    assert said.startswith("space    24 combinations, 12 of them valid, 12 different pipelines\ninvalid  6: ")


SURVEYS = {
    "all of a small space": (None, Survey(24, 24, 12, 10, {}), (10, [])),
    "fewer than there are": (7, Survey(24, 24, 12, 10, {}), (7, [])),
    "more than there are": (
        50,
        Survey(24, 24, 12, 10, {}),
        (10, ["24 combinations, 50 trials: only 10 candidates differ"]),
    ),
    "some of a large space": (50, Survey(30_000, 1000, 250, 249, {}), (50, [])),
    "some of a space without end": (50, Survey(None, 1000, 250, 249, {}), (50, [])),
    "all of a large space": (
        None,
        Survey(30_000, 1000, 250, 249, {}),
        (7500, ["the number of runs is estimated from a sample"]),
    ),
}


@pytest.mark.parametrize(("asked", "survey", "expected"), SURVEYS.values(), ids=SURVEYS)
def test_trials_are_counted_before_a_search(asked: int | None, survey: Survey, expected: tuple[int, list[str]]) -> None:
    assert estimate._trials(asked, survey) == expected


def test_a_dry_run_of_a_comparison_measures_its_architectures(convspec: CommandLine) -> None:
    text = SEARCH.partition("search:")[0].replace("seed: 3", "seeds: [1, 2, 3]")
    (convspec.folder / "small.yaml").write_text(text)
    done = convspec("run", "small.yaml", "--dry-run", "--json")
    assert (done.json["runs"], len(done.json["measured"]), done.json["notes"]) == (3, 1, [])
    cluster = convspec("run", "small.yaml", "--dry-run", "--json", "--on", "ray", "--workers", "1")
    assert cluster.json["notes"] == ["this is for 1 worker of this machine, not for the cluster"]
    assert [path.name for path in convspec.folder.iterdir()] == ["small.yaml"]


def test_a_dry_run_of_one_pipeline_is_refused(convspec: CommandLine) -> None:
    done = convspec("run", "digits", "--dry-run")
    assert (done.code, "--dry-run is for a file with several pipelines or a search" in done.err) == (2, True)


def test_the_shipped_search_is_right(convspec: CommandLine) -> None:
    assert json.loads(convspec("check", "digits_search", "--json").out) == {"problems": []}
    assert "chosen by tpe" in convspec("show", "digits_search").out
