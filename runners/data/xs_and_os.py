"""Generated pictures of X and O: strokes of even weight, moved, scaled, turned, thickened, then drawn with soft edges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convspec.data import Description, Tricks, XsAndOs
from runners.data.checksum import checksum_of_arrays
from runners.data.dataset import Collection, Labelled, Truth
from runners.data.noise import add_noise
from runners.data.read import read
from runners.randomness import stream

Floats = NDArray[np.float32]

X = np.array([[[-3, -3], [3, 3]], [[-3, 3], [3, -3]]], np.float32)
"""(strokes, ends, (row, column)) in pixels from the centre of the picture."""
_CORNERS = np.array([[-3, -1], [-3, 1], [-1, 3], [1, 3], [3, 1], [3, -1], [1, -3], [-1, -3]], np.float32)
O = np.stack([_CORNERS, np.roll(_CORNERS, -1, axis=0)], axis=1)  # noqa: E741 - the letter
"""A ring of eight strokes."""

_HALF_WIDTH = 0.354  # of a stroke, and
_EDGE = 0.7  # the breadth over which it fades: barely ink on a stroke, barely paper sqrt(1/2) beside it
_ROWS = 4096  # drawn at a time


@dataclass(frozen=True)
class Pose:
    """How each of n pictures strays: shift (n, 2) in pixels, growth (n,), turn (n,) in radians, weight (n,) of the strokes."""

    shift: Floats
    growth: Floats
    turn: Floats
    weight: Floats

    def __getitem__(self, which: slice) -> Pose:
        return Pose(self.shift[which], self.growth[which], self.turn[which], self.weight[which])


@read.register
def _xs_and_os(source: XsAndOs, description: Description, *, folder: Path, seed: int) -> Collection:
    pictures = np.empty((source.examples, *description.shape), np.float32)
    labels = np.arange(source.examples) % 2
    pose = draw_pose(source.examples, source.tricks, seed=seed)
    size = description.shape[1]
    for first in range(0, source.examples, _ROWS):
        for label, strokes in enumerate((X, O)):
            which = slice(first + label, first + _ROWS, 2)
            pictures[which, 0] = render(strokes, pose[which], size=size)
    add_noise(pictures, source.noise, seed=seed)
    truth: Truth = labels if source.tell is None else _told(pose, source.tell)
    return Collection(Labelled(pictures, truth), checksum_of_arrays([pictures, truth]))


def draw_pose(count: int, tricks: Tricks, *, seed: int) -> Pose:
    """Each trick evenly within its strength; what one draws does not depend on the strength of the others."""
    draws = stream(seed, "data", "xs_and_os").uniform(-1, 1, (count, 5)).astype(np.float32)
    return Pose(
        shift=draws[:, :2] * np.float32(tricks.translation),
        growth=1 + draws[:, 2] * np.float32(tricks.scaling),
        turn=draws[:, 3] * np.float32(np.radians(tricks.rotation)),
        weight=1 + draws[:, 4] * np.float32(tricks.weight),
    )


def _told(pose: Pose, targets: tuple[str, ...]) -> Floats:
    """(n, k): how each picture strays, in the units of the tricks."""
    every = {
        "row": pose.shift[:, 0],
        "column": pose.shift[:, 1],
        "scaling": pose.growth - 1,
        "rotation": np.degrees(pose.turn),
        "weight": pose.weight - 1,
    }
    return np.stack([every[target] for target in targets], axis=1)


def render(strokes: Floats, pose: Pose, *, size: int) -> Floats:
    """(n, size, size), from -1 (paper) to 1 (ink), of strokes (k, 2, 2) in each of n poses."""
    y, x = _places(pose, size=size)
    distance = np.min([_distance(y, x, *stroke) for stroke in strokes], axis=0) * pose.growth[:, None, None]
    half_width = _HALF_WIDTH * pose.weight[:, None, None]
    ink = np.clip((half_width - distance) / _EDGE + 0.5, 0, 1)
    return np.asarray(2 * ink - 1, np.float32)


def _places(pose: Pose, *, size: int) -> tuple[Floats, Floats]:
    """Row and column, each (n, size, size), at which every pixel lies in the unmoved drawing."""
    steps = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    row = steps[:, None] - pose.shift[:, :1, None]
    column = steps[None, :] - pose.shift[:, 1:, None]
    cosine = (np.cos(pose.turn) / pose.growth)[:, None, None]
    sine = (np.sin(pose.turn) / pose.growth)[:, None, None]
    return cosine * row - sine * column, sine * row + cosine * column


def _distance(y: Floats, x: Floats, start: Floats, end: Floats) -> Floats:
    """From each point to the segment between two ends."""
    along = end - start
    share = np.clip(((y - start[0]) * along[0] + (x - start[1]) * along[1]) / (along @ along), 0, 1)
    distance: Floats = np.hypot(y - start[0] - share * along[0], x - start[1] - share * along[1])
    return distance
