"""The numbers of a network: one vector for those that training changes, others for the rest, and their public names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from numpy.typing import DTypeLike

from convspec.errors import UserError
from convspec.layers.layer import by
from convspec.plan import LayerPlan, Plan
from runners.engines.engine import Array
from runners.engines.numpy.layer import Link, named_parameters, one_after_another
from runners.engines.numpy.memory import aligned


class Parameters:
    """`values` is what training changes by gradients, `running` what follows from the batches; `links` gives each layer its
    part of these, or of those that are kept as they are."""

    def __init__(self, plan: Plan, weights: Mapping[str, Array], dtype: DTypeLike) -> None:
        trained = sum(layer.trainable_count for layer in plan.every_layer)
        self._everything = aligned((plan.parameter_count + plan.running_count,), dtype)
        self.values = self._everything[:trained]
        self.running = self._everything[plan.parameter_count :]
        self._ends = {"trained": 0, "kept": trained, "running": plan.parameter_count}
        self.links = self._linked(plan.layers, 0)
        self._fill(weights)

    def named(self) -> dict[str, Array]:
        """Views of all parameters in their public shapes, by `LAYER.weight`, `LAYER.bias` and so on."""
        return {
            f"{link.layer.name}.{name}": view
            for link in _every(self.links)
            for name, view in (
                named_parameters(link.layer.layer, link.layer.learned, link.values)
                | one_after_another(link.layer.running, link.running)
            ).items()
        }

    def _linked(self, layers: Iterable[LayerPlan], base: int) -> tuple[Link, ...]:
        """Layers with their parts; `base` is where the gradient begins that their spans count from."""
        return tuple(self._link(layer, base) for layer in layers)

    def _link(self, layer: LayerPlan, base: int) -> Link:
        start = self._ends["trained"]
        values = self._part("trained" if layer.trainable_count else "kept", layer.parameter_count)
        stacks = tuple(self._linked(stack, start) for stack in layer.stacks)
        stop = self._ends["trained"]
        span = slice(start - base, stop - base) if stop > start else None
        return Link(layer, values, span, self._part("running", layer.running_count), stacks)

    def _part(self, which: str, count: int) -> Array:
        start = self._ends[which]
        self._ends[which] = start + count
        return self._everything[start : start + count]

    def _fill(self, weights: Mapping[str, Array]) -> None:
        for name, view in self.named().items():
            if name not in weights or weights[name].shape != view.shape:
                got = by(weights[name].shape) if name in weights else "none"
                raise UserError(
                    f"{name}: the network needs weights of {by(view.shape)}. Got {got}.",
                    hint="Weights fit only the network that they were trained for.",
                )
            view[...] = weights[name]


def _every(links: Iterable[Link]) -> Iterator[Link]:
    for link in links:
        for stack in link.stacks:
            yield from _every(stack)
        yield link
