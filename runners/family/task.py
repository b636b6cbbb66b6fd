"""What a worker is asked to train, and what came of it: plain values, as they go over pipes and into files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from runners.atomic import write_whole, writing

RESULT_FILE = "result.json"
TRAINING_LOG = "log"
"""What a training writes on standard error."""
CHILDREN = "children"
"""The folder of a family in which each training has a folder of its own."""

Status = Literal["FINISHED", "FAILED", "STOPPED"]


@dataclass(frozen=True)
class Task:
    """One training of a family. `pipeline` is the normalised YAML, `file` what messages call it; `name` and `tags` are those of
    the run in the store, which has `params` beside the values of the pipeline. With `asks`, the worker asks after every epoch
    whether it is to go on."""

    key: str
    experiment: str
    pipeline: str
    file: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    device: str = "auto"
    asks: bool = False

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(**plain)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Outcome:
    """How a training ended: finished, failed for a reason, or stopped early, with the figures up to then. `seconds` are those of
    training."""

    key: str
    status: Status
    reason: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    weights_sha256: str = ""
    epochs: int = 0
    seconds: float = 0.0
    engine: str = ""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in plain.items() if name in known})

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The outcome that a child's folder holds, or None where its training is not over."""
        path = folder / RESULT_FILE
        return cls.of(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    def write(self, folder: Path) -> None:
        """Keeps the outcome; from then on the training is over, whatever is killed."""
        with writing(folder):
            write_whole(folder / RESULT_FILE, json.dumps(self.plain()).encode())
