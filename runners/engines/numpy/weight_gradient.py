"""The gradient of the parameters of a convolution as products of the patches with the gradient of the output."""

from __future__ import annotations

from math import prod

import numpy as np

from runners.engines.engine import Array
from runners.engines.numpy.patches import SMALL_PRODUCT, PatchMatrix

FEW_VALUES = 512
"""Of a gradient: from there OpenBLAS copies large factors faster than it multiplies small ones whose columns are added up."""


class PatchGradient:
    """Fills the gradient (values of a patch, features) from dy (features, columns), block by block. A row of the number
    `constant` below the patches gives that of a bias."""

    def __init__(self, seen: Array, columns: int, *, constant: float | None = None) -> None:
        self.blocks = PatchMatrix(seen, columns, constant=constant).blocks

    def fill(self, dy: Array, gradient: Array) -> None:
        gradient.fill(0)
        for block in self.blocks:
            np.add(gradient, np.matmul(block.fill(), dy[:, block.columns].T), gradient)


def fill_gradient(matrix: Array, dy: Array, gradient: Array) -> None:
    """The gradient (values, features) from a whole matrix (values, columns) and dy (features, columns)."""
    length = matrix.shape[1]
    most = max(1, SMALL_PRODUCT // prod(gradient.shape))
    if gradient.size > FEW_VALUES or length <= most:
        np.matmul(matrix, dy.T, gradient)
        return
    gradient.fill(0)
    for start in range(0, length, most):
        part = slice(start, start + most)
        np.add(gradient, np.matmul(matrix[:, part], dy[:, part].T), gradient)
