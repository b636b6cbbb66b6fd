"""Planned multiply-adds against PyTorch's counter, which counts two operations for each."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import pytest

from convspec.base import Shape
from convspec.data import Description
from convspec.layers import Convolution, FullyConnected, Layer
from convspec.loading import load
from convspec.plan import Plan, plan
from runners.engines.initial import initial_weights
from tests.engines.cases import CASES, over
from tests.engines.test_torch_agreement import NESTED, around
from tests.pipelines.test_architectures import REDUCED

if find_spec("torch"):
    from torch.utils.flop_counter import FlopCounterMode

    from runners.engines.torch.network import Network

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed"),
]
WEIGHTED = [case for case in CASES if isinstance(case[1], Convolution | FullyConnected)]


def counted(planned: Plan) -> int:
    """Multiply-adds of one example, as PyTorch counts them."""
    network = Network(planned, initial_weights(planned, 1), device="cpu")
    with FlopCounterMode(display=False) as counter:
        network.votes(np.zeros((1, *planned.data.shape), np.float32))
    total: int = counter.get_total_flops()
    return total // 2


def classes(layers: Sequence[Layer], shape: Shape) -> Plan:
    return plan(layers, Description(shape, ("no", "maybe", "yes"), may_be_words=True))


@over(WEIGHTED + NESTED)
def test_layers_cost_what_pytorch_counts(layer: Layer, shape: Shape) -> None:
    planned = classes(*around(layer, shape))
    assert planned.multiply_adds > 0
    assert planned.multiply_adds == counted(planned)


@pytest.mark.parametrize(("name", "shape"), REDUCED.items(), ids=REDUCED)
def test_architectures_cost_what_pytorch_counts(name: str, shape: Shape) -> None:
    loaded = load(name)
    planned = plan(loaded.pipeline.network, Description(shape, loaded.plan.data.classes))
    assert planned.multiply_adds == counted(planned)
