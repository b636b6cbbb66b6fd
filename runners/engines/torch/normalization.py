<<<<<<< theirs
"""Normalizations: PyTorch's own; running averages follow the batches in training, and stand for them otherwise."""
=======
"""Normalizations: PyTorch's own, with statistics over the batch, the example, or groups and neighbours of channels."""
>>>>>>> mine

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from convspec.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    LocalResponseNormalization,
)
from runners.engines.torch.layer import Operation, Site, Uniform, operation


@operation.register
def _(layer: BatchNormalization, site: Site) -> Operation:
<<<<<<< theirs
    mean, variance = site.parameters["mean"], site.parameters["variance"]
    scale, shift = site.parameters["scale"], site.parameters["shift"]

    def normalize(x: Tensor, uniform: Uniform) -> Tensor:
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
=======
    scale, shift, mean, variance = (site.parameters[name] for name in ("scale", "shift", "mean", "variance"))
    after = (site.after["mean"], site.after["variance"]) if site.training else None

    def batch_normalization(x: Tensor, uniform: Uniform) -> Tensor:
        if after is None:
            return functional.batch_norm(x, mean, variance, scale, shift, eps=layer.epsilon)
        if x.numel() == len(scale):  # one value of each channel has no variance, which PyTorch refuses
            after[0].lerp_(x.detach().reshape(-1), layer.momentum)
            after[1].mul_(1 - layer.momentum)
            return ((x - x).reshape(-1) * scale + shift).reshape(x.shape)
        return functional.batch_norm(x, *after, scale, shift, training=True, momentum=layer.momentum, eps=layer.epsilon)

    return batch_normalization
>>>>>>> mine


@operation.register
def _(layer: LayerNormalization, site: Site) -> Operation:
    scale, shift = site.parameters["scale"], site.parameters["shift"]
    return lambda x, uniform: functional.layer_norm(x, site.input_shape, scale, shift, layer.epsilon)


@operation.register
def _(layer: GroupNormalization, site: Site) -> Operation:
    scale, shift = site.parameters["scale"], site.parameters["shift"]
<<<<<<< theirs
    return lambda x, uniform: functional.group_norm(x, layer.groups, scale, shift, layer.epsilon)
=======
    return lambda x, uniform: torch.group_norm(x, layer.groups, scale, shift, layer.epsilon)
>>>>>>> mine


@operation.register
def _(layer: LocalResponseNormalization, site: Site) -> Operation:
    return lambda x, uniform: functional.local_response_norm(x, layer.size, layer.alpha, layer.beta, layer.k)
