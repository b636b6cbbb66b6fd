"""A network computed with PyTorch, on the processor or an accelerator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from convspec.layers import Pooling, Relu
from convspec.plan import LayerPlan, Plan
from runners.engines.engine import Array, CostFunction, Draw, Step, Truth
from runners.engines.numpy.network import chunk_limit, chunks
from runners.engines.torch.device import channels_last, find_device, repeat_to_the_bit, use_threads
from runners.engines.torch.group import Group, Part
from runners.engines.torch.layer import Operation, Site, Uniform, in_turn, operation
from runners.engines.torch.parameters import Parameters
from runners.engines.torch.steps import AS_THEY_COME, Steps

WORTH_THREADS = 8_000_000
"""Multiply-adds of what is computed together below which one thread is faster than several."""

WIDEST_BYTES = 64 << 20
"""The output of the widest layer, for all examples that vote together, stays below this."""

Note = Callable[[str, Tensor], None]
"""What is told the output of a layer by its name."""


def relu_after_maximum(layers: Sequence[LayerPlan]) -> list[LayerPlan]:
    """The layers with every relu that stands before a maximum moved behind it, where fewer values are left: the largest of
    several values stays the largest, and the values that relu makes equal get no gradient."""
    order = [_within(layer) if layer.stacks else layer for layer in layers]
    for i, following in enumerate(order[1:]):
        pooling = following.layer
        if isinstance(order[i].layer, Relu) and isinstance(pooling, Pooling) and pooling.reduce == "max":
            shape = following.output_shape
            relu = replace(order[i], input_shape=shape, output_shape=shape)
            order[i : i + 2] = following, relu
    return order


def _within(layer: LayerPlan) -> LayerPlan:
    return replace(layer, stacks=tuple(tuple(relu_after_maximum(stack)) for stack in layer.stacks))


class Network:
    """See EngineNetwork. `values` are PyTorch's own on a processor, and a copy on an accelerator."""

    def __init__(
        self,
        plan: Plan,
        weights: Mapping[str, Array],
        *,
        threads: int = 1,
        dtype: DTypeLike = np.float32,
        device: str = "auto",
        steps: Steps = AS_THEY_COME,
        group: Group | None = None,
    ) -> None:
        self.plan, self.threads, self.device, self.steps = plan, threads, find_device(device), steps
        repeat_to_the_bit(self.device)
        self.dtype = torch.float64 if np.dtype(dtype) == np.float64 else torch.float32
        self.parameters = Parameters(plan, weights, dtype=self.dtype, device=self.device)
        fast = relu_after_maximum(plan.layers)
        self._fast = self._operation(fast, training=False)
        self._training = self._steps(fast, None)
        self._shared = self._training if group is None or not plan.running_count else self._steps(fast, group)
        self._limit = chunk_limit(plan)

    @property
    def values(self) -> Array:
        values: Array = _array(self.parameters.values)
        return values

    @property
    def running(self) -> Array:
        running: Array = _array(self.parameters.running)
        return running

    @property
    def weights(self) -> dict[str, Array]:
        return {name: np.array(_array(tensor.detach()), order="C") for name, tensor in self.parameters.named().items()}

    def votes(self, pictures: Array) -> Array:
        widest = max(layer.activation_bytes for layer in self.plan.every_layer)
        size = max(1, WIDEST_BYTES // widest)
        votes = np.empty((len(pictures), *self.plan.output_shape), _array(self.parameters.values[:0]).dtype)
        with torch.inference_mode():
            for start in range(0, len(pictures), size):
                y = self.forward(self.tensor(pictures[start : start + size]))
                votes[start : start + size] = _array(y)
        return votes

    def trace(self, pictures: Array) -> dict[str, Array]:
        self._share(len(pictures))
        outputs: dict[str, Array] = {}

        def note(name: str, y: Tensor) -> None:
            outputs[name] = np.array(_array(y), order="C")

        with torch.inference_mode():
            self._operation(self.plan.layers, training=False, note=note)(self.tensor(pictures), _no_draw)
        return outputs

    def first_non_finite(self, pictures: Array) -> str | None:
        return next((name for name, y in self.trace(pictures).items() if not np.isfinite(y).all()), None)

    def gradient(self, pictures: Array, truth: Truth, cost: CostFunction, *, draw: Draw | None = None) -> Step:
        y = self.learn(self.tensor(pictures), draw)
        votes = _array(y.detach()).copy()
        with np.errstate(over="ignore", invalid="ignore"):  # the trainer looks at the cost
            costs, dvotes = cost(votes, truth)
        self.back(y, self.tensor(dvotes / len(truth)))
        gradient, running = (_array(one).copy() for one in (self.parameters.gradient, self.parameters.running_after))
        return Step(votes, float(costs.mean(dtype=np.float64)), gradient, running)

    def mean_cost(self, pictures: Array, truth: Truth, cost: CostFunction, *, draw: Draw | None = None) -> float:
        with torch.no_grad():
            votes = _array(self.learn(self.tensor(pictures), draw))
        with np.errstate(over="ignore", invalid="ignore"):
            costs, _ = cost(votes, truth)
        return float(costs.mean(dtype=np.float64))

    def tensor(self, array: Array) -> Tensor:
        """A copy on the device, pictures with their channels last where that is faster.

        PyTorch gets memory of its own: how numpy's happens to be aligned may change the last bit of a product.
        """
        memory = torch.empty(array.size, dtype=self.dtype, device=self.device)
        view = channels_last(memory, array.shape, self.device)
        view.copy_(torch.from_numpy(np.require(array, requirements="W")))
        return view

    def forward(self, x: Tensor) -> Tensor:
        """The votes (n, k) of a network that is not in training."""
        self._share(len(x))
        return self._fast(x, _no_draw)

    def learn(self, x: Tensor, draw: Draw | None, part: Part | None = None) -> Tensor:
        """The votes (k, classes) of a network in training, with the way back, and what the running averages become. Where x is
        a part of a batch, the group's other processes compute the others."""
        part = part or Part(len(x), slice(0, len(x)))
        self._share(len(x))
        self.parameters.begin_running()
        operation = self._training if part.is_whole else self._shared
        return operation(x, self._uniform(part, draw))

    def back(self, y: Tensor | None, dy: Tensor | None = None) -> None:
        """Fills `parameters.gradient` from the gradient dy of y; a y that is one number needs none. Without y it is zero."""
        self.parameters.gradient.zero_()
        if y is not None and y.requires_grad:
            y.backward(dy)

    def _share(self, n: int) -> None:
        """As many threads as n examples are worth, so that results depend on the number asked for alone."""
        use_threads(self.threads if n * self.plan.multiply_adds >= WORTH_THREADS else 1)

    def _steps(self, layers: Sequence[LayerPlan], group: Group | None) -> Operation:
        """What steps of training compute, alone or with a group."""
        example = torch.zeros(self.plan.data.shape, dtype=self.dtype, device=self.device)
        return self.steps.prepared(self._operation(layers, training=True, group=group), example)

    def _operation(
        self, layers: Sequence[LayerPlan], *, training: bool, note: Note | None = None, group: Group | None = None
    ) -> Operation:
        """Layers one after the other; `note` is told the output of each, those within a layer before it."""
        parameters = self.parameters.in_training if training else self.parameters.of
        operations = []
        for layer in layers:
            stacks = tuple(self._operation(stack, training=training, note=note, group=group) for stack in layer.stacks)
            shapes = layer.input_shape, layer.output_shape
            made = operation(layer.layer, Site(layer.name, *shapes, parameters[layer.name], training, stacks, group))
            operations.append(made if note is None else _noted(made, layer.name, note))
        return in_turn(operations)

    def _uniform(self, part: Part, draw: Draw | None) -> Uniform:
        """Draws chunk by chunk with the examples last, as the numpy engine does, so that both see the same masks; and so does
        each process of a group, which leaves out chunks of others."""
        if draw is None:
            return _no_draw
        # Averages over a batch need all of it at once.
        spans = [slice(0, part.n)] if self.plan.running_count else chunks(part.n, self._limit)
        first, last = part.span.start, part.span.stop
        needed = [(index, span) for index, span in enumerate(spans) if span.start < last and span.stop > first]

        def uniform(name: str, shape: Sequence[int]) -> Tensor:
            drawn = [
                draw(name, index).random((*shape, span.stop - span.start), dtype=np.float32)[
                    ..., max(first - span.start, 0) : last - span.start
                ]
                for index, span in needed
            ]
            whole = np.concatenate(drawn, axis=-1)
            return torch.from_numpy(whole).to(self.device).movedim(-1, 0)

        return uniform


def _noted(made: Operation, name: str, note: Note) -> Operation:
    def noted(x: Tensor, uniform: Uniform) -> Tensor:
        y = made(x, uniform)
        note(name, y)
        return y

    return noted


def _no_draw(name: str, shape: Sequence[int]) -> Tensor:
    raise ValueError(f"{name} needs random numbers: pass draw")


def _array(tensor: Tensor) -> Any:
    """The tensor as an array: the same memory on a processor, a copy elsewhere."""
    return tensor.cpu().numpy()
