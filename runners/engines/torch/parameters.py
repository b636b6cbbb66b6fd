"""The numbers of a network: one vector for those that training changes, others for the rest, and their public names."""

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

Named = dict[str, dict[str, Tensor]]
"""Tensors by the name of their layer, then by their own."""


class Parameters:
    """`values` and `gradient` are one vector each, so that an optimizer works on all of them at once; PyTorch sees views of
    them, and adds to the gradient in place. `everything` also holds what training does not change. `of` has the parameters of
    each layer by its name.

    `running` holds the running averages. A step in training changes `running_after` instead, whose views are those of
    `in_training`, so that a step which is not taken leaves no trace.
    """

    def __init__(self, plan: Plan, weights: Mapping[str, Array], *, dtype: torch.dtype, device: torch.device) -> None:
        trained = sum(layer.trainable_count for layer in plan.every_layer)
        self.everything = torch.zeros(plan.parameter_count + plan.running_count, dtype=dtype, device=device)
        self.values, self.running = self.everything[:trained], self.everything[plan.parameter_count :]
        self.gradient, self.running_after = torch.zeros_like(self.values), torch.zeros_like(self.running)
        self.of: Named = {}
        self.in_training: Named = {}
        starts = {"trained": 0, "kept": trained, "running": plan.parameter_count}
        for layer in plan.every_layer:
            self.of[layer.name] = found = {}
            self.in_training[layer.name] = changing = {}
            for parameter in layer.parameters:
                which, size = _part(parameter), prod(parameter.shape)
                start = starts[which]
                starts[which] = start + size
                view = channels_last(self.everything[start : start + size], parameter.shape, device)
                view.copy_(_fitting(f"{layer.name}.{parameter.name}", parameter, weights))
                found[parameter.name] = changing[parameter.name] = view
                if which == "trained":
                    view.requires_grad_()
                    view.grad = channels_last(self.gradient[start : start + size], parameter.shape, device)
                elif which == "running":
                    start -= plan.parameter_count
                    # `data`: PyTorch counts changes to the views of a vector together, and would miss a change to this one.
                    changing[parameter.name] = self.running_after[start : start + size].view(parameter.shape).data

    def named(self) -> dict[str, Tensor]:
        """All parameters in their public shapes, by `LAYER.weight`, `LAYER.bias` and so on."""
        return {f"{layer}.{name}": tensor for layer, found in self.of.items() for name, tensor in found.items()}

    def begin_running(self) -> None:
        """A step begins with the running averages as they are."""
        self.running_after.copy_(self.running)

    def keep_running(self) -> None:
        """The step is taken: its running averages are those of the network."""
        self.running.copy_(self.running_after)


def _part(parameter: Parameter) -> str:
    if parameter.kind == "running":
        return "running"
    return "trained" if parameter.trainable else "kept"


def _fitting(name: str, parameter: Parameter, weights: Mapping[str, Array]) -> Tensor:
    if name not in weights or weights[name].shape != parameter.shape:
        got = by(weights[name].shape) if name in weights else "none"
        raise UserError(
            f"{name}: the network needs weights of {by(parameter.shape)}. Got {got}.",
            hint="Weights fit only the network that they were trained for.",
        )
    return torch.tensor(weights[name])
