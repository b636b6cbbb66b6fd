"""What runs on a node of a cluster: a worker in a scratch folder of that machine, whose files are handed out as it goes on."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from convspec.loading import load_text
from runners import environment
from runners.atomic import WritingError, writing
from runners.family.local import WORKERS_LOG, LocalWorker
from runners.family.parcel import Packing, Parcel, unpack
from runners.family.task import CHILDREN, Task
from runners.files import PATHS
from runners.single_threaded import ONE_THREAD

SECONDS_BETWEEN_PARCELS = 0.5
"""Epochs that are shorter are sent together."""
TO_END_SECONDS = 25.0
"""The longest that is waited for a worker that was told to end."""


@dataclass
class Heard:
    """What a worker has said, and the files that are new. `gone` says how it ended, once it has, and `log` what it wrote on
    standard error outside of trainings."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    parcel: Parcel = field(default_factory=dict)
    gone: str = ""
    log: bytes = b""


class Node:
    """Trains tasks one after the other. `hear` waits for what comes next while other methods are called beside it.

    The worker is a process of its own: it is the same as on the parent's machine, and it saves what it has in hand and ends when
    this process does. Without `gpus` it sees none.
    """

    def __init__(self, *, gpus: bool) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="convspec-"))
        (self.scratch / CHILDREN).mkdir()
        variables = {**ONE_THREAD, "PYDANTIC_DISABLE_PLUGINS": "__all__"} | (
            {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
        )
        self.worker = LocalWorker.start(self.scratch, variables)
        self.task: Task | None = None
        self.packing = Packing(self.scratch)
        self.packed_at = 0.0
        self._speaking = Lock()

    def is_placed(self) -> bool:
        """It is, once it can say so."""
        return True

    def take(self, plain: Mapping[str, Any], parcel: Parcel) -> dict[str, str]:
        """Begins a task where its files say; returns what is to be answered where that is not possible here, or nothing."""
        task = Task.of(plain)
        missing = missing_data(task)
        if missing:
            why = f"{missing} is not there on node {platform.node()}; a cluster needs data files at the same path on every node"
            return {"failed": why}
        try:
            if self.task is not None:
                before = self._folder(self.task)
                with writing(before):
                    shutil.rmtree(before)
            folder = self._folder(task)
            unpack(parcel, folder)
        except WritingError as error:
            return _unwritable(error.message)
        self.task, self.packing = task, Packing(folder)
        self.packing.pack()  # what came from there need not be sent back
        # it asks after every epoch, so that what is packed then is not being written to
        self.say({**plain, "asks": True})
        return {}

    def say(self, line: Mapping[str, Any]) -> None:
        with self._speaking:
            self.worker.say(line)

    def hang_up(self) -> None:
        """Has the task in hand saved; `hear` gives the last of it."""
        with self._speaking:
            self.worker.hang_up()

    def hear(self) -> Heard:
        """Waits for something that the parent should know."""
        while (answers := self.worker.answers()) is not None:
            heard = self._of_answers(answers)
            if heard.answers or heard.parcel:
                return heard
        self.hang_up()
        how = self.worker.wait(TO_END_SECONDS)
        parcel = self.packing.pack() if self.task is not None else {}
        log = (self.scratch / WORKERS_LOG).read_bytes()
        shutil.rmtree(self.scratch)
        return Heard(parcel=parcel, gone=f"{how} on node {platform.node()}", log=log)

    def _of_answers(self, answers: list[dict[str, Any]]) -> Heard:
        heard = Heard()
        for answer in answers:
            is_over, task = "outcome" in answer, self.task
            if task is None:
                heard.answers.append(answer)
                continue
            if is_over or time.monotonic() - self.packed_at > SECONDS_BETWEEN_PARCELS:
                heard.parcel |= self.packing.pack()
                self.packed_at = time.monotonic()
            if "epoch" in answer and not task.asks:
                self.say({"go_on": True})
            elif "unwritable" in answer:
                heard.answers.append(_unwritable(answer["unwritable"]))
            else:
                heard.answers.append(answer)
        return heard

    def _folder(self, task: Task) -> Path:
        folder = self.scratch / CHILDREN / task.key
        with writing(folder):
            folder.mkdir(exist_ok=True)
        return folder


def _unwritable(message: str) -> dict[str, str]:
    return {"unwritable": f"On node {platform.node()}: {message}"}


def missing_data(task: Task) -> str:
    """A file or folder of the pipeline's data that this machine lacks."""
    data = load_text(task.pipeline, task.file, folder=Path.cwd()).pipeline.data.plain()
    return next((data[name] for name in PATHS if name in data and not Path(data[name]).exists()), "")


def describe() -> dict[str, str]:
    """What of this machine decides whether it can take part."""
    return {"node": platform.node(), **environment.describe()}
