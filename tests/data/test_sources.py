"""Every source that a pipeline can name has its reader, and what it delivers is as described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convspec.data import DataSource, Digits, FourPixels, XsAndOs
from runners.data import load
from runners.data.read import read

SOURCES: tuple[type[DataSource], ...] = tuple(DataSource.options().values())


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_every_source_has_a_reader(source: type[DataSource]) -> None:
    assert read.dispatch(source) is not read.dispatch(DataSource)


@pytest.mark.parametrize(
    ("source", "fields"),
    [(Digits, {}), (XsAndOs, {}), (FourPixels, {"examples": 80})],
    ids=["digits", "xs_and_os", "four_pixels"],
)  # fmt: skip
def test_pictures_and_labels_are_as_described(source: type[DataSource], fields: dict[str, Any]) -> None:
    dataset = load(source.of(fields), folder=Path(), seed=1)
    described = dataset.description
    for part in (dataset.train, dataset.validation, dataset.test):
        taken = part.pictures_at(np.arange(len(part)))
        assert taken.shape == (len(part), *described.shape)
        assert (taken.dtype, part.truth.dtype, part.truth.shape) == (np.float32, np.int64, (len(part),))
        assert set(part.truth) == set(range(len(described.classes)))
        assert (taken.min(), taken.max()) == (described.low, described.high)
