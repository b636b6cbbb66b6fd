"""The rules that hold between a file with pictures, the file with the truth about them, and what the pipeline says of both."""

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
    _require_pictures(description, images, shape)
    _require_as_many(images, shape[0], truth=labels, count=count, what="label")
    if classes > len(description.classes):
        rule = f"with {len(description.classes)} classes, labels count from 0 to {len(description.classes) - 1}"
        raise wrong_file(labels, rule, got=f"{classes - 1}", hint="Correct data.classes or the labels.")


def require_targets(
    description: Description, *, images: Path, shape: Shape, targets: Path, count: int, width: int
) -> None:
    """Raises UserError where stored pictures of `shape`, or `width` numbers for each of `count`, are not as described."""
    _require_pictures(description, images, shape)
    _require_as_many(images, shape[0], truth=targets, count=count, what="target")
    if width != len(description.targets):
        rule = f"with {len(description.targets)} target_names, each picture must have as many numbers"
        raise wrong_file(targets, rule, got=f"{width}", hint="Name each of them, or leave data.target_names out.")


def _require_pictures(description: Description, images: Path, shape: Shape) -> None:
    stored = shape[1:] if len(shape) - 1 == len(description.shape) else (1, *shape[1:])
    if stored != description.shape:
        names = ", ".join(("channels", *EXTENT_NAMES[description.rank]))
        rule = f"its {NOUNS[description.rank]}s must have the shape {list(description.shape)} ({names})"
        raise wrong_file(images, rule, got=f"{list(stored)}", hint="Correct data.shape or the file.")


def _require_as_many(images: Path, pictures: int, *, truth: Path, count: int, what: str) -> None:
    if count != pictures:
        rule = f"there must be a {what} for each of the {pictures:,} pictures in {images.name}"
        raise wrong_file(truth, rule, got=f"{count:,}", hint="Do these two files belong together?")
