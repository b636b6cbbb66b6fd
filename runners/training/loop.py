"""The training loop: epochs of seeded batches, validation, early stopping, the best weights kept, resumable at any batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convspec.errors import RUN_FAILED, UserError
from convspec.plan import Plan
from convspec.training import Training
from runners.data import Dataset, Examples
from runners.engines.engine import Draw, EngineNetwork
from runners.randomness import stream
from runners.training.checkpoint import Arrays, Checkpoint
from runners.training.costs import cost_function
from runners.training.metrics import correct
from runners.training.optimizers import optimizer

EXAMPLES_AT_ONCE = 4096
"""Examples that are evaluated together."""

Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Epoch:
    """What one epoch achieved. `number` counts from 1; training figures are of the batches as they were trained on."""

    number: int
    cost_training: float
    accuracy_training: float
    cost_validation: float | None
    accuracy_validation: float | None
    seconds: float

    def metrics(self) -> dict[str, float]:
        """The figures under the names by which they are tracked."""
        named = {
            "cost/training": self.cost_training,
            "cost/validation": self.cost_validation,
            "accuracy/training": self.accuracy_training,
            "accuracy/validation": self.accuracy_validation,
            "time/epoch_seconds": self.seconds,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass
class Progress:
    """Where a training stands: batches done in the epoch that is under way, and what they added up to."""

    epoch: int = 0
    batch: int = 0
    cost_sum: float = 0.0
    correct: int = 0
    best_epoch: int = 0
    best_cost: float = math.inf
    history: list[Epoch] = field(default_factory=list)


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Training stopped between two batches because somebody asked; its state can be saved and resumed."""


def votes_for(network: EngineNetwork, examples: Examples) -> NDArray[np.floating]:
    """Votes (n, classes) for all examples, a slice at a time so that pictures may outgrow memory."""
    slices = range(0, len(examples), EXAMPLES_AT_ONCE)
    votes = [
        network.votes(examples.pictures_at(np.arange(begin, min(begin + EXAMPLES_AT_ONCE, len(examples)))))
        for begin in slices
    ]
    return np.concatenate(votes)


class Trainer:
    """Trains a network on a data set. All randomness follows from the seed; the state between two batches is complete."""

    def __init__(self, network: EngineNetwork, training: Training, dataset: Dataset, *, plan: Plan, seed: int) -> None:
        self.network, self.training, self.dataset, self.plan, self.seed = network, training, dataset, plan, seed
        self.cost = cost_function(training.cost)
        self.optimizer = optimizer(training.optimizer, network.values.size, network.values.dtype)
        self.progress = Progress()
        self.best: Weights = {}

    @property
    def batches(self) -> int:
        """Batches of one epoch; the last one may be smaller."""
        return -(-len(self.dataset.train) // self.training.batch)

    def epochs(
        self, *, stop: Callable[[], bool] = lambda: False, on_batch: Callable[[Progress], None] | None = None
    ) -> Iterator[Epoch]:
        """Trains what is left and yields each epoch as it ends; the state is then that of the epoch's end.

        `stop` is asked before every batch: Stopped is raised where it says yes. Raises UserError where the cost stops
        being finite.
        """
        while self.progress.epoch < self.training.epochs and not self._out_of_patience():
            epoch = self._epoch(stop, on_batch)
            self.progress.history.append(epoch)
            self._keep_best(epoch)
            yield epoch

    @property
    def kept(self) -> Epoch:
        """The epoch whose weights are kept."""
        best = self.progress.best_epoch
        return self.progress.history[best - 1 if best else -1]

    def best_weights(self) -> Weights:
        """The weights of the epoch with the lowest validation cost; of the last epoch where there is no validation."""
        return self.best or self.network.weights

    def checkpoint(self) -> Checkpoint:
        """The whole state between two batches."""
        groups: dict[str, Arrays] = {
            "weights": self.network.weights,
            "optimizer": self.optimizer.state(),
            "best": self.best,
        }
        figures = asdict(self.progress)
        figures["best_cost"] = None if math.isinf(self.progress.best_cost) else self.progress.best_cost
        return Checkpoint(groups, figures)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on from a saved state; the network must have been built with the weights of it."""
        figures = dict(checkpoint.figures)
        figures["history"] = [Epoch(**epoch) for epoch in figures["history"]]
        figures["best_cost"] = math.inf if figures["best_cost"] is None else figures["best_cost"]
        self.progress = Progress(**figures)
        self.optimizer.restore(checkpoint.groups.get("optimizer", {}))
        self.best = dict(checkpoint.groups.get("best", {}))

    def _epoch(self, stop: Callable[[], bool], on_batch: Callable[[Progress], None] | None) -> Epoch:
        started = time.perf_counter()
        train, size, progress = self.dataset.train, self.training.batch, self.progress
        number = progress.epoch + 1
        order = stream(self.seed, "order", number).permutation(len(train))
        while progress.batch < self.batches:
            if stop():
                raise Stopped
            begin = progress.batch * size
            self._step(order[begin : begin + size], number)
            if on_batch is not None:
                on_batch(progress)
        epoch = self._finish(number, started)
        progress.epoch, progress.batch, progress.cost_sum, progress.correct = number, 0, 0.0, 0
        return epoch

    def _step(self, chosen: NDArray[np.int64], number: int) -> None:
        progress = self.progress
        pictures, truth = self.dataset.train.pictures_at(chosen), self.dataset.train.labels[chosen]
        step = self.network.gradient(pictures, truth, self.cost, draw=self._draw(number))
        if not math.isfinite(step.cost):
            self._fail(pictures, number)
        self.optimizer.update(self.network.values, step.gradient)
        progress.cost_sum += step.cost * len(chosen)
        progress.correct += correct(step.votes, truth)
        progress.batch += 1

    def _draw(self, number: int) -> Draw:
        batch = self.progress.batch
        return lambda layer, chunk: stream(self.seed, "dropout", layer, number, batch, chunk)

    def _finish(self, number: int, started: float) -> Epoch:
        count = len(self.dataset.train)
        cost, accuracy = None, None
        if len(self.dataset.validation):
            cost, accuracy = self.evaluate(self.dataset.validation)
        seconds = time.perf_counter() - started
        progress = self.progress
        return Epoch(number, progress.cost_sum / count, progress.correct / count, cost, accuracy, seconds)

    def evaluate(self, examples: Examples) -> tuple[float, float]:
        """Mean cost and accuracy of the network as it stands."""
        votes = votes_for(self.network, examples)
        costs, _ = self.cost(votes, examples.labels)
        return float(costs.mean(dtype=np.float64)), correct(votes, examples.labels) / len(examples)

    def _keep_best(self, epoch: Epoch) -> None:
        if epoch.cost_validation is not None and epoch.cost_validation < self.progress.best_cost:
            self.progress.best_cost, self.progress.best_epoch = epoch.cost_validation, epoch.number
            self.best = self.network.weights

    def _out_of_patience(self) -> bool:
        patience = self.training.patience
        best = self.progress.best_epoch
        return patience is not None and best > 0 and self.progress.epoch - best >= patience

    def _fail(self, pictures: NDArray[np.floating], number: int) -> None:
        layer = (
            self.network.first_non_finite(pictures)
            or f"{self.plan.layers[-1].name} (its votes are too large for the cost)"
        )
        raise UserError(
            f"The cost stopped being finite in epoch {number}, batch {self.progress.batch + 1}, layer {layer}.",
            hint="Lower training.optimizer's learning_rate, or look for values in the data that are far too large.",
            exit_code=RUN_FAILED,
        )
