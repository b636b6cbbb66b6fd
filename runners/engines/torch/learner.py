"""Training on a device: examples, parameters and what the optimizer remembers stay there from step to step."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, prod

import numpy as np
import torch
from torch import Tensor

from convspec.optimizers import SteppingOptimizer
from convspec.plan import VALUE_BYTES
from convspec.training import Training
from runners.engines.engine import Array, CostOf, Draw, Learned, Rows, Source
from runners.engines.torch.network import Network
from runners.engines.torch.optimizers import Optimizer

RESIDENT_BYTES = 1 << 30
"""Pictures up to this size are kept in a processor's memory as they are computed with."""

RESIDENT_SHARE = 0.5
"""The share of an accelerator's free memory that pictures may take."""


class Learner:
    """See runners.engines.engine.Learner."""

    def __init__(self, network: Network, training: Training, examples: Source, cost_of: CostOf) -> None:
        self.network, self.examples, self.cost_of, self.clip = network, examples, cost_of, training.clip
        parameters = network.parameters
        assert isinstance(training.optimizer, SteppingOptimizer)
        self.optimizer = Optimizer(training.optimizer, parameters.values, parameters.gradient)
        self.pictures = self._resident()

    def step(self, chosen: Rows, *, draw: Draw, share: float = 1.0) -> Learned:
        y = self.network.learn(self._pictures(chosen), draw)
        votes = y.detach().cpu().numpy()
        cost, dvotes = self._cost(votes, chosen)
        if isfinite(cost):
            self.network.back(y, self.network.tensor(dvotes))
            self._update(share)
        return Learned(votes, cost)

    def state(self) -> dict[str, Array]:
        return self.optimizer.state()

    def restore(self, state: Mapping[str, Array]) -> None:
        self.optimizer.restore(state)

    def close(self) -> None:
        """Nothing is left open."""

    def _cost(self, votes: Array, chosen: Rows) -> tuple[float, Array]:
        """The mean cost of a batch, and its gradient for each vote."""
        truth = self.examples.truth[chosen]
        with np.errstate(over="ignore", invalid="ignore"):  # the trainer looks at the cost
            costs, dvotes = self.cost_of(truth)(votes, truth)
        return float(costs.mean(dtype=np.float64)), dvotes / len(truth)

    def _update(self, share: float) -> None:
        """Parameters and running averages follow the step whose gradient is there."""
        if self.clip is not None:
            self._shorten(self.clip)
        self.optimizer.update(share=share)
        self.network.parameters.keep_running()

    def _shorten(self, most: float) -> None:
        """Clipping by norm."""
        gradient = self.network.parameters.gradient
        length = float(torch.linalg.vector_norm(gradient, dtype=torch.float64))
        if length > most:
            gradient.mul_(most / length)

    def _pictures(self, chosen: Rows) -> Tensor:
        if self.pictures is None:
            return self.network.tensor(self.examples.pictures_at(chosen))
        return self.pictures[torch.from_numpy(chosen).to(self.pictures.device)]

    def _resident(self) -> Tensor | None:
        """All pictures on the device, where they find room there."""
        size = len(self.examples) * prod(self.network.plan.data.shape) * VALUE_BYTES
        if self.network.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.network.device)
            room = int(RESIDENT_SHARE * free)
        else:
            room = RESIDENT_BYTES
        return self.network.tensor(self.examples.pictures_at(slice(None))) if size <= room else None
