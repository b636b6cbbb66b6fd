"""Files with pictures and labels, written as the formats' own definitions say."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]


@pytest.fixture
def write_idx(tmp_path: Path) -> Callable[..., str]:
    """Writes an array of bytes in MNIST's format and returns the file's name."""

    def write(name: str, array: NDArray[Any], *, packed: bool = False) -> str:
        content = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
        (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
        return name

    return write


@pytest.fixture
def pictures() -> Pictures:
    """40 pictures of 3 x 4 pixels, all different."""
    return np.random.default_rng(3).integers(0, 256, (40, 3, 4), np.uint8)


@pytest.fixture
def labels() -> Pictures:
    """Ten labels of each of four classes."""
    return np.tile(np.arange(4, dtype=np.uint8), 10)
