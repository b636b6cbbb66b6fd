"""Normalizations: PyTorch's own; running averages follow the batches in training, and stand for them otherwise."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from convspec.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    LocalResponseNormalization,
)
from runners.engines.torch import synchronized
from runners.engines.torch.layer import Operation, Site, Uniform, operation


@operation.register
def _(layer: BatchNormalization, site: Site) -> Operation:
    mean, variance = site.parameters["mean"], site.parameters["variance"]
    scale, shift = site.parameters["scale"], site.parameters["shift"]

    def normalize(x: Tensor, uniform: Uniform) -> Tensor:
        if site.group is not None:
            return synchronized.normalize(
                x, (mean, variance), scale, shift, momentum=layer.momentum, epsilon=layer.epsilon, group=site.group
            )
        if site.training and x.numel() == len(mean):
            return normalize_one(x)
        return functional.batch_norm(x, mean, variance, scale, shift, site.training, layer.momentum, layer.epsilon)

    def normalize_one(x: Tensor) -> Tensor:
        """A batch of one value a channel, which PyTorch refuses: its variance is 0."""
        with torch.no_grad():
            mean.lerp_(x.flatten(), layer.momentum)
            variance.mul_(1 - layer.momentum)
        form = (-1, *[1] * (x.ndim - 2))
        return (x - x) * scale.view(form) + shift.view(form)

    return normalize


@operation.register
def _(layer: LayerNormalization, site: Site) -> Operation:
    scale, shift = site.parameters["scale"], site.parameters["shift"]
    return lambda x, uniform: functional.layer_norm(x, site.input_shape, scale, shift, layer.epsilon)


@operation.register
def _(layer: GroupNormalization, site: Site) -> Operation:
    scale, shift = site.parameters["scale"], site.parameters["shift"]
    if prod(site.input_shape) == layer.groups:
        # PyTorch refuses one example whose groups are of one value, and rounds what it makes of several.
        form = (-1, *[1] * (len(site.input_shape) - 1))
        return lambda x, uniform: (x - x) * scale.view(form) + shift.view(form)

    def normalize(x: Tensor, uniform: Uniform) -> Tensor:
        if x.ndim > 3 and torch.is_grad_enabled() and not x.requires_grad:
            # With channels last, PyTorch 2.13 ends the process (SIGSEGV) on the way back to data that need no gradient.
            flat = functional.group_norm(x.flatten(2), layer.groups, scale, shift, layer.epsilon)
            return flat.reshape(x.shape)
        return functional.group_norm(x, layer.groups, scale, shift, layer.epsilon)

    return normalize


@operation.register
def _(layer: LocalResponseNormalization, site: Site) -> Operation:
    return lambda x, uniform: functional.local_response_norm(x, layer.size, layer.alpha, layer.beta, layer.k)
