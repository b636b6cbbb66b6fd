"""The parameters of a network: one vector for those that training changes, one for the rest, and their public names."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

from convspec.errors import UserError
from convspec.layers.layer import Parameter, by
from convspec.plan import Plan
from runners.engines.engine import Array
from runners.engines.torch.device import channels_last


class Parameters:
    """`values` and `gradient` are one vector each, so that an optimizer works on all of them at once; PyTorch sees views of
    them, and adds to the gradient in place. `of` has the parameters of each layer by its name."""

    def __init__(self, plan: Plan, weights: Mapping[str, Array], *, dtype: torch.dtype, device: torch.device) -> None:
        trained = sum(layer.trainable_count for layer in plan.layers)
        everything = torch.zeros(plan.parameter_count + plan.running_count, dtype=dtype, device=device)
        self.values, kept = everything[:trained], everything[trained:]
        self.gradient = torch.zeros(trained, dtype=dtype, device=device)
        self.of: dict[str, dict[str, Tensor]] = {}
        next_trained = next_kept = 0
        for layer in plan.layers:
            self.of[layer.name] = found = {}
            for parameter in layer.parameters:
                size, shape = prod(parameter.shape), parameter.shape
                start = next_trained if parameter.trainable else next_kept
                span = slice(start, start + size)
                view = channels_last((self.values if parameter.trainable else kept)[span], shape, device)
                view.copy_(_fitting(f"{layer.name}.{parameter.name}", parameter, weights))
                found[parameter.name] = view
                if parameter.trainable:
                    view.requires_grad_()
                    view.grad = channels_last(self.gradient[span], shape, device)
                    next_trained = span.stop
                else:
                    next_kept = span.stop

    def named(self) -> dict[str, Tensor]:
        """All parameters in their public shapes, by `LAYER.weight` and `LAYER.bias`."""
        return {f"{layer}.{name}": tensor for layer, found in self.of.items() for name, tensor in found.items()}


def _fitting(name: str, parameter: Parameter, weights: Mapping[str, Array]) -> Tensor:
    if name not in weights or weights[name].shape != parameter.shape:
        got = by(weights[name].shape) if name in weights else "none"
        raise UserError(
            f"{name}: the network needs weights of {by(parameter.shape)}. Got {got}.",
            hint="Weights fit only the network that they were trained for.",
        )
    return torch.tensor(weights[name])
