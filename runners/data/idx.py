"""Files in MNIST's format: mapped where they are plain, unpacked where they are gzipped."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convspec.data import Description, Idx
from convspec.files import exactly, wrong_file
from convspec.headers import idx_classes, idx_header, idx_shape, opened_idx
from runners.data.agreement import require_agreement
from runners.data.checksum import checksum_of_files
from runners.data.dataset import Collection, Labelled
from runners.data.read import read

WHITE = 255


@read.register
def _idx(source: Idx, description: Description, *, folder: Path, seed: int) -> Collection:
    files = [(folder / source.images, folder / source.labels)]
    if source.test_images is not None and source.test_labels is not None:
        files.append((folder / source.test_images, folder / source.test_labels))
    white = 1 if source.values == "as_they_are" else WHITE
    return collection_of(files, description, white=white, dimensions=source.dimensions)


def collection_of(
    files: Sequence[tuple[Path, Path]], description: Description, *, white: float = WHITE, dimensions: int | None = None
) -> Collection:
    """What pairs of files with pictures and labels hold; the second pair, if there is one, is a test set of its own.

    Raises UserError where a file is missing, wrong, or at odds with its partner or the description.
    """
    examples, *rest = (_labelled(images, labels, description, dimensions) for images, labels in files)
    checksum = checksum_of_files(path for pair in files for path in pair)
    return Collection(examples, checksum, white, rest[0] if rest else None)


def _labelled(images: Path, labels: Path, description: Description, dimensions: int | None) -> Labelled:
    shape, classes, values = idx_shape(images, dimensions=dimensions), idx_classes(labels), _bytes(labels)
    require_agreement(description, images=images, shape=shape, labels=labels, count=len(values), classes=classes)
    return Labelled(_bytes(images).reshape(-1, *description.shape), values.astype(np.int64))


def _bytes(path: Path) -> NDArray[np.uint8]:
    """The values of an idx file, in its shape: mapped, or in memory where it is gzipped."""
    header = idx_header(path)
    if not header.packed:
        return np.memmap(path, np.uint8, "r", header.length, header.shape)
    with opened_idx(path, packed=True) as stream:
        exactly(stream, header.length)
        values = np.frombuffer(exactly(stream, prod(header.shape)), np.uint8)
        if stream.read(1):
            got = "more"
            rule = f"an idx file of sizes {list(header.shape)} has {header.length + len(values):,} bytes"
            raise wrong_file(path, rule, got=got, hint="Fetch it again.")
    return values.reshape(header.shape)
