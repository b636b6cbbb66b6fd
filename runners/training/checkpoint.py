"""A training in progress, on disk: written whole or not at all, read back to the bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from convspec.errors import UserError
from runners.atomic import write_whole

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Groups of named arrays (weights, optimizer, best, ...) and plain figures that go with them."""

    groups: Mapping[str, Arrays]
    figures: Mapping[str, Any]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the file in one step, so that a power cut leaves the old or the new one."""
    arrays = {
        f"{group}/{name}": np.asarray(array, order="C")
        for group, members in checkpoint.groups.items()
        for name, array in members.items()
    }
    write_whole(path, save(arrays, metadata={"figures": json.dumps(checkpoint.figures)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises UserError where the file is missing or not a checkpoint."""
    if not path.is_file():
        raise UserError(f"There is no checkpoint at {path}.", hint="The run cannot be resumed; start it anew.")
    groups: dict[str, Arrays] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for key in file.keys():  # noqa: SIM118 - the file is no mapping
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = file.get_tensor(key)
            figures = json.loads(file.metadata()["figures"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a checkpoint: {error}.", hint="Start the run anew.") from None
    return Checkpoint(groups, figures)
