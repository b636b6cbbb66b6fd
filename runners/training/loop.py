"""The training loop: epochs of seeded batches, validation, early stopping, the best weights kept, resumable at any batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convspec import optimizers
from convspec.errors import RUN_FAILED, UserError
from convspec.optimizers import SteppingOptimizer
from convspec.plan import Plan
from convspec.training import SLICE, Training
from runners.data import Dataset, Examples
from runners.engines.engine import Draw, EngineNetwork, Learner
from runners.randomness import StepDraw, order_of
from runners.training.checkpoint import Arrays, Checkpoint
from runners.training.costs import batch_function, weight_of
from runners.training.epochs import Epoch, Figures, Progress
from runners.training.gradients import Measured, measure
from runners.training.judge import judge_of
from runners.training.lbfgs import Lbfgs, is_finite
from runners.training.learner import VectorLearner
from runners.training.schedules import Length, share_at

EXAMPLES_AT_ONCE = 4096
"""Examples that are evaluated together."""

Weights = dict[str, NDArray[Any]]


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Training stopped between two batches because somebody asked; its state can be saved and resumed."""


def votes_for(network: EngineNetwork, examples: Examples) -> NDArray[np.floating]:
    """Votes (n, k) for all examples, a slice at a time so that pictures may outgrow memory."""
    slices = range(0, len(examples), EXAMPLES_AT_ONCE)
    votes = [
        network.votes(examples.pictures_at(np.arange(begin, min(begin + EXAMPLES_AT_ONCE, len(examples)))))
        for begin in slices
    ]
    return np.concatenate(votes)


def _learner(network: EngineNetwork, training: Training, examples: Examples) -> Learner | Lbfgs:
    spec, values = training.optimizer, network.values
    if isinstance(spec, optimizers.Lbfgs):
        return Lbfgs(spec, values.size, values.dtype)
    return VectorLearner(network, training, examples, partial(batch_function, training.cost))


