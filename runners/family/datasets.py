"""Data sets that trainings of one process share: each is read once."""

from __future__ import annotations

import json
from collections import OrderedDict

from convspec.loading import Loaded
from runners.data import Dataset
from runners.experiment import read_data

MOST = 4
"""Data sets that are kept; the one that was not asked for the longest makes way for another."""


class Datasets:
    """The data of pipelines, by what they ask for. Examples are never written to, so trainings can share them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Dataset] = OrderedDict()

    def of(self, loaded: Loaded) -> Dataset:
        """The data of a pipeline. Raises UserError where they are missing or wrong."""
        pipeline = loaded.pipeline
        key = json.dumps([pipeline.data.plain(), str(loaded.folder), pipeline.seed, pipeline.training is None])
        if key not in self._kept:
            self._kept[key] = read_data(loaded)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return self._kept[key]
