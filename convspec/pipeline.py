"""A pipeline: what one file asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from convspec.base import Count, CountOrZero
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
    precision: Literal["float32", "bfloat16"] = field(
        default="float32",
        description="Numbers that training multiplies; `bfloat16` with PyTorch alone. Everything else stays float32.",
    )
    processes: Count = field(
        default=1, le=256, description="Processes that share each batch; more than one with PyTorch alone."
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

    @rule
    def bfloat16_and_processes_are_for_steps_on_batches_with_pytorch(self) -> None:
        for name, asked in (("precision", self.precision != "float32"), ("processes", self.processes > 1)):
            if asked:
                self._check_that_pytorch_steps(name)

    def _check_that_pytorch_steps(self, name: str) -> None:
        leave = f"Leave {name} out"
        if self.training is None:
            raise broken(f"{name} is for training, and nothing is trained", field=name, hint=f"{leave}.")
        if self.training.optimizer.takes_every_example:
            text = f"{self.training.optimizer.kind} works in one process and in float32"
            raise broken(text, field=name, hint=f"{leave}, or take another optimizer.")
        if self.engine == "numpy":
            text = "the numpy engine works in one process and in float32"
            raise broken(text, field=name, hint=f"{leave}, or write `engine: torch`.")


def _everyone(stack: Sequence[Layer]) -> Iterator[Layer]:
    """All layers, those within others too."""
    for layer in stack:
        yield layer
        for inner in layer.stacks().values():
            yield from _everyone(inner)
