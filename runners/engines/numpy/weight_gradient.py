"""The gradient of the parameters of a convolution as products of the patches with the gradient of the output."""

from __future__ import annotations

import numpy as np

from runners.engines.engine import Array
from runners.engines.numpy.memory import Scratch, has_channels_within
from runners.engines.numpy.patches import SMALL_PRODUCT, PatchMatrix

FEW_VALUES = 512
"""Of a gradient: up to there, products of a few columns that are added up take less time than one of all columns."""

ENOUGH_EXAMPLES = 64
"""From there the columns of one position are enough of them."""


class PatchGradient:
    """Fills the gradient (values of a patch, features) from dy (features, columns), block by block. A row of the number
    `constant` below the patches gives that of a bias."""

    def __init__(
        self, seen: Array, columns: int, *, constant: float | None = None, scratch: Scratch | None = None
    ) -> None:
        self.blocks = PatchMatrix(seen, columns, constant=constant, scratch=scratch).blocks

    def fill(self, dy: Array, gradient: Array) -> None:
        gradient.fill(0)
        for block in self.blocks:
            np.add(gradient, np.matmul(block.fill(), dy[:, block.columns].T), gradient)


def fill_gradient(matrix: Array, dy: Array, gradient: Array) -> None:
    """The gradient (values, features) from a whole matrix (values, columns) and dy (features, *positions, n)."""
    features, n = len(dy), dy.shape[-1]
    if gradient.size <= FEW_VALUES and n >= ENOUGH_EXAMPLES and has_channels_within(dy):
        by_position = np.moveaxis(dy, 0, -1).reshape(-1, n, features)
        np.sum(matrix.reshape(len(matrix), -1, n).swapaxes(0, 1) @ by_position, axis=0, out=gradient)
        return
    flat = np.ascontiguousarray(dy).reshape(features, -1)
    most = max(1, SMALL_PRODUCT // gradient.size)
    if gradient.size > FEW_VALUES or flat.shape[1] <= most:
        np.matmul(matrix, flat.T, gradient)
        return
    gradient.fill(0)
    for start in range(0, flat.shape[1], most):
        part = slice(start, start + most)
        np.add(gradient, np.matmul(matrix[:, part], flat[:, part].T), gradient)
