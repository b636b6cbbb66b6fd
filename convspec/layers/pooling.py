"""Pooling: a window walks over each channel and keeps one number of what it covers."""

from __future__ import annotations

from typing import ClassVar, Literal

from convspec.base import Extent, Shape, extents
from convspec.dimensions import NOUNS
from convspec.layers.layer import EVERYTHING, Layer, Reach, ShapeError, by, extents_of, require_one_each
from convspec.padding import Margins, Padding, margins_of
from convspec.spec import field


class Pooling(Layer):
    """Shrinks each channel to the maximum or the average of every window."""

    kind: ClassVar[str] = "pooling"

    window: Extent = field(
        description="Extent of the window in pixels: one number, or one for each dimension: [height, width]."
    )
    stride: Extent = field(description="Pixels between neighbouring windows.")
    reduce: Literal["max", "average"] = field(default="max", alias="kind", description="What is kept of a window.")
    edge: Literal["keep", "drop"] = field(
        default="keep",
        description="A window that hangs over the edge: `keep` works on what it covers, `drop` leaves it out.",
    )
    padding: Padding = field(
        default="valid",
        description="Pixels that windows may reach beyond the picture: `valid` none, `same` as many as keep its size at stride 1,"
        " or a number of pixels (or one for each dimension), at most half the window. What lies there does not count.",
    )

    def output_shape(self, shape: Shape) -> Shape:
        inside = extents_of(shape, "pooling")
        rank = len(inside)
        require_one_each(rank, window=self.window, stride=self.stride, padding=self.padding)
        window, stride = extents(self.window, rank), extents(self.stride, rank)
        before, after = self.margins(shape)
        self._require_narrow(before, window)
        sides = zip(inside, window, stride, before, after, strict=True)
        counts = [_windows(*side, keep=self.edge == "keep") for side in sides]
        if min(counts) < 1:
            raise ShapeError(
                f"a window of {by(window)} does not fit into a {NOUNS[rank]} of {by(inside)}",
                hint="Use a smaller window, pool less before it, or `padding: same` in the convolutions.",
                field="window",
            )
        return (shape[0], *counts)

    def _require_narrow(self, before: tuple[int, ...], window: tuple[int, ...]) -> None:
        """Every window then covers at least one pixel."""
        if any(2 * pixels > wide for pixels, wide in zip(before, window, strict=True)):
            raise ShapeError(
                f"a padding of {by(before)} is more than half of a window of {by(window)}",
                hint="Use less padding, or `padding: same`.",
                field="padding",
            )

    def margins(self, shape: Shape) -> Margins:
        """Pixels that windows reach beyond the data, before and after them."""
        window, stride = extents(self.window, len(shape) - 1), extents(self.stride, len(shape) - 1)
        return margins_of(self.padding, shape[1:], span=window, stride=stride)

    def reach(self, shape: Shape) -> Reach:
        rank = len(shape) - 1
        return Reach(extents(self.window, rank), extents(self.stride, rank), self.margins(shape)[0])


class GlobalPooling(Layer):
    """Shrinks each channel to one number: the maximum or the average of all its pixels (Lin et al. 2013)."""

    kind: ClassVar[str] = "global_pooling"

    reduce: Literal["max", "average"] = field(default="average", alias="kind", description="What is kept of a channel.")

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], *(1 for _ in extents_of(shape, "global_pooling")))

    def reach(self, shape: Shape) -> Reach:
        return EVERYTHING


def _windows(extent: int, window: int, stride: int, before: int, after: int, *, keep: bool) -> int:
    """How many windows stand side by side; one that hangs over the edge must still begin before it."""
    count = (before + extent + after - window + (stride - 1 if keep else 0)) // stride + 1
    return count - 1 if keep and (count - 1) * stride >= before + extent else count
