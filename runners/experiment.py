"""Training and evaluating one pipeline, with no word about where it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from convspec.loading import Loaded
from runners.computation import Computation
from runners.data import Dataset, load
from runners.data.words import require_words
from runners.engines.choice import EngineChoice, choose
from runners.engines.initial import initial_weights
from runners.training.checkpoint import Checkpoint
from runners.training.costs import mean_cost
from runners.training.epochs import Epoch, Progress
from runners.training.loop import Trainer, votes_for
from runners.training.metrics import ClassFigures, class_figures, confusion_matrix, correct

Weights = dict[str, NDArray[Any]]


class Observer(Protocol):
    """Whoever wants to follow a training: a progress bar, a spool."""

    def on_start(self, trainer: Trainer) -> None:
        """Training begins, or goes on, where `trainer.progress` says."""

    def on_batch(self, progress: Progress) -> None:
        """A batch is done."""

    def on_epoch(self, epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> None:
        """An epoch is done; `checkpoint` gives the state at its end."""


@dataclass
class Experiment:
    """One pipeline with its data at hand. `trainer` is there once training has begun, `seconds` when it has ended."""

    loaded: Loaded
    dataset: Dataset
    engine: EngineChoice
    threads: int = 1
    trainer: Trainer | None = None
    seconds: float = 0.0

    @classmethod
    def prepare(cls, loaded: Loaded, *, threads: int, begun: str | None = None, device: str = "auto") -> Experiment:
        """Reads the data and chooses the engine; `begun` is that of a run which is gone on with or repeated. Raises UserError
        where one of them is not there."""
        pipeline = loaded.pipeline
        chosen = choose(pipeline, loaded.plan, begun=begun, device=device)
        dataset = load(
            pipeline.data, folder=loaded.folder, seed=pipeline.seed, everything_is_test=pipeline.training is None
        )
        if loaded.plan.words is not None:
            require_words(dataset, loaded.plan.words)
        return cls(loaded, dataset, chosen, threads)

    @property
    def computation(self) -> Computation:
        """What makes the networks."""
        return Computation(self.loaded.plan, self.engine, self.threads)

    def train(
        self, observers: list[Observer], *, stop: Callable[[], bool], checkpoint: Checkpoint | None = None
    ) -> Weights:
        """The best weights, or those given in the file where nothing is trained. Raises Stopped where `stop` says so."""
        pipeline, plan = self.loaded.pipeline, self.loaded.plan
        start = initial_weights(plan, pipeline.seed) if checkpoint is None else checkpoint.groups["weights"]
        if pipeline.training is None:
            return start
        trainer = self.computation.trainer(start, pipeline.training, self.dataset, seed=pipeline.seed)
        self.trainer = trainer
        if checkpoint is not None:
            trainer.restore(checkpoint)
        for observer in observers:
            observer.on_start(trainer)

        def on_batch(progress: Progress) -> None:
            for observer in observers:
                observer.on_batch(progress)

        for epoch in trainer.epochs(stop=stop, on_batch=on_batch):
            for observer in observers:
                observer.on_epoch(epoch, trainer.checkpoint)
        self.seconds = sum(epoch.seconds for epoch in trainer.progress.history)
        return trainer.best_weights()

    def evaluate(self, weights: Weights) -> Evaluation:
        """Final figures on the test examples."""
        plan, training = self.loaded.plan, self.loaded.pipeline.training
        test = self.dataset.test
        if not len(test):
            return Evaluation({}, (), ())
        votes = votes_for(self.computation.network(weights), test)
        matrix = confusion_matrix(votes, test.labels)
        metrics = {"accuracy/test": correct(votes, test.labels) / len(test)}
        if training is not None:
            metrics["cost/test"] = mean_cost(training.cost, votes, test.labels)
        return Evaluation(metrics, tuple(map(tuple, matrix.tolist())), class_figures(matrix, plan.data.classes))


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name, the confusion matrix (true classes are rows), and figures for each class."""

    metrics: dict[str, float]
    matrix: tuple[tuple[int, ...], ...]
    classes: tuple[ClassFigures, ...]
