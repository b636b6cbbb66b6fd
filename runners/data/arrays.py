"""NumPy's files: mapped where their values stand in the file as they are, read where they are compressed."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convspec.base import Shape
from convspec.data import Arrays, Description
from convspec.files import exactly, reading, wrong_file
from convspec.headers import array_classes, array_shape, array_targets
from convspec.npy import array_header, opened_array
from runners.data.agreement import require_agreement, require_targets
from runners.data.checksum import checksum_of_files
from runners.data.dataset import Collection, Labelled, Stored, Truth
from runners.data.read import read

_WHITE_BYTE = 255
_CHUNK_VALUES = 1 << 20


@read.register
def _arrays(source: Arrays, description: Description, *, folder: Path, seed: int) -> Collection:
    images = folder / source.images
    given = folder / (source.labels or source.targets or source.images)
    as_they_are = source.values == "as_they_are"
    shape = array_shape(images, "images", dimensions=source.dimensions, any_numbers=as_they_are)
    truth = (_targets if description.targets else _labels)(description, images, shape, given)
    pictures = array_of(images, "images").reshape(-1, *description.shape)
    if pictures.dtype.kind == "f":
        _require_finite(images, pictures, what="picture")
    checksum = checksum_of_files(dict.fromkeys((images, given)))
    scaled = pictures.dtype == np.uint8 and not as_they_are
    return Collection(Labelled(pictures, truth), checksum, white=_WHITE_BYTE if scaled else 1)


def _labels(description: Description, images: Path, shape: Shape, labels: Path) -> Truth:
    classes = array_classes(labels, "labels")
    truth = array_of(labels, "labels").astype(np.int64)
    require_agreement(description, images=images, shape=shape, labels=labels, count=len(truth), classes=classes)
    return truth


def _targets(description: Description, images: Path, shape: Shape, targets: Path) -> Truth:
    count, width = array_targets(targets, "targets")
    require_targets(description, images=images, shape=shape, targets=targets, count=count, width=width)
    stored = array_of(targets, "targets").reshape(count, width)
    _require_finite(targets, stored, what="row")
    return np.array(stored, np.float32, order="C")


def array_of(path: Path, name: str) -> NDArray[Any]:
    """A .npy, or the array `name` of a .npz: mapped from the file, or in memory where it is compressed.

    Raises UserError where the file is wrong, or a compressed array does not fit into memory.
    """
    header = array_header(path, name)
    order: Literal["F", "C"] = "F" if header.fortran_order else "C"
    if header.start is not None:
        with reading(path):
            return np.memmap(path, header.dtype, "r", header.start + header.length, header.shape, order)
    needed = prod(header.shape) * header.item_bytes
    try:
        with opened_array(path, name) as (stream, _, _):
            exactly(stream, header.length)
            values = np.frombuffer(exactly(stream, needed), header.dtype)
    except MemoryError as error:
        hint = "Save it with np.savez instead of np.savez_compressed: it is then mapped."
        raise wrong_file(path, "a compressed array must fit into memory", got=f"{needed:,} bytes", hint=hint) from error
    return values.reshape(header.shape, order=order)


def _require_finite(path: Path, stored: Stored, *, what: str) -> None:
    """Looks at a few pictures, or rows of targets, at a time, as there may be more than fit into memory."""
    step = max(1, _CHUNK_VALUES // prod(stored.shape[1:]))
    for first in range(0, len(stored), step):
        some = stored[first : first + step]
        with np.errstate(over="ignore"):
            finite = np.isfinite(some.astype(np.float32)).all(axis=tuple(range(1, some.ndim)))
        if not finite.all():
            where = first + int(np.argmin(finite))
            rule, hint = "values must be finite 32-bit numbers", f"Mend or leave out that {what}."
            raise wrong_file(path, rule, got=f"others in {what} {where} (the first is 0)", hint=hint)
