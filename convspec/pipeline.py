"""A pipeline: what one file asks for."""

from __future__ import annotations

from typing import Literal

from convspec.base import CountOrZero
from convspec.data import DataSource
from convspec.layers import Layer
from convspec.spec import Spec, field
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
