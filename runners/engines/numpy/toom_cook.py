"""Short correlations with fewer multiplications than by definition (Toom 1963, Cook 1966; Winograd 1980 for filters)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import DTypeLike

from runners.engines.engine import Array

POINTS = (0, 1, -1, 2, -2)
"""Where polynomials are evaluated, besides at infinity; these are exact in binary, and the smallest ones round the least."""

OUTPUTS = 2
"""Neighbouring results that are computed together. With two, each is made only of products that see none but its own values, so
that where these are all 0 the result is 0 to the bit: a relu behind it then closes as it does behind a plain sum."""


@dataclass(frozen=True)
class ToomCook:
    """y = results @ ((taps @ g) * (values @ d)) are the `OUTPUTS` sums of g (size) along d (products).

    `results` is (OUTPUTS, products), `taps` (products, size) and `values` (products, products), for size + 1 products.
    """

    results: Array
    taps: Array
    values: Array

    @property
    def products(self) -> int:
        return len(self.values)


@cache
def toom_cook(size: int, dtype: DTypeLike) -> ToomCook:
    """The matrices for a correlation of `size`, of which the longest is 5. Multiplying polynomials of degrees size - 1 and 1 is
    evaluating, multiplying values, and interpolating by Lagrange; a correlation is the transpose of that."""
    products = size + OUTPUTS - 1
    points = np.array(POINTS[: products - 1], float)
    results, taps, values = np.zeros((OUTPUTS, products)), np.zeros((products, size)), np.zeros((products, products))
    for row, point in enumerate(points):
        others = np.delete(points, row)
        results[:, row] = point ** np.arange(OUTPUTS)
        taps[row] = point ** np.arange(size) / np.prod(point - others)
        values[row, :-1] = np.poly(others)[::-1]
    results[-1, -1] = taps[-1, -1] = 1
    values[-1] = np.poly(points)[::-1]
    return ToomCook(*(matrix.astype(dtype) for matrix in (results, taps, values)))
