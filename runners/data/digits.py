"""scikit-learn's scanned digits, from the file that this package brings along."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from convspec.data import Description, Digits
from convspec.errors import UserError
from convspec.files import reading
from runners.data.checksum import checksum_of_files
from runners.data.dataset import Collection, Labelled
from runners.data.read import read

_INK = 16  # the value of a pixel that is all ink


@read.register
def _digits(source: Digits, description: Description, *, folder: Path, seed: int) -> Collection:
    path = _file()
    with reading(path), gzip.open(path) as stream:
        text = stream.read().strip().replace(b"\n", b",")
    table = np.fromstring(text, np.uint8, sep=",").reshape(-1, 65)
    examples = Labelled(table[:, :64].reshape(-1, *description.shape), table[:, 64].astype(np.int64))
    return Collection(examples, checksum_of_files([path]), white=_INK)


def _file() -> Path:
    """Found without importing scikit-learn, which takes a second."""
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise UserError("data: the digits come with scikit-learn. Got none.", hint="pip install scikit-learn")
    return Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
