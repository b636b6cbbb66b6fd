"""A network made ready for a number of examples: its operations, each writing where the next one reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convspec.layers import Pooling, Relu
from runners.engines.engine import Array
from runners.engines.numpy.layer import Backward, DrawForLayer, Link, Operation, Site, operation
from runners.engines.numpy.memory import Scratch


def relu_after_maximum(links: Sequence[Link]) -> list[Link]:
    """The links with every relu that stands before a maximum moved behind it, where fewer values are left.

    Votes and gradients stay the same to the bit: the largest of several values stays the largest, and the values that
    relu makes equal get no gradient. Sigmoid and tanh stay: rounding makes equals of values that do get one.
    """
    order = [_within(link) if link.stacks else link for link in links]
    for i, following in enumerate(order[1:]):
        pooling = following.layer.layer
        if isinstance(order[i].layer.layer, Relu) and isinstance(pooling, Pooling) and pooling.reduce == "max":
            shape = following.layer.output_shape
            relu = replace(order[i], layer=replace(order[i].layer, input_shape=shape, output_shape=shape))
            order[i : i + 2] = following, relu
    return order


def _within(link: Link) -> Link:
    return replace(link, stacks=tuple(tuple(relu_after_maximum(stack)) for stack in link.stacks))


class Chain:
    """The operations for `n` examples at a time; one thread uses it at a time. `wants_dx`: somebody below asks for the gradient
    of the input."""

    def __init__(
        self, links: Sequence[Link], n: int, *, training: bool, wants_dx: bool = False, scratch: Scratch | None = None
    ) -> None:
        scratch = scratch or Scratch()
        self.names = [link.layer.name for link in links]
        self.spans = [link.span for link in links]
        # Below the first layer that is trained, nobody asks for a gradient.
        trained = (i for i, span in enumerate(self.spans) if span is not None)
        self.lowest = 0 if wants_dx else next(trained, len(links))
        self.operations: list[Operation] = []
        for i, link in reversed(list(enumerate(links))):
            following = self.operations[-1] if self.operations else None
            site = Site(
                link.layer.name,
                link.layer.input_shape,
                link.layer.output_shape,
                n,
                link.values,
                output=following.input if following else None,
                output_is_overwritten=following.overwrites_input if following else False,
                training=training,
                wants_dx=wants_dx or i > self.lowest,
                running=link.running,
                stacks=link.stacks,
                scratch=scratch,
            )
            self.operations.append(operation(link.layer.layer, site))
        self.operations.reverse()

    def forward(self, pictures: Array, draw: DrawForLayer | None = None) -> tuple[Array, list[Backward]]:
        """The votes (classes, n) for pictures (channels, *extents, n), and the ways back, last layer last."""
        x, backwards = pictures, []
        for each in self.operations:
            x, backward = each.forward(x, draw)
            backwards.append(backward)
        return x, backwards

    def backward(self, dvotes: Array, backwards: Sequence[Backward], gradient: Array | None) -> Array | None:
        """Fills the gradient of all trained parameters from that of the votes (classes, n); the gradient of the input, where
        it is wanted."""
        dy: Array | None = dvotes
        for i in range(len(backwards) - 1, self.lowest - 1, -1):
            assert dy is not None
            span = self.spans[i]
            dy = backwards[i](dy, None if span is None or gradient is None else gradient[span])
        return dy

    def running_after(self) -> list[Array]:
        """What the running values become by the last batch in training, in the order of the network."""
        return [running for each in self.operations for running in each.running_after()]

    def trace(self, pictures: Array) -> dict[str, Array]:
        """Copies of every layer's output, (n, ...), for pictures (channels, *extents, n); those within a layer before it."""
        x = pictures
        outputs: dict[str, Array] = {}
        for name, each in zip(self.names, self.operations, strict=True):
            for chain in each.chains:
                outputs |= chain.trace(x)
            x, _ = each.forward(x, None)
            outputs[name] = x.transpose(-1, *range(x.ndim - 1)).copy()
        return outputs
