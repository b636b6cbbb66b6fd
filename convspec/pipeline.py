"""A pipeline: what one file asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from convspec.base import CountOrZero
from convspec.data import DataSource
from convspec.layers import Layer
from convspec.spec import Spec, broken, field, rule
from convspec.training import Training


class Pipeline(Spec):
    """Data, a network, and how it is trained."""

    experiment: str = field(
        pattern="^[A-Za-z0-9_-]+$",
        max_length=100,
        description="Name of the MLflow experiment: letters, digits, - and _.",
    )
    description: str = field(default="", max_length=5000, description="A sentence for whoever opens the run.")
    data: DataSource = field(description="Where the pictures come from.")
    network: tuple[Layer, ...] = field(min_length=1, description="The layers in order.")
    training: Training | None = field(
        default=None,
        description="How the network is trained; left out, it is used as it stands, and every example is a test.",
    )
    engine: Literal["auto", "numpy", "torch"] = field(
        default="auto",
        description="What computes: `numpy`, `torch` (PyTorch, installed beside), or the faster one for the size of a step.",
    )
    seed: CountOrZero = field(
        default=1, le=2**63 - 1, description="The one number that everything random follows from."
    )

    @rule
    def averages_over_batches_have_batches(self) -> None:
        optimizer = self.training.optimizer if self.training else None
        averaging = next((layer.kind for layer in _everyone(self.network) if layer.averages_batches), None)
        if optimizer is not None and optimizer.takes_every_example and averaging is not None:
            text = f"{optimizer.kind} takes every training example for each step, and {averaging} needs batches"
            raise broken(text, field="training", hint="Take another optimizer, or group_normalization.")


def _everyone(stack: Sequence[Layer]) -> Iterator[Layer]:
    """All layers, those within others too."""
    for layer in stack:
        yield layer
        for inner in layer.stacks().values():
            yield from _everyone(inner)
