"""One tracked run, from a checked pipeline to a result in the store: train, evaluate, draw, record."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convspec.errors import INTERRUPTED, UserError
from convspec.loading import Loaded
from convspec.network import locations
from convspec.values import shown
from runners import environment, files
from runners.interruption import Interruption
from runners.report import describe_plan
from runners.result import Result
from runners.tracking.process import Drainer, start_drainer
from runners.tracking.record import folder_of
from runners.tracking.spool import DatasetIdentity, Spool

if TYPE_CHECKING:
    from runners.data import Dataset
    from runners.experiment import Evaluation, Experiment, Observer
    from runners.training.checkpoint import Checkpoint
    from runners.training.loop import Epoch, Progress, Trainer

PICTURES = "pictures"


class InterruptedRunError(UserError):
    """Somebody asked the run to stop; it is saved."""

    def __init__(self, run_id: str, file: str, epoch: int) -> None:
        place = f"after epoch {epoch}" if epoch else "in its first epoch"
        resume = f"convspec run {file} --resume {run_id}" if run_id else ""
        hint = (
            f"Go on with: {resume}"
            if run_id
            else "The store could not be reached; `convspec list` shows the run once it can."
        )
        super().__init__(f"Interrupted {place}; everything so far is saved.", hint=hint, exit_code=INTERRUPTED)
        self.run_id = run_id


@dataclass(frozen=True)
class Request:
    """What is asked for besides the pipeline: where to keep things, threads, and which run to go on with."""

    home: Path
    tracking_uri: str
    threads: int = 1
    resume: str | None = None


def run(loaded: Loaded, request: Request, observers: list[Observer]) -> Result:
    """Trains, evaluates and records a pipeline. Raises UserError (with the run recorded as FAILED where it had begun)."""
    started = time.perf_counter()
    spool = _open_spool(loaded, request)
    drainer = start_drainer(spool, request.tracking_uri)
    try:
        return _Run(loaded, request, spool, drainer, started).go(observers)
    finally:
        drainer.close()


def _open_spool(loaded: Loaded, request: Request) -> Spool:
    if request.resume is None:
        name = f"{loaded.pipeline.experiment}-{time.strftime('%Y%m%d-%H%M%S')}"
        return Spool.create(request.home, name)
    folder = folder_of(request.home, request.resume)
    if folder is None:
        raise UserError(
            f"Run {request.resume} has nothing to go on from in {request.home / '.convspec'}.",
            hint="Only a run that was interrupted in this folder can be resumed; `convspec list` shows the runs.",
        )
    _check_unchanged(loaded, folder / "artifacts" / files.PIPELINE_FILE, request.resume)
    return Spool.reopen(folder)


def _check_unchanged(loaded: Loaded, stored: Path, run_id: str) -> None:
    """A run goes on only with the pipeline that it began with."""
    if not stored.is_file():
        return
    before, now = _flat(files.read_pipeline(stored)), _flat(loaded)
    changed = [
        f"{path} {shown(before.get(path), quotes=False)} then, {shown(now.get(path), quotes=False)} now"
        for path in sorted(before.keys() | now.keys())
        if before.get(path) != now.get(path)
    ]
    if changed:
        raise UserError(
            f"{loaded.file} has changed since run {run_id} began: {'; '.join(changed[:5])}.",
            hint="Change it back to go on, or leave out --resume to begin a new run.",
        )


def _flat(loaded: Loaded) -> dict[str, str]:
    plain = files.normalised(loaded)
    return files.flattened(plain, list(locations(plain["network"]))) | {"description": str(plain["description"])}


class _Run:
    """The stages of one run; the spool is told of each as it ends."""

    def __init__(self, loaded: Loaded, request: Request, spool: Spool, drainer: Drainer, started: float) -> None:
        self.loaded, self.request, self.spool, self.drainer, self.started = loaded, request, spool, drainer, started

    def go(self, observers: list[Observer]) -> Result:
        from runners.experiment import Experiment

        try:
            experiment = Experiment.prepare(self.loaded, threads=self.request.threads)
            checkpoint = self._saved(experiment.dataset)
        except UserError:
            self.spool.discard()
            raise
        self._announce(experiment.dataset)
        try:
            return self._train(experiment, checkpoint, observers)
        except UserError as error:
            if not isinstance(error, InterruptedRunError):
                self.spool.end("FAILED", reason=str(error))
                self.drainer.wait()
            raise

    def _train(self, experiment: Experiment, checkpoint: Checkpoint | None, observers: list[Observer]) -> Result:
        from runners.training.loop import Stopped

        recorder = _Recorder(self.spool, experiment.dataset.checksum)
        with Interruption() as interruption:
            try:
                weights = experiment.train([recorder, *observers], stop=interruption, checkpoint=checkpoint)
            except Stopped:
                self._interrupted(experiment, recorder)
            evaluation = experiment.evaluate(weights)
            content = files.weights_bytes(weights)
            self._record(experiment, evaluation, content)
        outcome = self.drainer.wait()
        trainer = experiment.trainer
        return Result(
            run_id=outcome.run_id,
            experiment_id=outcome.experiment_id,
            metrics=self._metrics(experiment, evaluation),
            weights_sha256=files.digest(content),
            seconds=time.perf_counter() - self.started,
            epochs=trainer.progress.epoch if trainer else 0,
            best_epoch=trainer.progress.best_epoch if trainer else 0,
            classes=evaluation.classes,
            matrix=evaluation.matrix,
            note="" if outcome.sent else outcome.message,
        )

    def _saved(self, dataset: Dataset) -> Checkpoint | None:
        from runners.training.checkpoint import read_checkpoint

        if self.request.resume is None or not self.spool.checkpoint.is_file():
            return None
        checkpoint = read_checkpoint(self.spool.checkpoint)
        figures = dict(checkpoint.figures)
        if figures.pop("data", None) != dataset.checksum:
            raise UserError(
                f"The data have changed since run {self.request.resume} began.",
                hint="Put the files back to go on, or leave out --resume to begin a new run.",
            )
        return replace(checkpoint, figures=figures)

    def _announce(self, dataset: Dataset) -> None:
        pipeline, plain = self.loaded.pipeline, files.normalised(self.loaded)
        text = files.pipeline_text(self.loaded)
        machine = environment.describe() | {"threads": str(self.request.threads)}
        tags = {
            "mlflow.source.name": self.loaded.file,
            "mlflow.source.type": "LOCAL",
            "mlflow.user": getpass.getuser(),
            "convspec.pipeline_sha256": files.digest(text.encode()),
            "convspec.data_sha256": dataset.checksum,
            "convspec.environment": json.dumps(machine),
        }
        commit = environment.commit(Path.cwd())
        if commit is not None:
            tags["mlflow.source.git.commit"] = commit
        self.spool.start(
            pipeline.experiment,
            name=f"{pipeline.experiment} seed {pipeline.seed}",
            description=pipeline.description,
            params=files.flattened(plain, list(locations(plain["network"]))),
            tags=tags,
            datasets=_identities(dataset, pipeline.data.source),
        )
        if self.request.resume is None:
            self._keep(files.PIPELINE_FILE, text)
            self._keep("plan.json", json.dumps(describe_plan(self.loaded.plan, pipeline.training), indent=1))

    def _keep(self, name: str, text: str) -> None:
        path = self.spool.staging / name
        path.write_text(text, encoding="utf-8")
        self.spool.artifact(path)

    def _interrupted(self, experiment: Experiment, recorder: _Recorder) -> None:
        assert experiment.trainer is not None
        recorder.save(experiment.trainer.checkpoint())
        self.spool.end("KILLED", reason="interrupted")
        outcome = self.drainer.wait()
        raise InterruptedRunError(outcome.run_id, self.loaded.file, experiment.trainer.progress.epoch)

    def _metrics(self, experiment: Experiment, evaluation: Evaluation) -> dict[str, float]:
        metrics = dict(evaluation.metrics)
        trainer = experiment.trainer
        if trainer is not None and trainer.progress.history:
            history, best = trainer.progress.history, trainer.progress.best_epoch
            metrics |= history[best - 1 if best else -1].metrics()
            metrics["time/training_seconds"] = sum(epoch.seconds for epoch in history)
            metrics.pop("time/epoch_seconds")
        return metrics

    def _record(self, experiment: Experiment, evaluation: Evaluation, content: bytes) -> None:
        from runners.tracking.flavor import write_model

        step = experiment.trainer.progress.epoch if experiment.trainer else 0
        final = evaluation.metrics | {
            "time/training_seconds": self._metrics(experiment, evaluation).get("time/training_seconds", 0.0)
        }
        self.spool.metrics(final, step=step)
        self.spool.tags({"convspec.weights_sha256": files.digest(content)})
        self._keep("evaluation.json", json.dumps(asdict(evaluation), indent=1))
        weights_file = self.spool.folder / files.WEIGHTS_FILE
        weights_file.write_bytes(content)
        model = self.spool.folder / "model"
        write_model(
            model,
            pipeline_text=files.pipeline_text(self.loaded),
            weights=weights_file,
            input_shape=self.loaded.plan.data.shape,
            classes=len(self.loaded.plan.data.classes),
        )
        self.spool.model(model, metrics=evaluation.metrics, step=step)
        self._draw(experiment, evaluation, content)
        self.spool.end("FINISHED")

    def _draw(self, experiment: Experiment, evaluation: Evaluation, content: bytes) -> None:
        from safetensors.numpy import load as load_weights

        from runners import pictures

        folder = self.spool.staging / PICTURES
        folder.mkdir(exist_ok=True)
        drawn = []
        if experiment.trainer is not None:
            drawn.append(pictures.curves(experiment.trainer.progress.history, folder / "curves.png"))
        if evaluation.matrix:
            names = self.loaded.plan.data.classes
            drawn.append(pictures.confusion_matrix(evaluation.matrix, names, folder / "confusion_matrix.png"))
        first = self.loaded.plan.layers[0]
        if first.kind == "convolution":
            weight = load_weights(content)[f"{first.name}.weight"]
            drawn.append(pictures.first_layer_features(weight, folder / "first_layer_features.png"))
        for path in drawn:
            self.spool.artifact(path, PICTURES)


class _Recorder:
    """Writes every epoch into the spool, and a checkpoint beside it."""

    def __init__(self, spool: Spool, data: str) -> None:
        self.spool, self.data = spool, data

    def on_start(self, trainer: Trainer) -> None:
        """Nothing is recorded before the first epoch ends."""

    def on_batch(self, progress: Progress) -> None:
        """Batches are not recorded."""

    def on_epoch(self, epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> None:
        self.spool.metrics(epoch.metrics(), step=epoch.number)
        self.save(checkpoint())

    def save(self, checkpoint: Checkpoint) -> None:
        """The state of training, with the identity of its data."""
        from runners.training.checkpoint import write_checkpoint

        figures: dict[str, Any] = {**checkpoint.figures, "data": self.data}
        write_checkpoint(self.spool.checkpoint, replace(checkpoint, figures=figures))


def _identities(dataset: Dataset, source: str) -> tuple[DatasetIdentity, ...]:
    parts = (("training", dataset.train), ("validation", dataset.validation), ("test", dataset.test))
    return tuple(
        DatasetIdentity(source, dataset.checksum[:32], source, context, profile={"examples": len(part)})
        for context, part in parts
        if len(part)
    )
