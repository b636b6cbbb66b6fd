"""`convspec run` on a file with several architectures and seeds, from the outside."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from tests.conftest import CommandLine
from tests.family.conftest import COMPARISON, MEMBERS, rows, table


def write(convspec: CommandLine, text: str = COMPARISON) -> str:
    (convspec.folder / "small.yaml").write_text(text)
    return "small.yaml"


def test_every_architecture_is_trained_with_every_seed_and_compared(uninterrupted: tuple[CommandLine, Any]) -> None:
    convspec, report = uninterrupted
    client = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db")
    parent = client.get_run(report["run_id"])
    children = client.search_runs([report["experiment_id"]], f"tags.`mlflow.parentRunId` = '{report['run_id']}'")
    assert sorted(child.info.run_name for child in children) == MEMBERS
    assert {child.info.status for child in (parent, *children)} == {"FINISHED"}
    for each in report["architectures"]:
        named = [one for one in children if one.data.tags["convspec.architecture"] == each["name"]]
        recorded = {int(one.data.tags["convspec.seed"]): one.data.metrics["accuracy/test"] for one in named}
        assert {value["seed"]: value["value"] for value in each["values"]} == recorded
        assert each["mean"] == pytest.approx(sum(recorded.values()) / 3)
    artifacts = {item.path for item in client.list_artifacts(report["run_id"])}
    assert artifacts >= {"comparison.yaml", "comparison.md", "comparison.json", "pictures"}
    assert children[0].inputs.dataset_inputs[0].dataset.name == "xs_and_os"


def test_the_run_of_a_comparison_says_what_was_found_and_on_which_data(uninterrupted: tuple[CommandLine, Any]) -> None:
    convspec, report = uninterrupted
    client = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db")
    run = client.get_run(report["run_id"])
    means = {each["name"]: each["mean"] for each in report["architectures"]}
    expected = {f"mean/accuracy/test/{name}": mean for name, mean in means.items()}
    assert run.data.metrics == {"best/accuracy/test": max(means.values()), **expected}
    tags = {"metric": "accuracy/test", "better": "higher", "best": report["best"], "runs": "6", "kind": "comparison"}
    assert {name: run.data.tags[f"convspec.{name}"] for name in tags} == tags
    note = run.data.tags["mlflow.note.content"]
    assert all(f"| {name}&ensp; | 3&ensp; | {mean:.4f}&ensp; |" in note for name, mean in means.items())
    assert f"get-artifact?path=pictures/intervals.png&run_uuid={report['run_id']}" in note
    data = {each.dataset.digest for each in run.inputs.dataset_inputs}
    below = client.search_runs([report["experiment_id"]], f"tags.`mlflow.parentRunId` = '{report['run_id']}'")
    assert data == {each.dataset.digest for child in below for each in child.inputs.dataset_inputs}
    assert len(data) == 3  # each seed draws letters of its own
    assert below[0].data.metrics["size/parameters"] == float(below[0].data.tags["convspec.parameters"])
    shown = f"mlflow.sharedViewState.convspec-{report['run_id']}"
    assert shown in client.get_experiment(report["experiment_id"]).tags


def test_convspec_list_shows_a_comparison_as_one_line(uninterrupted: tuple[CommandLine, Any]) -> None:
    convspec, report = uninterrupted
    (line,) = [line for line in convspec("list").out.splitlines() if report["run_id"] in line]
    assert "  comparison of 6 runs  FINISHED  " in line
    assert line.endswith(f"{report['architectures'][0]['mean']:.4f}")
    listed = convspec("list", "--children", "--json").json["runs"]
    assert [each["runs"] for each in listed] == [6, *[None] * 6]
    assert sorted(each["name"] for each in listed[1:]) == MEMBERS
    assert {each["parent"] for each in listed[1:]} == {report["run_id"]}


def test_a_member_has_the_weights_of_the_same_pipeline_on_its_own(
    uninterrupted: tuple[CommandLine, Any], convspec: CommandLine
) -> None:
    recorded = {row.name: row.weights for row in rows(uninterrupted[0].folder)}
    alone = convspec("run", f"{write(convspec)}@stage", "--json").json
    assert alone["weights_sha256"] == recorded["stage seed 1"]


def test_two_workers_find_what_one_finds(uninterrupted: tuple[CommandLine, Any], convspec: CommandLine) -> None:
    done = convspec("run", write(convspec), "--workers", "2", "--json")
    assert table(done.json) == table(uninterrupted[1])
    assert rows(convspec.folder) == rows(uninterrupted[0].folder)


def test_what_is_finished_is_said_again_without_training(uninterrupted: tuple[CommandLine, Any]) -> None:
    convspec, report = uninterrupted
    before = rows(convspec.folder)
    again = convspec("run", "small.yaml", "--json").json
    assert (table(again), again["run_id"]) == (table(report), report["run_id"])
    assert rows(convspec.folder) == before
    assert "Nothing was trained" in convspec("run", "small.yaml").out
    assert not list(convspec.folder.glob(".convspec/*/children"))


DIVERGING = """
experiment: small
data: {source: xs_and_os, examples: 200, noise: 0.4}
architectures:
  plain:
    - fully_connected: {neurons: 2}
  deep:
    - convolution: {features: 8, size: 3}
    - convolution: {features: 8, size: 3}
    - convolution: {features: 8, size: 3}
    - fully_connected: {neurons: 2}
