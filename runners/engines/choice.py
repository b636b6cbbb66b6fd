"""Which engine computes a pipeline, on which device, and why."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from convspec.errors import UserError
from convspec.pipeline import Pipeline
from convspec.plan import Plan
from runners.place import ALONE, Place

WORTH_TORCH = 20_000_000
"""Multiply-adds of a step, forward, from which PyTorch is faster than the numpy engine; measured by benchmarks/engines.py."""

INSTALL = "pip install 'convspec[torch]'"


@dataclass(frozen=True)
class EngineChoice:
    """`numpy` or `torch`; the device by PyTorch's name for it and as a person knows it; a sentence that says why."""

    name: str
    reason: str
    device: str = "cpu"
    device_name: str = "cpu"
    compiled: bool = False


def choose(
    pipeline: Pipeline,
    plan: Plan,
    *,
    begun: str | None = None,
    device: str = "auto",
    compiled: bool = False,
    place: Place = ALONE,
) -> EngineChoice:
    """The engine that the pipeline asks for, or for `auto` the faster one for steps of this size. `begun` is that of a run
    which is gone on with or repeated, and decides.

    Raises UserError where PyTorch, the device or a compiler is needed and not there.
    """
    if compiled and pipeline.training is None:
        raise UserError("--compile is for training, and nothing is trained.", hint="Leave it out.")
    asked, reason = (begun, "the run began with it") if begun else (pipeline.engine, "the pipeline asks for it")
    if asked == "numpy":
        if compiled:
            raise UserError(
                "The numpy engine compiles nothing. Got --compile.", hint="Leave it out, or ask for --engine torch."
            )
        return _numpy(reason, device)
    only = _only_pytorch(pipeline, device, compiled=compiled)
    if asked == "torch" or only:
        return _torch(reason if asked == "torch" else only, device, compiled=compiled, place=place)
    if pipeline.training is None:
        return _numpy("nothing is trained", device)
    step = plan.multiply_adds * pipeline.training.together
    size = f"a step has {_millions(step)} million multiply-adds"
    if step < WORTH_TORCH:
        return _numpy(f"{size}, and numpy is faster below {_millions(WORTH_TORCH)}", device)
    if not _is_installed():
        return _numpy(f"{size}, for which PyTorch is faster, but it is not installed: {INSTALL}", device)
    return _torch(f"{size}, and PyTorch is faster from {_millions(WORTH_TORCH)}", device)


def _only_pytorch(pipeline: Pipeline, device: str, *, compiled: bool) -> str:
    """Why only PyTorch can do what is asked for, or nothing."""
    reasons = {
        f"only PyTorch computes on {device}": device not in ("auto", "cpu"),
        f"only PyTorch computes in {pipeline.precision}": pipeline.precision != "float32",
        "only PyTorch computes in several processes": pipeline.processes > 1,
        "only PyTorch compiles": compiled,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _numpy(reason: str, device: str) -> EngineChoice:
    if device not in ("auto", "cpu"):
        raise UserError(
            f"The numpy engine computes on the processor alone. Got --device {device}.",
            hint="Leave --device out, or ask for --engine torch.",
        )
    return EngineChoice("numpy", reason)


def _torch(reason: str, device: str, *, compiled: bool = False, place: Place = ALONE) -> EngineChoice:
    if not _is_installed():
        raise UserError("The torch engine needs PyTorch, which is not installed.", hint=f"Install it: {INSTALL}")
    from runners.engines.torch.device import describe, find_device

    found = find_device(device)
    if place.size > 1:
        from runners.engines.torch.group import check_device

        found = check_device(found, place)
    if compiled:
        from runners.engines.torch.steps import check_compiler

        check_compiler(found)
    return EngineChoice("torch", reason, str(found), describe(found), compiled)


def _is_installed() -> bool:
    return find_spec("torch") is not None


def _millions(count: int) -> str:
    return f"{count / 1e6:,.1f}" if count < 1e8 else f"{count / 1e6:,.0f}"
