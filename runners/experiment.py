"""Training and evaluating one pipeline, with no word about where it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from convspec.loading import Loaded
from convspec.training import Training
from runners.computation import Computation
from runners.data import Dataset, load
from runners.data.words import require_words
from runners.engines.choice import EngineChoice, choose
from runners.engines.initial import initial_weights
from runners.place import LostProcessError
from runners.processes import Processes
from runners.training.checkpoint import Checkpoint
from runners.training.epochs import Epoch, Progress
from runners.training.findings import Findings
from runners.training.judge import judge_of
from runners.training.loop import Trainer, votes_for

Weights = dict[str, NDArray[Any]]


def read_data(loaded: Loaded) -> Dataset:
    """The data of a pipeline. Raises UserError where they are missing or wrong."""
    pipeline = loaded.pipeline
    return load(pipeline.data, folder=loaded.folder, seed=pipeline.seed, everything_is_test=pipeline.training is None)


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
    processes: Processes = field(default_factory=Processes)
    trainer: Trainer | None = None
    seconds: float = 0.0

    @classmethod
    def prepare(
        cls,
        loaded: Loaded,
        *,
        threads: int,
        begun: str | None = None,
        device: str = "auto",
        compiled: bool = False,
        processes: Processes | None = None,
        read: Callable[[Loaded], Dataset] | None = None,
    ) -> Experiment:
        """Reads the data and chooses the engine; `begun` is that of a run which is gone on with or repeated. `processes` are
        those that share the training, where the pipeline asks for several; `read` gives the data. Raises UserError where one of
        them is not there."""
        pipeline, processes = loaded.pipeline, processes or Processes()
        chosen = choose(pipeline, loaded.plan, begun=begun, device=device, compiled=compiled, place=processes.place)
        dataset = (read or read_data)(loaded)
        if loaded.plan.words is not None:
            require_words(dataset, loaded.plan.words)
        return cls(loaded, dataset, chosen, threads, processes)

    @property
    def computation(self) -> Computation:
        """What makes the networks."""
        precision = self.loaded.pipeline.precision
        return Computation(self.loaded.plan, self.engine, self.threads, precision, self.processes.place)

    @property
    def identity(self) -> str:
        """What must be the same in all processes that share a training."""
        pipeline = self.loaded.pipeline
        parts = (pipeline.network, pipeline.training, pipeline.seed, pipeline.precision, self.engine.compiled)
        return f"{self.dataset.checksum} {parts!r}"

    def train(
        self, observers: list[Observer], *, stop: Callable[[], bool], checkpoint: Checkpoint | None = None
    ) -> Weights:
        """The best weights, or those given in the file where nothing is trained. Raises Stopped where `stop` says so."""
        pipeline, plan = self.loaded.pipeline, self.loaded.plan
        start = initial_weights(plan, pipeline.seed) if checkpoint is None else checkpoint.groups["weights"]
        if pipeline.training is None:
            return start
        try:
            self._train(pipeline.training, start, observers, stop, checkpoint)
        except LostProcessError as error:
            raise self.processes.explained(error) from None
        assert self.trainer is not None
        return self.trainer.best_weights()

    def _train(
        self,
        training: Training,
        start: Weights,
        observers: list[Observer],
        stop: Callable[[], bool],
        checkpoint: Checkpoint | None,
    ) -> None:
        seed = self.loaded.pipeline.seed
        trainer = self.computation.trainer(start, training, self.dataset, seed=seed, identity=self.identity)
        self.trainer = trainer
        if checkpoint is not None:
            trainer.restore(checkpoint)
        for observer in observers:
            observer.on_start(trainer)

        def on_batch(progress: Progress) -> None:
            for observer in observers:
                observer.on_batch(progress)

        with closing(trainer):
            for epoch in trainer.epochs(stop=stop, on_batch=on_batch):
                for observer in observers:
                    observer.on_epoch(epoch, trainer.checkpoint)
        self.seconds = sum(epoch.seconds for epoch in trainer.progress.history)

    def follow(self) -> None:
        """Takes part in what the first process trains, until that has done."""
        pipeline = self.loaded.pipeline
        assert pipeline.training is not None, "no process shares what is not trained"
        start = initial_weights(self.loaded.plan, pipeline.seed)
        self.computation.follow(start, pipeline.training, self.dataset, seed=pipeline.seed, identity=self.identity)

    def evaluate(self, weights: Weights) -> Evaluation:
        """Final figures on the test examples."""
        training, test = self.loaded.pipeline.training, self.dataset.test
        if not len(test):
            return Evaluation({})
        judge, votes = judge_of(self.loaded.plan.data), votes_for(self.computation.network(weights), test)
        figures = judge.figures(votes, test.truth, training.cost if training else None)
        metrics = {f"{name}/test": figure for name, figure in figures.items()}
        return Evaluation(metrics, judge.findings(votes, test.truth))


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name, and what else was found, where there was anything to test on."""

    metrics: dict[str, float]
    findings: Findings | None = None

    def plain(self) -> dict[str, Any]:
        """For `--json` and artifacts."""
        return {"metrics": self.metrics, **(self.findings.plain() if self.findings else {})}
