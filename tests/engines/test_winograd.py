"""Convolution by Toom and Cook: that by definition, within roundings, wherever it is chosen."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray
from scipy.signal import correlate

from convspec.base import Shape
from convspec.costs import CrossEntropy
from convspec.data import Description
from convspec.layers import Convolution, Flatten, FullyConnected, Layer, Pooling, Relu, Residual
from convspec.plan import plan
from runners.engines.initial import initial_weights
from runners.engines.numpy import convolution
from runners.engines.numpy.convolution import ConvolutionOperation
from runners.engines.numpy.layer import Operation, Site, operation
from runners.engines.numpy.memory import Scratch
from runners.engines.numpy.network import Network
from runners.engines.numpy.tiles import row_blocks
from runners.engines.numpy.toom_cook import toom_cook
from runners.engines.numpy.winograd import LARGEST_GRADIENT, WinogradConvolution, applies
from runners.training.costs import cost_function

Array = NDArray[Any]
CASES: list[tuple[str, Convolution, Shape]] = [
    ("same", Convolution(features=3, size=3, padding="same"), (2, 4, 6)),
    ("an odd width", Convolution(features=3, size=3, padding="same"), (2, 6, 7)),
    ("valid", Convolution(features=3, size=3), (2, 6, 7)),
    ("of five", Convolution(features=3, size=5, padding="same"), (2, 6, 7)),
    ("of five, valid", Convolution(features=4, size=5), (3, 9, 8)),
    ("without bias", Convolution(features=3, size=3, bias=False), (2, 4, 4)),
    ("higher than wide", Convolution(features=3, size=(5, 3), padding="same"), (2, 7, 4)),
    ("even in height", Convolution(features=3, size=(2, 3), padding="same"), (2, 5, 4)),
    ("one row at a time", Convolution(features=3, size=(1, 5), padding="same"), (2, 5, 6)),
    ("the whole picture", Convolution(features=3, size=(4, 5)), (2, 4, 5)),
    ("padding wider than the size", Convolution(features=2, size=3, padding=4), (2, 3, 4)),
    ("padding of each dimension", Convolution(features=2, size=3, padding=(0, 2)), (2, 4, 5)),
    ("many rows, so in blocks", Convolution(features=16, size=5, padding="same"), (8, 40, 30)),
    (
        "features so large that patches give their gradient",
        Convolution(features=64, size=3, padding="same"),
        (32, 8, 8),
    ),
]
over = pytest.mark.parametrize(("layer", "shape"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
SMALL = [case for case in CASES if case[2][0] < 4]


def both(
    layer: Convolution, shape: Shape, n: int, dtype: DTypeLike = float, scratch: Scratch | None = None
) -> tuple[Operation, Operation]:
    """The operation by Toom and Cook and that by definition, with the same parameters."""
    generator = np.random.default_rng(1)
    count = layer.features * (shape[0] * int(np.prod(layer.parameters(shape)[0].shape[2:])) + layer.bias)
    values = generator.standard_normal(count).astype(dtype)
    site = Site("here", shape, layer.output_shape(shape), n, values, scratch=scratch or Scratch())
    return WinogradConvolution(layer, site), ConvolutionOperation(layer, site)


def soil(scratch: Scratch) -> None:
    """Leaves no number in memory of which none may be read before it is written."""
    for memory in scratch._memory.values():
        memory.fill(0xFF)  # in floats, not a number


def results(one: Operation, x: Array, dy: Array, size: int, scratch: Scratch | None = None) -> list[Array]:
    """The output, the gradient of the input and that of the parameters."""
    soil(scratch or Scratch())
    y, back = one.forward(x, None)
    soil(scratch or Scratch())
    gradient = np.full(size, np.nan, x.dtype)
    dx = back(dy, gradient)
    assert dx is not None
    return [y.copy(), dx.copy(), gradient]


@pytest.mark.parametrize("size", [3, 5])
def test_two_sums_of_a_row_take_one_product_more_than_a_feature_has_values(size: int) -> None:
    way, generator = toom_cook(size, float), np.random.default_rng(0)
    assert way.products == size + 1
    g, d = generator.standard_normal(size), generator.standard_normal(size + 1)
    y = way.results @ ((way.taps @ g) * (way.values @ d))
    assert y == pytest.approx([g @ d[:-1], g @ d[1:]], rel=1e-12)


def test_the_matrices_for_three_are_those_of_winograd() -> None:
    way = toom_cook(3, float)
    assert way.results.tolist() == [[1, 1, 1, 0], [0, 1, -1, 1]]
    assert way.taps.tolist() == [[-1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    assert way.values.tolist() == [[-1, 0, 1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]


@pytest.mark.parametrize(("layer", "shape"), [case[1:] for case in SMALL], ids=[case[0] for case in SMALL])
def test_forward_is_what_scipy_correlates(layer: Convolution, shape: Shape) -> None:
    x = np.random.default_rng(0).standard_normal((*shape, 3))
    site_values = np.random.default_rng(1)
    form = layer.parameters(shape)[0].shape
    matrix = site_values.standard_normal((int(np.prod(form[1:])) + layer.bias, layer.features))
    site = Site("here", shape, layer.output_shape(shape), 3, matrix.reshape(-1))
    y, _ = WinogradConvolution(layer, site).forward(x, None)
    (above, left), (below, right) = layer.margins(shape)
    wide = np.pad(x, [(0, 0), (above, below), (left, right), (0, 0)])
    weight = matrix[: int(np.prod(form[1:]))].T.reshape(form)
    bias = matrix[-1] if layer.bias else np.zeros(layer.features)
    for feature, n in product(range(layer.features), range(3)):
        expected = correlate(wide[..., n], weight[feature], mode="valid", method="direct")[0] + bias[feature]
        np.testing.assert_allclose(y[feature, ..., n], expected, rtol=1e-12, atol=1e-12)


@over
@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-13), (np.float32, 5e-6)], ids=["float64", "float32"])
def test_output_and_gradients_are_those_by_definition(
    layer: Convolution, shape: Shape, dtype: DTypeLike, bound: float
) -> None:
    generator = np.random.default_rng(2)
    x, dy = generator.standard_normal((*shape, 4)), generator.standard_normal((*layer.output_shape(shape), 4))
    scratch = Scratch()
    (ours, _), (_, theirs) = both(layer, shape, 4, dtype, scratch), both(layer, shape, 4)
    size = sum(int(np.prod(one.shape)) for one in layer.parameters(shape))
    x, dy = x.astype(dtype), dy.astype(dtype)
    for _ in range(2):  # a second time with the arrays of the first
        found = results(ours, x, dy, size, scratch)
    expected = results(theirs, x.astype(float), dy.astype(float), size)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        assert np.abs(one - other).max() < bound * np.abs(other).max()
    assert np.isfinite(found[2]).all()


@pytest.mark.parametrize("size", [3, 5])
def test_where_a_feature_sees_zeros_alone_the_result_is_zero_to_the_bit(size: int) -> None:
    """Otherwise relu, and the largest of equal values, would follow the roundings."""
    layer = Convolution(features=8, size=size, padding="same", bias=False)
    ours, theirs = both(layer, (4, 12, 13), 8, np.float32)
    x = np.random.default_rng(3).standard_normal((4, 12, 13, 8)).astype(np.float32)
    x *= np.random.default_rng(4).random((1, 12, 13, 8)) < 0.03
    y, expected = ours.forward(x, None)[0], theirs.forward(x, None)[0]
    assert (expected == 0).mean() > 0.2
    np.testing.assert_array_equal(y == 0, expected == 0)


def test_dy_and_x_stay_as_they_are() -> None:
    layer, shape = Convolution(features=3, size=3, padding="same"), (2, 4, 5)
    ours, _ = both(layer, shape, 2)
    x, dy = np.random.default_rng(0).standard_normal((2, 2, 4, 5, 2))[:, :, :, :, :]
    dy = np.repeat(dy[:1], 3, axis=0)
    kept = x.copy(), dy.copy()
    results(ours, x, dy, 3 * 19)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(dy, kept[1])


CHOSEN: list[tuple[str, Convolution, Shape, int, bool]] = [
    ("enough of everything", Convolution(features=32, size=5, padding="same"), (16, 14, 14), 32, True),
    ("three by three", Convolution(features=32, size=3, padding="same"), (32, 16, 16), 16, True),
    ("a few examples", Convolution(features=32, size=3, padding="same"), (16, 4, 4), 16, False),
    ("one channel", Convolution(features=32, size=5, padding="same"), (1, 28, 28), 64, False),
    ("stride", Convolution(features=32, size=3, stride=2), (32, 32, 32), 64, False),
    ("dilation", Convolution(features=32, size=3, dilation=2), (32, 32, 32), 64, False),
    ("groups", Convolution(features=32, size=3, groups=2), (32, 32, 32), 64, False),
    ("an average, which is exact", Convolution(features=32, size=3, average=True), (32, 32, 32), 64, False),
    ("an even size", Convolution(features=32, size=4), (32, 32, 32), 64, False),
    ("most of a tile over the edge", Convolution(features=32, size=3), (32, 32, 3), 64, False),
    ("sound", Convolution(features=64, size=3), (64, 512), 64, False),
    ("a volume", Convolution(features=32, size=3), (32, 8, 8, 8), 64, False),
]


@pytest.mark.parametrize(
    ("layer", "shape", "n", "chosen"), [case[1:] for case in CHOSEN], ids=[case[0] for case in CHOSEN]
)
def test_it_is_chosen_by_shape_alone(layer: Convolution, shape: Shape, n: int, chosen: bool) -> None:
    count = sum(int(np.prod(one.shape)) for one in layer.parameters(shape))
    site = Site("here", shape, layer.output_shape(shape), n, np.zeros(count, np.float32))
    assert applies(layer, site) is chosen
    assert isinstance(operation(layer, site), WinogradConvolution) is chosen


def network(threads: int, dtype: DTypeLike = np.float32) -> Network:
    layers: list[Layer] = [
        *(Convolution(features=16, size=5, padding="same"), Pooling(window=2, stride=2), Relu()),
        *(Convolution(features=32, size=5, padding="same"), Pooling(window=2, stride=2), Relu()),
        *(Flatten(), FullyConnected(neurons=10)),
    ]
    made = plan(layers, Description((1, 28, 28), tuple("0123456789")))
    return Network(made, initial_weights(made, 7), threads=threads, dtype=dtype)


def test_a_network_with_it_has_the_same_gradient_for_any_number_of_threads() -> None:
    pictures = np.random.default_rng(0).standard_normal((64, 1, 28, 28), dtype=np.float32)
    truth, cost = np.arange(64) % 10, cost_function(CrossEntropy())
    one, two = (network(threads).gradient(pictures, truth, cost) for threads in (1, 2))
    np.testing.assert_array_equal(one.gradient, two.gradient)
    np.testing.assert_array_equal(one.votes, two.votes)
    exact = network(1, np.float64).gradient(pictures.astype(float), truth, cost)
    assert np.linalg.norm(one.gradient - exact.gradient) < 1e-5 * np.linalg.norm(exact.gradient)


def test_convolutions_of_several_forms_share_scratch_in_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    layers: list[Layer] = [
        Convolution(features=16, size=3, padding="same"),
        Relu(),
        Residual(layers=(Convolution(features=16, size=3, padding="same"), Relu())),
        Convolution(features=24, size=5, padding="valid"),
        Relu(),
        Convolution(features=8, size=3, padding=(2, 0)),
        *(Flatten(), FullyConnected(neurons=3)),
    ]
    made = plan(layers, Description((12, 17, 21), ("a", "b", "c")))
    generator = np.random.default_rng(4)
    batches = [(generator.standard_normal((n, 12, 17, 21)), generator.integers(3, size=n)) for n in (12, 12, 5)]
    cost, chosen = cost_function(CrossEntropy()), []
    found = []
    for by_definition in (False, True):
        if by_definition:
            monkeypatch.setattr(convolution, "applies", lambda *_: False)
        else:
            monkeypatch.setattr(convolution, "applies", lambda *where: chosen.append(applies(*where)) or chosen[-1])
        net = Network(made, initial_weights(made, 7), dtype=np.float64)
        found.append([(net.gradient(*batch, cost).gradient, net.votes(batch[0])) for batch in batches])
    assert chosen[:4] == [True] * 4
    for ours, theirs in zip(*found, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert np.abs(one - other).max() < 1e-12 * np.abs(other).max()


@pytest.mark.parametrize(("rows", "row_bytes"), [(1, 10), (14, 172_000), (32, 5), (7, 10_000_000), (14, 300_000)])
def test_blocks_of_rows_cover_all_and_stay_small(rows: int, row_bytes: int) -> None:
    blocks = row_blocks(rows, row_bytes)
    assert [row for block in blocks for row in range(rows)[block]] == list(range(rows))
    longest = max(block.stop - block.start for block in blocks)
    assert longest == 1 or longest * row_bytes <= 640 * 1024


def test_gradients_that_are_large_come_from_patches() -> None:
    name, layer, shape = CASES[-1]
    assert "patches" in name
    assert shape[0] * 3 * layer.features > LARGEST_GRADIENT
