"""One training of a family, from a task to an outcome in its own folder; it goes on where an earlier process left it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from convspec.errors import UserError, out_of_memory
from convspec.loading import load_text
from runners import files
from runners.atomic import WritingError, writing
from runners.experiment import Experiment, Observer
from runners.family.datasets import Datasets
from runners.family.task import TRAINING_LOG, Outcome, Task
from runners.recording import DATA, ENGINE, Recording, figures_of_training
from runners.tracking.spool import Spool
from runners.training.checkpoint import Checkpoint, read_checkpoint
from runners.training.epochs import Epoch, Progress
from runners.training.loop import Stopped, Trainer

Verdict = Callable[[Epoch], bool]
"""Whether a training goes on after an epoch."""


class Child:
    """Trains tasks in the folder `children` of a family. `stop` is asked before every batch."""

    def __init__(self, children: Path, *, stop: Callable[[], bool]) -> None:
        self.children, self.stop = children, stop
        self.datasets = Datasets()

    def train(self, task: Task, verdict: Verdict) -> Outcome:
        """What came of the training. Raises Stopped, with everything saved, where it was told to stop, and WritingError, with
        nothing lost that was saved before, where nothing can be written."""
        folder = self.children / task.key
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with held(folder), _log(folder):
            known = Outcome.read(folder)
            if known is not None:
                return known
            outcome = self._train(folder, task, verdict)
            outcome.write(folder)
        return outcome

    def _train(self, folder: Path, task: Task, verdict: Verdict) -> Outcome:
        spool = Spool.at(folder)
        try:
            return _Training(spool, task, self.datasets, self.stop, verdict).run()
        except MemoryError as error:
            return _failed(spool, task, str(out_of_memory(error)))
        except WritingError:
            raise
        except UserError as error:
            return _failed(spool, task, str(error))


class _Training:
    """One training under way."""

    def __init__(
        self, spool: Spool, task: Task, datasets: Datasets, stop: Callable[[], bool], verdict: Verdict
    ) -> None:
        self.spool, self.task, self.stop = spool, task, stop
        self.loaded = load_text(task.pipeline, task.file, folder=Path.cwd())
        saved = read_checkpoint(spool.checkpoint) if spool.checkpoint.is_file() else None
        self.experiment = Experiment.prepare(
            self.loaded,
            threads=task.threads,
            begun=None if saved is None else saved.figures.get(ENGINE),
            device=task.device,
            read=datasets.of,
        )
        self.checkpoint = None if saved is None else self._checked(saved)
        dataset, engine = self.experiment.dataset, self.experiment.engine
        self.recording = Recording(
            spool, self.loaded, dataset, engine, name=task.name, tags=task.tags, params=task.params, draws=False
        )
        self.asking = _Asking(verdict) if task.asks else None

    def run(self) -> Outcome:
        self.recording.announce(threads=self.task.threads, keep_files=True)
        observers: list[Observer] = [self.recording]
        if self.asking is not None:
            observers.append(self.asking)
        try:
            weights = self.experiment.train(observers, stop=self._is_to_stop, checkpoint=self.checkpoint)
        except Stopped:
            assert self.experiment.trainer is not None
            if self.asking is None or not self.asking.is_over:
                self.recording.save(self.experiment.trainer.checkpoint())
                raise
            return self._stopped_early(self.experiment.trainer)
        return self._finished(weights)

    def _is_to_stop(self) -> bool:
        return (self.asking is not None and self.asking.is_over) or self.stop()

    def _finished(self, weights: dict[str, Any]) -> Outcome:
        evaluation = self.experiment.evaluate(weights)
        content = files.weights_bytes(weights)
        trainer = self.experiment.trainer
        self.recording.finish(trainer, evaluation, content, seconds=self.experiment.seconds)
        outcome = self._outcome("FINISHED", trainer)
        metrics = outcome.metrics | evaluation.metrics
        return replace(outcome, metrics=metrics, weights_sha256=files.digest(content))

    def _stopped_early(self, trainer: Trainer) -> Outcome:
        reason = f"stopped early after epoch {trainer.progress.epoch}"
        self.spool.end("KILLED", reason=reason)
        return replace(self._outcome("STOPPED", trainer), reason=reason)

    def _outcome(self, status: Any, trainer: Trainer | None) -> Outcome:
        return Outcome(
            self.task.key,
            status,
            metrics=dict(trainer.kept.metrics()) if trainer else {},
            epochs=trainer.progress.epoch if trainer else 0,
            seconds=sum(epoch.seconds for epoch in trainer.progress.history) if trainer else 0.0,
            engine=self.experiment.engine.name,
        )

    def _checked(self, saved: Checkpoint) -> Checkpoint:
        """The state of training alone; it goes on only with the data that it began with."""
        if saved.figures.get(DATA) != self.experiment.dataset.checksum:
            raise UserError("The data have changed since the run began.", hint="Put the files back, and run again.")
        return figures_of_training(saved)


class _Asking:
    """Asks after every epoch whether the training is worth going on."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict, self.is_over = verdict, False
        self.last = 0

    def on_start(self, trainer: Trainer) -> None:
        """A training that goes on asks again about the epoch that it ended with: the answer may never have arrived."""
        self.last = trainer.training.epochs
        if trainer.progress.history and trainer.progress.epoch < self.last:
            self.is_over = not self.verdict(trainer.progress.history[-1])

    def on_batch(self, progress: Progress) -> None:
        """Nothing is asked between two epochs."""

    def on_epoch(self, epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> None:
        if epoch.number < self.last:
            self.is_over = not self.verdict(epoch)


def _failed(spool: Spool, task: Task, reason: str) -> Outcome:
    """A training that cannot be done, recorded with the reason."""
    spool.fail(task.experiment, name=task.name, tags=task.tags, reason=reason)
    return Outcome(task.key, "FAILED", reason=reason)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder for one process alone, as long as that lives: the one before may just be about to end."""
    with writing(folder):
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _log(folder: Path) -> Iterator[None]:
    """What is written on standard error goes to the training's own log."""
    with writing(folder):
        log = os.open(folder / TRAINING_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    before = os.dup(2)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
