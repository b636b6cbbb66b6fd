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
from runners.place import ALONE, Place
from runners.training.costs import batch_function
from runners.training.loop import Trainer

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Computation:
    """Makes networks of a plan, and trainers for them, on one engine; `place` is that of this process among several."""

    plan: Plan
    engine: EngineChoice
    threads: int = 1
    precision: str = "float32"
    place: Place = ALONE
    dtype: DTypeLike = np.float32

    def network(self, weights: Weights) -> EngineNetwork:
        """A network with these weights."""
        if self.engine.name == "torch":
            network: EngineNetwork = self._with_torch(weights)
            return network
        from runners.engines.numpy.network import Network

        return Network(self.plan, weights, threads=self.threads, dtype=self.dtype)

    def trainer(
        self, weights: Weights, training: Training, dataset: Dataset, *, seed: int, identity: str = ""
    ) -> Trainer:
        """A trainer for a network that starts with these weights. Raises UserError where the optimizer cannot work there, or
        another process does not have the same `identity`."""
        if self.engine.name != "torch" or isinstance(training.optimizer, optimizers.Lbfgs):
            if self.engine.device != "cpu":
                raise UserError(
                    f"{training.optimizer.kind} works in the processor's memory. Got device {self.engine.device}.",
                    hint="Use --device cpu, or another optimizer.",
                )
            return Trainer(self.network(weights), training, dataset, plan=self.plan, seed=seed)
        learner = self._learner(weights, training, dataset, seed=seed, identity=identity)
        return Trainer(learner.network, training, dataset, plan=self.plan, seed=seed, learner=learner)

    def follow(self, weights: Weights, training: Training, dataset: Dataset, *, seed: int, identity: str) -> None:
        """Computes this process's part of what the first one trains, until that has done."""
        learner = self._learner(weights, training, dataset, seed=seed, identity=identity)
        learner.follow()

    def _learner(self, weights: Weights, training: Training, dataset: Dataset, *, seed: int, identity: str) -> Any:
        from runners.engines.torch.learner import Learner

        cost_of = partial(batch_function, training.cost)
        if self.place.size == 1:
            return Learner(self._with_torch(weights), training, dataset.train, cost_of)
        from runners.engines.torch.group import Group
        from runners.engines.torch.shared import SharedLearner

        group = Group(self.place, self.engine.device)
        network = self._with_torch(weights, group)
        learner = SharedLearner(network, training, dataset.train, cost_of, group=group, seed=seed)
        learner.agree(identity)
        return learner

    def _with_torch(self, weights: Weights, group: Any = None) -> Any:
        from runners.engines.torch.network import Network
        from runners.engines.torch.steps import Steps

        steps = Steps(self.precision, self.engine.compiled)
        return Network(
            self.plan,
            weights,
            threads=self.threads,
            dtype=self.dtype,
            device=self.engine.device,
            steps=steps,
            group=group,
        )
