"""The numbers of a network: one vector for those that training changes, others for the rest, and their public names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
<<<<<<< theirs
    them, and adds to the gradient in place. `of` has the parameters of each layer by its name.

    `running` holds the running averages. A step in training changes `running_after` instead, whose views are those of
    `in_training`, so that a step which is not taken leaves no trace.
    """

    def __init__(self, plan: Plan, weights: Mapping[str, Array], *, dtype: torch.dtype, device: torch.device) -> None:
        trained = sum(layer.trainable_count for layer in plan.every_layer)
        everything = torch.zeros(plan.parameter_count + plan.running_count, dtype=dtype, device=device)
        self.values, self.running = everything[:trained], everything[plan.parameter_count :]
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
                view = channels_last(everything[start : start + size], parameter.shape, device)
                view.copy_(_fitting(f"{layer.name}.{parameter.name}", parameter, weights))
                found[parameter.name] = changing[parameter.name] = view
                if which == "trained":
                    view.requires_grad_()
                    view.grad = channels_last(self.gradient[start : start + size], parameter.shape, device)
                elif which == "running":
                    start -= plan.parameter_count
                    # `data`: PyTorch counts changes to the views of a vector together, and would miss a change to this one.
                    changing[parameter.name] = self.running_after[start : start + size].view(parameter.shape).data
=======
    them, and adds to the gradient in place. `running` follows from the batches that pass through, and becomes `after` by the
    one that does; `of` and `of_after` have those of each layer by its name."""

    def __init__(self, plan: Plan, weights: Mapping[str, Array], *, dtype: torch.dtype, device: torch.device) -> None:
        layers = plan.every_layer
        self.device = device
        trained = sum(layer.trainable_count for layer in layers)
        self.values, self.gradient, self.running, self.after, kept = (
            torch.zeros(count, dtype=dtype, device=device)
            for count in (trained, trained, plan.running_count, plan.running_count, plan.parameter_count - trained)
        )
        self.of: dict[str, dict[str, Tensor]] = {layer.name: {} for layer in layers}
        self.of_after: dict[str, dict[str, Tensor]] = {layer.name: {} for layer in layers}
        learned = [(layer.name, one) for layer in layers for one in layer.learned]
        self._lay(self.of, self.values, [each for each in learned if each[1].trainable])
        self._lay(self.of, kept, [each for each in learned if not each[1].trainable])
        running = [(layer.name, one) for layer in layers for one in layer.running]
        self._lay(self.of, self.running, running)
        self._lay(self.of_after, self.after, running)
        self._fill(plan, weights)
        gradients: dict[str, dict[str, Tensor]] = {layer.name: {} for layer in layers}
        self._lay(gradients, self.gradient, [each for each in learned if each[1].trainable])
        for layer, found in gradients.items():
            for name, gradient in found.items():
                self.of[layer][name].requires_grad_().grad = gradient
>>>>>>> mine

    def named(self) -> dict[str, Tensor]:
        """All parameters in their public shapes, by `LAYER.weight`, `LAYER.bias` and so on."""
        return {f"{layer}.{name}": tensor for layer, found in self.of.items() for name, tensor in found.items()}

<<<<<<< theirs
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
=======
    def _lay(
        self, of: dict[str, dict[str, Tensor]], vector: Tensor, parameters: Sequence[tuple[str, Parameter]]
    ) -> None:
        """Views of the vector for parameters one after the other."""
        start = 0
        for layer, parameter in parameters:
            stop = start + prod(parameter.shape)
            of[layer][parameter.name] = channels_last(vector[start:stop], parameter.shape, self.device)
            start = stop

    def _fill(self, plan: Plan, weights: Mapping[str, Array]) -> None:
        for layer in plan.every_layer:
            for parameter in layer.parameters:
                given = _fitting(f"{layer.name}.{parameter.name}", parameter, weights)
                self.of[layer.name][parameter.name].copy_(given)
>>>>>>> mine


def _fitting(name: str, parameter: Parameter, weights: Mapping[str, Array]) -> Tensor:
    if name not in weights or weights[name].shape != parameter.shape:
        got = by(weights[name].shape) if name in weights else "none"
        raise UserError(
            f"{name}: the network needs weights of {by(parameter.shape)}. Got {got}.",
            hint="Weights fit only the network that they were trained for.",
        )
    return torch.tensor(weights[name])
