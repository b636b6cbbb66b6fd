"""Pooling: a window walks over each channel and keeps one number of what it covers."""

from __future__ import annotations

from typing import ClassVar, Literal

from convspec.base import Extent, Shape, pair
from convspec.layers.layer import EVERYTHING, Layer, Reach, ShapeError, by, picture
from convspec.spec import field


class Pooling(Layer):
    """Shrinks each channel to the maximum or the average of every window."""

    kind: ClassVar[str] = "pooling"

    window: Extent = field(description="Height and width of the window in pixels: one number, or [height, width].")
    stride: Extent = field(description="Pixels between neighbouring windows.")
    reduce: Literal["max", "average"] = field(default="max", alias="kind", description="What is kept of a window.")
    edge: Literal["keep", "drop"] = field(
        default="keep",
        description="A window that hangs over the edge: `keep` works on what it covers, `drop` leaves it out.",
    )

    def output_shape(self, shape: Shape) -> Shape:
        channels, height, width = picture(shape, "pooling")
        window, stride = pair(self.window), pair(self.stride)
        rows = _windows(height, window[0], stride[0], keep=self.edge == "keep")
        columns = _windows(width, window[1], stride[1], keep=self.edge == "keep")
        if rows < 1 or columns < 1:
            raise ShapeError(
                f"a window of {by(window)} does not fit into a picture of {by((height, width))}",
                hint="Use a smaller window, pool less before it, or `padding: same` in the convolutions.",
                field="window",
            )
        return (channels, rows, columns)

    def reach(self, shape: Shape) -> Reach:
        return Reach(pair(self.window), pair(self.stride), (0, 0))


class GlobalPooling(Layer):
    """Shrinks each channel to one number: the maximum or the average of all its pixels (Lin et al. 2013)."""

    kind: ClassVar[str] = "global_pooling"

    reduce: Literal["max", "average"] = field(default="average", alias="kind", description="What is kept of a channel.")

    def output_shape(self, shape: Shape) -> Shape:
        return (picture(shape, "global_pooling")[0], 1, 1)

    def reach(self, shape: Shape) -> Reach:
        return EVERYTHING


def _windows(extent: int, window: int, stride: int, *, keep: bool) -> int:
    """How many windows stand side by side; one that hangs over the edge must still begin inside."""
    count = (extent - window + (stride - 1 if keep else 0)) // stride + 1
    return count - 1 if keep and (count - 1) * stride >= extent else count
