"""Pictures, with the truth about each, from every source that a pipeline can name, divided into parts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np

from convspec.data import DataSource, Description
from runners.data.dataset import Collection, Dataset, Examples, Labelled, Rows
from runners.data.read import read
from runners.data.split import divide

for _source in iter_modules(__path__, prefix=f"{__name__}."):
    import_module(_source.name)

__all__ = ["Dataset", "Examples", "load"]


def load(source: DataSource, *, folder: Path, seed: int, everything_is_test: bool = False) -> Dataset:
    """The examples of a source, divided as its split says; or all of them as test, where nothing is trained.

    Files are looked for in `folder`. Raises UserError where a file is missing or wrong, or cannot be divided so.
    """
    description = source.describe(folder)
    collection = read(source, description, folder=folder, seed=seed)
    parts = _undivided(collection) if everything_is_test else _divided(collection, source, description, seed=seed)
    return Dataset(description, *parts, checksum=collection.checksum)


def _divided(
    collection: Collection, source: DataSource, description: Description, *, seed: int
) -> tuple[Examples, Examples, Examples]:
    own_test = collection.own_test
    rows = divide(
        collection.examples.truth,
        source.split,
        seed=seed,
        names=description.classes,
        has_own_test=own_test is not None,
    )
    train, validation, test = (_rows_of(collection.examples, part, collection.white) for part in rows)
    if own_test is not None:
        test = _all_of((own_test,), collection.white)
    return train, validation, test


def _undivided(collection: Collection) -> tuple[Examples, Examples, Examples]:
    nothing = _rows_of(collection.examples, np.arange(0), collection.white)
    held = [part for part in (collection.examples, collection.own_test) if part is not None]
    return nothing, nothing, _all_of(held, collection.white)


def _rows_of(held: Labelled, rows: Rows, white: float) -> Examples:
    return Examples((held.pictures,), rows, held.truth[rows], white)


def _all_of(held: Sequence[Labelled], white: float) -> Examples:
    truth = np.concatenate([part.truth for part in held])
    return Examples(tuple(part.pictures for part in held), np.arange(len(truth)), truth, white)
