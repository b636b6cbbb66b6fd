"""Which layer kinds PyTorch computes; that it computes them rightly is tested beside the numpy engine."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from convspec.errors import UserError
from convspec.layers import Layer, Relu, Repeat

if find_spec("torch"):
    from runners.engines.torch.layer import Site, operation

pytestmark = pytest.mark.torch


def kinds(of: type[Layer]) -> list[type[Layer]]:
    return [kind for below in of.__subclasses__() for kind in ([below] if "kind" in vars(below) else kinds(below))]


def test_every_kind_of_layer_can_be_computed() -> None:
    unknown = [kind for kind in kinds(Layer) if operation.dispatch(kind) is operation.dispatch(object)]
    assert unknown == [Repeat], "a repeat is written out in the plan"
    assert len(kinds(Layer)) >= 18


def test_a_kind_without_an_operation_is_refused_by_name() -> None:
    with pytest.raises(UserError) as refused:
        operation(Repeat(times=2, layers=(Relu(),)), Site("again", (1,), (1,), {}, training=True))
    assert refused.value.message == "again: the torch engine cannot compute a repeat layer."
    assert refused.value.hint == "Take the layer out of the network, or ask for `engine: numpy`."
