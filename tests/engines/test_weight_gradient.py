"""The gradient of the parameters of a convolution, whichever way its shape chooses, and the two orders of arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest

from runners.engines.numpy.memory import aligned, channels_within, has_channels_within, is_dense, new_like
from runners.engines.numpy.weight_gradient import FEW_VALUES, fill_gradient


@pytest.mark.parametrize("within", [False, True], ids=["features apart", "features within a pixel"])
@pytest.mark.parametrize(
    ("values", "features", "positions", "n"),
    [(10, 16, 81, 64), (10, 16, 9, 8), (20, 25, 100, 32), (145, 32, 16, 64)],
    ids=["position by position", "at once", "some columns at a time", "large"],
)
def test_it_is_the_sum_over_all_columns(values: int, features: int, positions: int, n: int, within: bool) -> None:
    generator = np.random.default_rng(0)
    matrix = generator.standard_normal((values, positions * n))
    dy = (channels_within if within else aligned)((features, positions, n), float)
    dy[...] = generator.standard_normal(dy.shape)
    gradient = np.full((values, features), np.nan)
    fill_gradient(matrix, dy, gradient)
    np.testing.assert_allclose(gradient, np.einsum("vpn,fpn->vf", matrix.reshape(values, positions, n), dy), rtol=1e-10)


def test_the_cases_are_on_both_sides_of_the_bound() -> None:
    assert 10 * 16 < 20 * 25 <= FEW_VALUES < 145 * 32


def test_channels_within_a_pixel_are_neighbours_in_memory() -> None:
    array = channels_within((3, 4, 5, 2), np.float32, fill=7)
    assert array.shape == (3, 4, 5, 2)
    assert array.strides == (8, 5 * 3 * 8, 3 * 8, 4)
    assert (array == 7).all()
    assert array.ctypes.data % 64 == 0


def test_arrays_alike_have_the_same_order() -> None:
    plain, within = aligned((3, 4, 2), float), channels_within((3, 4, 2), float)
    assert (has_channels_within(plain), has_channels_within(within)) == (False, True)
    assert new_like(within, dtype=bool).strides == (2, 6, 1)
    assert new_like(plain, fill=0).strides == plain.strides
    assert is_dense(plain)
    assert is_dense(within)
    assert not is_dense(within[:, 1:3, :1])
