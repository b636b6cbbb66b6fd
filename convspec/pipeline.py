"""A pipeline: what one file asks for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from convspec.base import CountOrZero, Spec, sequence
from convspec.data import AnySource
from convspec.layers import AnyLayer
from convspec.training import Training

Network = Annotated[tuple[AnyLayer, ...], BeforeValidator(sequence), Field(min_length=1)]


class Pipeline(Spec):
    """Data, a network, and how it is trained."""

    experiment: str = Field(
        pattern="^[A-Za-z0-9_-]+$",
        max_length=100,
        description="Name of the MLflow experiment: letters, digits, - and _.",
    )
    description: str = Field("", max_length=5000, description="A sentence for whoever opens the run.")
    data: AnySource = Field(description="Where the pictures come from.")
    network: Network = Field(description="The layers in order.")
    training: Training | None = Field(
        None,
        description="How the network is trained; left out, it is used as it stands, and every example is a test.",
    )
    seed: CountOrZero = Field(1, description="The one number that everything random follows from.", le=2**63 - 1)
