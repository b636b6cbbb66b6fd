"""The interface of a source: `read`, one implementation for each kind, in a file of its own."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path

from convspec.data import DataSource, Description
from runners.data.dataset import Collection


@singledispatch
def read(source: DataSource, description: Description, *, folder: Path, seed: int) -> Collection:
    """All that a source holds, as described. Files are looked for in `folder`; what is generated follows from `seed`.

    Raises UserError where a file is missing, wrong, or at odds with what the source says of it.
    """
    raise NotImplementedError(f"nothing reads {type(source).__name__}")
