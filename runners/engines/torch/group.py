"""The processes that compute batches together: how they meet, what each of them takes of a batch, and what they tell each other.

Sums are formed in an order that depends on the number of processes alone, so that they are the same to the bit each time.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist

from convspec.errors import UserError
from runners.place import LostProcessError, Place

TO_MEET = timedelta(minutes=2)
"""The longest that a process waits for the others at the start."""

TO_ANSWER = timedelta(minutes=30)
"""The longest that a process waits for another: one that has ended is noticed at once, one that is stuck by this time.
The others wait for the first one while it evaluates."""


class Part(NamedTuple):
    """The examples of a batch of n that a process computes."""

    n: int
    span: slice

    @property
    def size(self) -> int:
        return int(self.span.stop - self.span.start)

    @property
    def is_whole(self) -> bool:
        return self.size == self.n


def part_of(n: int, rank: int, size: int) -> Part:
    """As even a part as it goes; of a batch with fewer examples than processes, the first process computes all."""
    if n < size:
        return Part(n, slice(0, 0 if rank else n))
    return Part(n, slice(n * rank // size, n * (rank + 1) // size))


def check_device(device: torch.device, place: Place) -> torch.device:
    """The device of this process among those of its machine. Raises UserError where there are too few, or where processes
    cannot compute together."""
    if device.type == "mps":
        raise UserError(
            "Several processes compute together on processors or CUDA devices. Got --device mps.",
            hint="Leave `processes` out.",
        )
    if device.type != "cuda":
        return device
    if torch.cuda.device_count() < place.local_size:
        raise UserError(
            f"Each process needs a CUDA device of its own: there are {torch.cuda.device_count()} for {place.local_size}.",
            hint="Start fewer processes, or use --device cpu.",
        )
    return torch.device("cuda", place.local_rank)


class Group:
    """The processes of a run, seen from one of them. Raises LostProcessError from everything that needs one that is gone."""

    def __init__(self, place: Place, device: str) -> None:
        self.rank, self.size = place.rank, place.size
        if place.is_on_one_machine:
            os.environ["GLOO_SOCKET_IFNAME"] = _loopback()
        backend = "gloo"
        if device.startswith("cuda"):
            torch.cuda.set_device(device)
            backend = "cpu:gloo,cuda:nccl"
        with _noticing():
            if place.meeting is None:
                dist.init_process_group(backend, init_method="env://", timeout=TO_ANSWER)
            else:
                store = dist.FileStore(str(place.meeting), place.size)
                store.set_timeout(TO_MEET)
                dist.init_process_group(backend, store=store, rank=place.rank, world_size=place.size, timeout=TO_ANSWER)

    def part(self, n: int) -> Part:
        """What this process computes of a batch of n examples."""
        return part_of(n, self.rank, self.size)

    def add(self, tensor: Tensor) -> None:
        """The sum over all processes, in place."""
        with _noticing():
            if tensor.numel():
                dist.all_reduce(tensor)

    def gather(self, tensor: Tensor) -> Tensor:
        """What each process has, in the order of their ranks: (processes, ...)."""
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        with _noticing():
            dist.all_gather(parts, tensor)
        return torch.stack(parts)

    def share(self, tensor: Tensor) -> None:
        """What the first process has, in place."""
        with _noticing():
            if tensor.numel():
                dist.broadcast(tensor, 0)

    def close(self) -> None:
        """Leaves the group, which must not be in the middle of anything."""
        dist.destroy_process_group()


@contextmanager
def _noticing() -> Iterator[None]:
    """PyTorch reports that a process is gone, or does not answer, as a RuntimeError of many wordings."""
    try:
        yield
    except RuntimeError:
        raise LostProcessError from None


def _loopback() -> str:
    """The interface over which a machine talks to itself: `lo`, `lo0`."""
    return next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")
