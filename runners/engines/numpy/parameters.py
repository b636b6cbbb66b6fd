"""The parameters of a network: one vector for those that training changes, one for the rest, and their public names."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import DTypeLike

from convspec.errors import UserError
from convspec.layers.layer import by
from convspec.plan import Plan
from runners.engines.engine import Array
from runners.engines.numpy.layer import named_parameters
from runners.engines.numpy.memory import aligned


class Parameters:
    """`values` is what training changes. `vectors` has the parameters of each layer, there or among those that are kept as
    they are, and `spans` tells where in `values` they stand (None: kept)."""

    def __init__(self, plan: Plan, weights: Mapping[str, Array], dtype: DTypeLike) -> None:
        self.layers = plan.layers
        trained = sum(layer.trainable_count for layer in plan.layers)
        everything = aligned((plan.parameter_count,), dtype)
        self.values = everything[:trained]
        self.vectors: list[Array] = []
        self.spans: list[slice | None] = []
        next_trained, next_kept = 0, trained
        for layer in plan.layers:
            start = next_trained if layer.trainable_count else next_kept
            span = slice(start, start + layer.parameter_count)
            self.vectors.append(everything[span])
            self.spans.append(span if layer.trainable_count else None)
            if layer.trainable_count:
                next_trained = span.stop
            else:
                next_kept = span.stop
        self._fill(weights)

    def named(self) -> dict[str, Array]:
        """Views of all parameters in their public shapes, by `LAYER.weight` and `LAYER.bias`."""
        return {
            f"{layer.name}.{name}": view
            for layer, vector in zip(self.layers, self.vectors, strict=True)
            for name, view in named_parameters(layer.layer, layer.parameters, vector).items()
        }

    def _fill(self, weights: Mapping[str, Array]) -> None:
        for name, view in self.named().items():
            if name not in weights or weights[name].shape != view.shape:
                got = by(weights[name].shape) if name in weights else "none"
                raise UserError(
                    f"{name}: the network needs weights of {by(view.shape)}. Got {got}.",
                    hint="Weights fit only the network that they were trained for.",
                )
            view[...] = weights[name]
