"""The rules that hold between a file with pictures, the file with their labels, and what the pipeline says of both."""

from __future__ import annotations

from pathlib import Path

from convspec.base import Shape
from convspec.data import Description
from convspec.dimensions import EXTENT_NAMES, NOUNS
from convspec.files import wrong_file


def require_agreement(
    description: Description, *, images: Path, shape: Shape, labels: Path, count: int, classes: int
) -> None:
    """Raises UserError where stored pictures of `shape`, or `count` labels below `classes`, are not as described."""
    stored = shape[1:] if len(shape) - 1 == len(description.shape) else (1, *shape[1:])
    if stored != description.shape:
        names = ", ".join(("channels", *EXTENT_NAMES[description.rank]))
        rule = f"its {NOUNS[description.rank]}s must have the shape {list(description.shape)} ({names})"
        raise wrong_file(images, rule, got=f"{list(stored)}", hint="Correct data.shape or the file.")
    if count != shape[0]:
        rule = f"there must be a label for each of the {shape[0]:,} pictures in {images.name}"
        raise wrong_file(labels, rule, got=f"{count:,}", hint="Do these two files belong together?")
    if classes > len(description.classes):
        rule = f"with {len(description.classes)} classes, labels count from 0 to {len(description.classes) - 1}"
        raise wrong_file(labels, rule, got=f"{classes - 1}", hint="Correct data.classes or the labels.")
