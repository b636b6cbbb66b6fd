"""How parameters on a device follow their gradient: PyTorch's optimizers, each on one vector."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from convspec import optimizers
from convspec.errors import UserError
from runners.engines.engine import Array


@singledispatch
def torch_optimizer(spec: optimizers.SteppingOptimizer, values: Tensor) -> Any:
    """The optimizer of torch.optim that changes `values` by its `.grad`. Raises UserError where there is none of the kind."""
    raise UserError(
        f"training.optimizer: the torch engine has no {spec.kind}.",
        hint="Choose another optimizer, or ask for `engine: numpy`.",
    )


@torch_optimizer.register
def _(spec: optimizers.Sgd, values: Tensor) -> Any:
    return torch.optim.SGD(
        [values],
        spec.learning_rate,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
        nesterov=spec.nesterov,
        fused=True,
    )


@torch_optimizer.register
def _(spec: optimizers.RmsProp, values: Tensor) -> Any:
    return torch.optim.RMSprop(
        [values], spec.learning_rate, spec.beta, spec.epsilon, spec.weight_decay, momentum=spec.momentum
    )


@torch_optimizer.register
def _(spec: optimizers.Adam, values: Tensor) -> Any:
    kind = torch.optim.AdamW if isinstance(spec, optimizers.AdamW) else torch.optim.Adam
    betas = spec.beta_1, spec.beta_2
    return kind([values], spec.learning_rate, betas, spec.epsilon, spec.weight_decay, fused=True)


class Optimizer:
    """Changes `values` by `gradient`, both vectors on a device; what it remembers comes and goes as named arrays."""

    def __init__(self, spec: optimizers.SteppingOptimizer, values: Tensor, gradient: Tensor) -> None:
        self.values, self.learning_rate = values.detach(), spec.learning_rate
        self.values.grad = gradient
        self.inner = torch_optimizer(spec, self.values)

    def update(self, *, share: float = 1.0) -> None:
        """One step, in place, at a share of the learning rate."""
        self.inner.param_groups[0]["lr"] = self.learning_rate * share
        if self.values.numel():
            self.inner.step()

    def state(self) -> dict[str, Array]:
        """Copies of everything that the next step depends on."""
        kept = self.inner.state.get(self.values, {})
        return {name: tensor.cpu().numpy().copy() for name, tensor in kept.items() if tensor is not None}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Goes on from a `state`."""
        if state:
            self.inner.state[self.values] = {
                name: torch.tensor(array, device=self.values.device) for name, array in state.items()
            }
