"""The device that computes: which one, how pictures lie in its memory, and what makes it repeat itself to the bit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from convspec.errors import UserError


def find_device(name: str) -> torch.device:
    """The device of that name (`cuda:1` is the second CUDA device); `auto` is the first one, or the processor. Raises UserError
    where there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name.partition(":")[0]]:
        known = ", ".join(each for each, is_there in there.items() if is_there)
        raise UserError(f"PyTorch {torch.__version__} finds no device {name} here.", hint=f"There is: {known}.")
    return torch.device(name)


def describe(device: torch.device) -> str:
    """The device as a person knows it: `cpu`, `cuda (NVIDIA H200)`."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


def repeat_to_the_bit(device: torch.device) -> None:
    """On a processor, from now on only algorithms that give the same bits each time. For CUDA PyTorch has none of some
    operations; what it has is chosen, without the search for the fastest one."""
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    if device.type == "cpu":
        torch.utils.deterministic.fill_uninitialized_memory = False  # would fill every new tensor once more
        torch.use_deterministic_algorithms(True)


def use_threads(threads: int) -> None:
    """PyTorch counts its threads for the whole process."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def channels_last(memory: Tensor, shape: Sequence[int], device: torch.device) -> Tensor:
    """A view (k, channels, ...) of consecutive memory; where it is faster, the channels of a picture stand last in it."""
    if len(shape) != 4 or device.type == "mps":
        return memory.view(*shape)
    k, channels, *extents = shape
    return memory.view(k, *extents, channels).movedim(-1, 1)
