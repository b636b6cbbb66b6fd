"""Batch normalization of a batch that several processes share: averages are those of the whole batch, in both directions.

PyTorch's own, `SyncBatchNorm`, works on CUDA devices alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from runners.engines.torch.group import Group


def moments(x: Tensor, group: Group) -> tuple[Tensor, Tensor, float]:
    """Mean and variance of each channel over the whole batch, and over how many values they are taken.

    Each process's own are put together as those of parts of a sample (Chan, Golub, LeVeque 1979), in double precision.
    """
    own_variance, own_mean = torch.var_mean(
        x.float() if x.dtype == torch.bfloat16 else x, _but_channels(x), correction=0
    )
    count = torch.full_like(own_mean, x.numel() / x.shape[1])
    counts, means, variances = group.gather(torch.stack([count, own_mean, own_variance])).double().unbind(1)
    shares = counts / counts.sum(0)
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean) ** 2)).sum(0)
    return mean.to(own_mean.dtype), variance.to(own_mean.dtype), float(counts[:, 0].sum())


class SynchronizedNormalization(torch.autograd.Function):  # type: ignore[misc]
    """(x - mean) / sqrt(variance + epsilon) * scale + shift, where mean and variance of the batch depend on x."""

    @staticmethod
    def forward(  # noqa: PLR0913 - what PyTorch's function takes
        ctx: Any,
        x: Tensor,
        scale: Tensor,
        shift: Tensor,
        mean: Tensor,
        variance: Tensor,
        n: float,
        epsilon: float,
        group: Group,
    ) -> Tensor:
        ctx.save_for_backward(x, scale, mean, torch.rsqrt(variance + epsilon))
        ctx.n, ctx.group = n, group
        return functional.batch_norm(x, mean, variance, scale, shift, False, 0.0, epsilon)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, mean, inverse = ctx.saved_tensors
        form = (-1, *[1] * (x.ndim - 2))
        normal = (x - mean.view(form)) * inverse.view(form)
        sums = torch.stack([dy.sum(_but_channels(x)), (dy * normal).sum(_but_channels(x))]).to(mean.dtype)
        dshift, dscale = sums.clone()  # the gradient of parameters is added up over the processes later
        if not ctx.needs_input_grad[0]:
            return None, dscale, dshift, None, None, None, None, None
        ctx.group.add(sums)
        average_dy, average_slope = (sums / ctx.n).view(2, *form)
        dx = (dy - average_dy - normal * average_slope) * (scale * inverse).view(form)
        return dx.to(x.dtype), dscale, dshift, None, None, None, None, None


@torch.compiler.disable  # type: ignore[untyped-decorator]
def normalize(
    x: Tensor,
    running: tuple[Tensor, Tensor],
    scale: Tensor,
    shift: Tensor,
    *,
    momentum: float,
    epsilon: float,
    group: Group,
) -> Tensor:
    """The normalized part x of a batch. The running (mean, variance) follow the whole batch, the variance unbiased."""
    with torch.no_grad():
        mean, variance, n = moments(x, group)
        running[0].lerp_(mean, momentum)
        running[1].lerp_(variance * (n / max(n - 1, 1)), momentum)
    y: Tensor = SynchronizedNormalization.apply(x, scale, shift, mean, variance, n, epsilon, group)
    return y


def _but_channels(x: Tensor) -> list[int]:
    return [dim for dim in range(x.ndim) if dim != 1]