training: {epochs: 2, batch: 16, cost: squared, optimizer: {sgd: {learning_rate: 0.05}}}
seeds: [1, 2]
"""


def test_a_training_that_fails_is_recorded_with_its_reason_and_the_rest_goes_on(convspec: CommandLine) -> None:
    done = convspec("run", write(convspec, DIVERGING), "--json")
    assert done.code == 0
    assert [each["name"] for each in done.json["architectures"]] == ["plain"]
    failures = done.json["failures"]
    assert [(each["architecture"], each["seed"]) for each in failures] == [("deep", 1), ("deep", 2)]
    client = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db")
    children = client.search_runs([done.json["experiment_id"]], "tags.`convspec.architecture` = 'deep'")
    assert {child.info.status for child in children} == {"FAILED"}
    assert sorted(child.data.tags["convspec.reason"] for child in children) == sorted(one["reason"] for one in failures)
    assert "The cost stopped being finite in epoch 1" in failures[0]["reason"]


def test_a_comparison_of_which_nothing_finished_has_failed(convspec: CommandLine) -> None:
    text = DIVERGING.replace("  plain:\n    - fully_connected: {neurons: 2}\n", "").replace("[1, 2]", "[1]")
    done = convspec("run", write(convspec, text), "--json")
    assert done.code == 1
    assert done.json["error"] == "None of the runs has finished with a figure to compare."
    assert "The cost stopped being finite in epoch 1" in done.json["hint"]
    assert {row.status for row in rows(convspec.folder)} == {"FAILED"}


def test_a_file_that_has_changed_is_refused_with_two_ways_forward(convspec: CommandLine) -> None:
    file = write(convspec, COMPARISON.replace("epochs: 6", "epochs: 400"))
    interrupt(convspec, file)
    write(convspec, COMPARISON.replace("epochs: 6", "epochs: 400").replace("features: 4", "features: 5"))
    done = convspec("run", file)
    assert done.code == 2
    assert "small.yaml has changed since its comparison began" in done.err
    assert "-    - convolution: {features: 4, size: 3, name: edges}" in done.err
    assert "--again" in done.err
    write(convspec)
    assert convspec("run", file, "--again", "--json").code == 0
    assert [row.status for row in rows(convspec.folder)].count("FINISHED") == 1 + len(MEMBERS)


def interrupt(convspec: CommandLine, file: str) -> str:
    """Starts a comparison and sends Ctrl-C once a training has begun; what it said."""
    running = convspec.start("run", file)
    deadline = time.monotonic() + 60
    while not list(convspec.folder.glob(".convspec/*/children/*/checkpoint.safetensors")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    return said


def test_ctrl_c_saves_everything_and_the_same_command_goes_on(convspec: CommandLine) -> None:
    text = COMPARISON.replace("epochs: 6", "epochs: 60").replace("seeds: [1, 2, 3]", "seeds: [1, 2]")
    said = interrupt(convspec, write(convspec, text))
    assert "of 4 runs done; everything so far is saved. Go on with the same command." in said
    assert said.count("Stopping: saving what is under way (again Ctrl-C ends at once).\n") == 1
    assert {row.status for row in rows(convspec.folder)} <= {"KILLED", "FINISHED"}
    done = convspec("run", "small.yaml", "--json")
    assert done.code == 0
    figures = 60 * 6 + 3 + 2  # of every epoch, of the end, and of the size of the network
    assert [(row.status, row.figures) for row in rows(convspec.folder) if row.weights] == [("FINISHED", figures)] * 4


WRONG = {
    "resume": (["--resume", "abc"], "--resume is for a single run; this file holds several."),
    "compile": (["--compile"], "--compile is for a single run; this file holds several."),
    "workers": (["--workers", "0"], "0 is not in the range x>=1"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG)
def test_options_that_are_not_for_several_pipelines(options: list[str], said: str, convspec: CommandLine) -> None:
    done = convspec("run", write(convspec), *options)
    assert done.code == 2
    assert said in done.err
    assert not (convspec.folder / ".convspec").exists()


def test_a_finished_family_holds_a_report_that_programs_read(uninterrupted: tuple[CommandLine, Any]) -> None:
    (path,) = Path(uninterrupted[0].folder).glob(".convspec/*/family.json")
    assert json.loads(path.read_text())["state"] == "finished"


ARRAYS = """
experiment: small
data: {source: arrays, images: images.npy, labels: labels.npy, classes: 2}
architectures:
  plain:
    - fully_connected: {neurons: 2}
