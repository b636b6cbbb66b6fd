"""How steps of training are computed: with which numbers, and compiled or layer by layer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from shutil import which

import torch
from torch import Tensor

from convspec.base import Shape
from convspec.errors import RUN_FAILED, UserError
from runners.engines.torch.layer import Operation, Uniform


@dataclass(frozen=True)
class Steps:
    """`precision` is that of products, `float32` or `bfloat16`; parameters and votes keep their own."""

    precision: str = "float32"
    compiled: bool = False

    def prepared(self, operation: Operation, example: Tensor) -> Operation:
        """The operation computed in this way, for batches of such examples. It is compiled when it is called first."""
        if self.precision == "bfloat16":
            operation = _in_bfloat16(operation, example.device)
        return _compiled(operation, _drawn(operation, example)) if self.compiled else operation


AS_THEY_COME = Steps()


def check_compiler(device: torch.device) -> None:
    """Raises UserError where there is nothing to compile with."""
    name = os.environ.get("CXX", "g++")
    if which(name) is None:
        raise UserError(
            f"--compile needs a C++ compiler, and there is no {name} here.",
            hint="Install g++, name another compiler in CXX, or leave out --compile.",
        )
    if device.type == "cuda" and find_spec("triton") is None:
        raise UserError("--compile needs Triton for a CUDA device.", hint="Install it, or leave out --compile.")


def _in_bfloat16(operation: Operation, device: torch.device) -> Operation:
    def in_bfloat16(x: Tensor, uniform: Uniform) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return operation(x, uniform).to(x.dtype)

    return in_bfloat16


def _compiled(operation: Operation, drawn: Mapping[str, Shape]) -> Operation:
    """Random numbers are drawn before, for which a compiled function would have to stop."""
    from torch._dynamo.exc import TorchDynamoException

    def with_numbers(x: Tensor, numbers: dict[str, Tensor]) -> Tensor:
        return operation(x, lambda name, shape: numbers[name])

    compiled = torch.compile(with_numbers)

    def run(x: Tensor, uniform: Uniform) -> Tensor:
        try:
            y: Tensor = compiled(x, {name: uniform(name, shape) for name, shape in drawn.items()})
        except TorchDynamoException as error:
            first = str(error).strip().partition("\n")[0]
            raise UserError(
                f"PyTorch could not compile the network: {first}", hint="Leave out --compile.", exit_code=RUN_FAILED
            ) from None
        return y

    return run


def _drawn(operation: Operation, example: Tensor) -> dict[str, Shape]:
    """For which layers an operation draws random numbers, found out by doing it once."""
    found: dict[str, Shape] = {}

    def note(name: str, shape: Shape) -> Tensor:
        found[name] = shape
        return example.new_ones((1, *shape))

    with torch.no_grad():
        operation(example[None], note)
    return found
