"""Fashion-MNIST, from the four files in MNIST's format that Debian's package installs."""

from __future__ import annotations

from pathlib import Path

from convspec.data import Description, FashionMnist
from convspec.errors import UserError
from runners.data.dataset import Collection
from runners.data.idx import collection_of
from runners.data.read import read

_PARTS = ("train", "t10k")


@read.register
def _fashion_mnist(source: FashionMnist, description: Description, *, folder: Path, seed: int) -> Collection:
    place = folder / source.path
    files = [(_file(place, f"{part}-images-idx3-ubyte"), _file(place, f"{part}-labels-idx1-ubyte")) for part in _PARTS]
    return collection_of(files, description)


def _file(place: Path, name: str) -> Path:
    for path in (place / f"{name}.gz", place / name):
        if path.is_file():
            return path
    raise UserError(
        f"{place}: the files of Fashion-MNIST must be here. Got no {name}.gz.",
        hint="Install them with `apt-get install dataset-fashion-mnist`, or say with data.path where they are.",
    )