training: {epochs: 3000, batch: 16}
seeds: [1]
"""


def test_a_comparison_does_not_go_on_over_other_data(convspec: CommandLine) -> None:
    generator = np.random.default_rng(1)
    np.save(convspec.folder / "images.npy", generator.random((60, 4, 4), dtype=np.float32))
    np.save(convspec.folder / "labels.npy", np.arange(60) % 2)
    file = write(convspec, ARRAYS)
    interrupt(convspec, file)
    np.save(convspec.folder / "images.npy", generator.random((60, 4, 4), dtype=np.float32))
    done = convspec("run", file)
    assert done.code == 2
    assert "small.yaml reads, its data or another file, has changed since its comparison began" in done.err


TINY = """
experiment: tiny
data: {source: xs_and_os, examples: 40}
architectures:
  flat: [{fully_connected: {neurons: 2}}]
  hidden: [{fully_connected: {neurons: 4}}, relu, {fully_connected: {neurons: 2}}]
seeds: [1, 2]
training: {epochs: 1, batch: 32}
"""


@pytest.mark.slow
def test_a_file_that_has_changed_since_it_was_compared_is_said(convspec: CommandLine) -> None:
    assert "has changed" not in convspec("run", write(convspec, TINY)).err
    assert "has changed" not in convspec("compare", "small.yaml").out
    write(convspec, TINY.replace("[1, 2]", "[1, 2, 3]"))
    found = convspec("compare", "small.yaml").out
    assert re.search(
        r"^small\.yaml has changed since; this is the comparison of \d{4}-\d\d-\d\d \d\d:\d\d\.$", found, re.M
    )
    said = convspec("run", "small.yaml").err
    assert said.startswith("small.yaml has changed since its last comparison: everything is trained anew.\n")
    assert "6/6" in said
    assert "has changed" not in convspec("compare", "small.yaml").out