class Trainer:
    """Trains a network on a data set. All randomness follows from the seed; the state between two batches is complete.

    `learner` takes the steps; left out, it is one for a network in the processor's memory.
    """

    def __init__(
        self,
        network: EngineNetwork,
        training: Training,
        dataset: Dataset,
        *,
        plan: Plan,
        seed: int,
        learner: Learner | None = None,
    ) -> None:
        self.network, self.training, self.dataset, self.plan, self.seed = network, training, dataset, plan, seed
        self.judge = judge_of(plan.data)
        self.learner = learner or _learner(network, training, dataset.train)
        self.progress = Progress()
        self.best: Weights = {}

    @property
    def batches(self) -> int:
        """Batches of one epoch; the last one may be smaller. Where a step takes every example, they are one batch."""
        if self.training.optimizer.takes_every_example:
            return 1
        return -(-len(self.dataset.train) // self.training.batch)

    def epochs(
        self, *, stop: Callable[[], bool] = lambda: False, on_batch: Callable[[Progress], None] | None = None
    ) -> Iterator[Epoch]:
        """Trains what is left and yields each epoch as it ends; the state is then that of the epoch's end.

        `stop` is asked before every batch: Stopped is raised where it says yes. Raises UserError where the cost stops
        being finite.
        """
        while self.progress.epoch < self.training.epochs and not self._is_over():
            epoch = self._epoch(stop, on_batch)
            self.progress.add(epoch)
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

    def close(self) -> None:
        """No more steps are taken; the state can still be read."""
        if not isinstance(self.learner, Lbfgs):
            self.learner.close()

    def checkpoint(self) -> Checkpoint:
        """The whole state between two batches."""
        groups: dict[str, Arrays] = {
            "weights": self.network.weights,
            "optimizer": self.learner.state(),
            "best": self.best,
            "history": {name: np.array(column) for name, column in self.progress.columns.items()},
        }
        return Checkpoint(groups, self.progress.plain())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on from a saved state; the network must have been built with the weights of it."""
        columns = checkpoint.groups.get("history", {})
        self.progress = Progress.of(checkpoint.figures, {name: column.tolist() for name, column in columns.items()})
        self.learner.restore(checkpoint.groups.get("optimizer", {}))
        self.best = dict(checkpoint.groups.get("best", {}))

    def _epoch(self, stop: Callable[[], bool], on_batch: Callable[[Progress], None] | None) -> Epoch:
        started = time.perf_counter()
        train, size, progress = self.dataset.train, self.training.batch, self.progress
        number = progress.epoch + 1
        order = order_of(self.seed, epoch=number, count=len(train))
        while progress.batch < self.batches:
            if stop():
                raise Stopped
            if isinstance(self.learner, Lbfgs):
                self._step_over_all(self.learner, number, stop)
            else:
                begin = progress.batch * size
                self._step(self.learner, order[begin : begin + size], number)
            progress.batch += 1
            if on_batch is not None:
                on_batch(progress)
        epoch = self._finish(number, started)
        progress.epoch, progress.batch, progress.cost_sum, progress.tally = number, 0, 0.0, 0.0
        return epoch

    def _step(self, learner: Learner, chosen: NDArray[np.int64], number: int) -> None:
        progress, train = self.progress, self.dataset.train
        share, draw = self._share(number, progress.batch), self._draw(number, progress.batch)
        step = learner.step(chosen, draw=draw, share=share)
        if not math.isfinite(step.cost):
            self._fail(train.pictures_at(chosen), number)
        truth = train.truth[chosen]
        progress.cost_sum += step.cost * weight_of(self.training.cost, truth)
        progress.tally += self.judge.tally(step.votes, truth)

    def _step_over_all(self, optimizer: Lbfgs, number: int, stop: Callable[[], bool]) -> None:
        """One step of an optimizer that needs the cost of all examples, perhaps several times."""
        train, cost, progress = self.dataset.train, self.training.cost, self.progress

        def before() -> None:
            if stop():
                raise Stopped

        def measured() -> Measured:
            draw = partial(self._draw, number)
            return measure(self.network, train, cost, judge=self.judge, draw=draw, before=before)

        found = optimizer.step(self.network.values, measured)
        if not is_finite(found):
            self._fail(train.pictures_at(np.arange(min(len(train), SLICE))), number)
        progress.cost_sum, progress.tally = found.cost * weight_of(cost, train.truth), found.tally

    def _draw(self, number: int, batch: int) -> Draw:
        return StepDraw(self.seed, number, batch)

    def _share(self, number: int, batch: int) -> float:
        """The share of the learning rate that a batch is trained with."""
        length = Length(self.training.epochs * self.batches, self.batches)
        return share_at(self.training.schedule, (number - 1) * self.batches + batch, length)

    def _finish(self, number: int, started: float) -> Epoch:
        train, spec, progress = self.dataset.train, self.training.optimizer, self.progress
        mean = progress.cost_sum / weight_of(self.training.cost, train.truth)
        training = {"cost": mean, self.judge.figure: progress.tally / len(train)}
        validation = self.evaluate(self.dataset.validation) if len(self.dataset.validation) else {}
        rate = None
        if isinstance(spec, SteppingOptimizer):
            rate = spec.learning_rate * self._share(number, self.batches - 1)
        return Epoch(number, training, validation, time.perf_counter() - started, rate)

    def evaluate(self, examples: Examples) -> Figures:
        """The figures of the network as it stands, the mean cost among them."""
        return self.judge.figures(votes_for(self.network, examples), examples.truth, self.training.cost)

    def _keep_best(self, epoch: Epoch) -> None:
        if epoch.cost_validation is not None and epoch.cost_validation < self.progress.best_cost:
            self.progress.best_cost, self.progress.best_epoch = epoch.cost_validation, epoch.number
            self.best = self.network.weights

    def _is_over(self) -> bool:
        """Whether patience has run out, or no step lowers the cost any further."""
        if isinstance(self.learner, Lbfgs) and self.learner.finished:
            return True
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
