"""The identity of data: SHA-256 of files, read piece by piece, or of generated arrays."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convspec.files import reading

_CHUNK = 1 << 20


def checksum_of_files(paths: Iterable[Path]) -> str:
    """As `cat FILE... | sha256sum` prints it."""
    digest = sha256()
    buffer = bytearray(_CHUNK)
    for path in paths:
        with reading(path), path.open("rb", buffering=0) as stream:
            while count := stream.readinto(buffer):
                digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


def checksum_of_arrays(arrays: Iterable[NDArray[Any]]) -> str:
    """Of the values of the arrays, one after the other, in C order."""
    digest = sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
