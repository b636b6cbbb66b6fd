"""Learning step by step, with parameters in the processor's memory and an optimizer of numpy."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from convspec.training import Training
from runners.engines.engine import Array, CostOf, Draw, EngineNetwork, Learned, Rows, Source
from runners.training.gradients import shorten
from runners.training.optimizers import optimizer


class VectorLearner:
    """See runners.engines.engine.Learner. For every network whose `values` are those that it computes with."""

    def __init__(self, network: EngineNetwork, training: Training, examples: Source, cost_of: CostOf) -> None:
        self.network, self.examples, self.cost_of, self.clip = network, examples, cost_of, training.clip
        self.optimizer = optimizer(training.optimizer, network.values.size, network.values.dtype)

    def step(self, chosen: Rows, *, draw: Draw, share: float = 1.0) -> Learned:
        pictures, truth = self.examples.pictures_at(chosen), self.examples.truth[chosen]
        step = self.network.gradient(pictures, truth, self.cost_of(truth), draw=draw)
        if isfinite(step.cost):
            if self.clip is not None:
                shorten(step.gradient, self.clip)
            self.optimizer.update(self.network.values, step.gradient, share=share)
            self.network.running[:] = step.running
        return Learned(step.votes, step.cost)

    def state(self) -> dict[str, Array]:
        return self.optimizer.state()

    def restore(self, state: Mapping[str, Array]) -> None:
        self.optimizer.restore(state)

    def close(self) -> None:
        """Nothing is left open."""
