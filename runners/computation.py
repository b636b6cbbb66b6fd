"""A plan computed on the engine that was chosen: its networks, and what trains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convspec import optimizers
from convspec.errors import UserError
from convspec.plan import Plan
from convspec.training import Training
from runners.data import Dataset
from runners.engines.choice import EngineChoice
from runners.engines.engine import EngineNetwork
from runners.training.costs import batch_function
from runners.training.loop import Trainer

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Computation:
    """Makes networks of a plan, and trainers for them, on one engine."""

    plan: Plan
    engine: EngineChoice
    threads: int = 1
    dtype: DTypeLike = np.float32

    def network(self, weights: Weights) -> EngineNetwork:
        """A network with these weights."""
        if self.engine.name == "torch":
            from runners.engines.torch.network import Network as TorchNetwork

            return TorchNetwork(self.plan, weights, threads=self.threads, dtype=self.dtype, device=self.engine.device)
        from runners.engines.numpy.network import Network

        return Network(self.plan, weights, threads=self.threads, dtype=self.dtype)

    def trainer(self, weights: Weights, training: Training, dataset: Dataset, *, seed: int) -> Trainer:
        """A trainer for a network that starts with these weights. Raises UserError where the optimizer cannot work there."""
        if self.engine.name != "torch" or isinstance(training.optimizer, optimizers.Lbfgs):
            if self.engine.device != "cpu":
                raise UserError(
                    f"{training.optimizer.kind} works in the processor's memory. Got device {self.engine.device}.",
                    hint="Use --device cpu, or another optimizer.",
                )
            return Trainer(self.network(weights), training, dataset, plan=self.plan, seed=seed)
        from runners.engines.torch.learner import Learner
        from runners.engines.torch.network import Network

        network = Network(self.plan, weights, threads=self.threads, device=self.engine.device)
        learner = Learner(network, training, dataset.train, partial(batch_function, training.cost))
        return Trainer(network, training, dataset, plan=self.plan, seed=seed, learner=learner)
