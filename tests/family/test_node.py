"""What runs on a node of a cluster, without the cluster."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convspec.loading import load_text
from runners import files
from runners.family import node
from runners.family.node import Heard, Node
from runners.family.parcel import Packing, unpack
from runners.family.task import Outcome, Task
from runners.family.workforce import Workforce
from tests.family.conftest import break_workers
from tests.family.test_workforce import PIPELINE, task


def train(task: Task, folder: Path, *, losing: int = 0) -> Iterator[Heard]:
    """Trains on a new node, whose worker is killed after so many parcels; its files go into the folder."""
    there = Node(gpus=False)
    assert there.hear() == Heard([{"ready": True}])
    assert there.take(task.plain(), Packing(folder).pack()) == {}
    while not (heard := there.hear()).gone:
        unpack(heard.parcel, folder)
        losing -= 1
        if losing == 0:
            os.kill(there.worker.process.pid, signal.SIGKILL)
        yield heard
        if heard.answers:
            there.hang_up()
    unpack(heard.parcel, folder)
    yield heard
    assert not there.scratch.exists()


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "SECONDS_BETWEEN_PARCELS", 0.0)


def test_a_node_that_is_lost_costs_no_finished_epoch_and_no_bit(tmp_path: Path) -> None:
    long = task("long", epochs=12)
    with Workforce(tmp_path, workers=1) as workforce:
        workforce.submit(replace(long, key="reference"))
        reference = workforce.wait()
    assert reference is not None
    folder = tmp_path / "children" / "long"
    folder.mkdir()
    *_, last = train(long, folder, losing=4)
    assert last.gone == f"was killed by SIGKILL on node {platform.node()}"
    assert Outcome.read(folder) is None
    *_, last = train(long, folder)
    assert last.gone == f"ended with exit code 0 on node {platform.node()}"
    lines = (folder / "spool.jsonl").read_text().splitlines()
    found = Outcome.read(folder)
    assert found is not None
    assert (found.status, found.weights_sha256) == ("FINISHED", reference.weights_sha256)
    assert sum('"cost/training"' in line for line in lines) == 12
    assert sum('"owner"' in line for line in lines) == 2  # the one that began, and the one that went on


def test_a_node_that_is_told_to_end_hands_out_what_it_saved(tmp_path: Path) -> None:
    there = Node(gpus=False)
    assert there.hear() == Heard([{"ready": True}])
    there.take(task("long", epochs=100_000).plain(), {})
    unpack(there.hear().parcel, tmp_path)
    before = (tmp_path / "spool.jsonl").read_bytes()
    there.hang_up()
    while not (heard := there.hear()).gone:
        unpack(heard.parcel, tmp_path)
    unpack(heard.parcel, tmp_path)
    assert heard.gone.startswith("ended with exit code 0")
    assert (tmp_path / "spool.jsonl").read_bytes().startswith(before)
    assert (tmp_path / "checkpoint.safetensors").is_file()
    assert not there.scratch.exists()


def test_a_training_that_asks_is_stopped_by_the_answer(tmp_path: Path) -> None:
    there = Node(gpus=False)
    assert there.hear() == Heard([{"ready": True}])
    there.take(task("asking", epochs=10, asks=True).plain(), {})
    asked = []
    while not (heard := there.hear()).gone:
        unpack(heard.parcel, tmp_path)
        for answer in heard.answers:
            if "outcome" in answer:
                there.hang_up()
            else:
                asked.append(answer["epoch"])
                there.say({"go_on": answer["epoch"] < 3})
    found = Outcome.read(tmp_path)
    assert asked == [1, 2, 3]
    assert found is not None
    assert (found.status, found.epochs) == ("STOPPED", 3)


def test_data_that_a_node_lacks_are_named(tmp_path: Path) -> None:
    images, labels = tmp_path / "images.npy", tmp_path / "labels.npy"
    np.save(images, np.zeros((40, 6, 6), np.uint8))
    np.save(labels, np.arange(40) % 2)
    data = f"{{source: arrays, images: {images}, labels: {labels}}}"
    text = PIPELINE.replace("{source: xs_and_os, examples: 200, noise: 0.4}", data).replace("EPOCHS", "1")
    normalised = files.pipeline_text(load_text(text, "small.yaml", folder=tmp_path))
    asked = replace(task("arrays"), pipeline=normalised)
    assert node.missing_data(asked) == ""
    labels.rename(tmp_path / "elsewhere")
    there = Node(gpus=False)
    refused = there.take(asked.plain(), {})
    there.hang_up()
    while not there.hear().gone:
        pass
    why = f"{labels} is not there on node {platform.node()}; a cluster needs data files at the same path on every node"
    assert refused == {"failed": why}


def test_a_node_whose_worker_cannot_start_hands_out_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(break_workers(tmp_path)), prepend=os.pathsep)
    there = Node(gpus=False)
    heard = there.hear()
    assert (heard.answers, heard.gone) == ([], f"ended with exit code 1 on node {platform.node()}")
    assert heard.log.decode().endswith("\nModuleNotFoundError: import of numpy halted; None in sys.modules\n")
    assert not there.scratch.exists()
