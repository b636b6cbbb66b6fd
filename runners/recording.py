"""What of a run goes into its spool, and when: what it is, every epoch, what came of it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from convspec.loading import Loaded
from runners import environment, files
from runners.atomic import writing
from runners.report import describe_plan
from runners.tracking.spool import DatasetIdentity, Spool

if TYPE_CHECKING:
    from runners.data import Dataset
    from runners.engines.choice import EngineChoice
    from runners.experiment import Evaluation
    from runners.training.checkpoint import Checkpoint
    from runners.training.epochs import Epoch, Progress
    from runners.training.loop import Trainer

PICTURES = "pictures"
DATA = "data"
"""The figure of a checkpoint that says which data it was trained on."""
ENGINE = "engine"
"""The figure of a checkpoint that says which engine trained it."""
COMPILED = "compiled"
"""The figure of a checkpoint that says whether the steps were compiled."""


def figures_of_training(saved: Checkpoint) -> Checkpoint:
    """What the training itself saved, without what `Recording.save` adds."""
    figures = {name: figure for name, figure in saved.figures.items() if name not in (DATA, ENGINE, COMPILED)}
    return replace(saved, figures=figures)


class Recording:
    """Observes a training and writes what happens into a spool, under the run's `name`, with `tags` and `params` of its own.
    `draws` says whether there are pictures."""

    def __init__(
        self,
        spool: Spool,
        loaded: Loaded,
        dataset: Dataset,
        engine: EngineChoice,
        *,
        name: str = "",
        tags: Mapping[str, str] = MappingProxyType({}),
        params: Mapping[str, str] = MappingProxyType({}),
        draws: bool = True,
    ) -> None:
        self.spool, self.loaded, self.dataset, self.engine = spool, loaded, dataset, engine
        self.name = name or f"{loaded.pipeline.experiment} seed {loaded.pipeline.seed}"
        self.own_tags, self.own_params, self.draws = tags, params, draws

    def announce(self, *, threads: int, keep_files: bool) -> None:
        """Says what the run is; `keep_files` stores the pipeline and the plan with it."""
        pipeline = self.loaded.pipeline
        self.spool.start(
            pipeline.experiment,
            name=self.name,
            description=pipeline.description,
            params=files.flattened(files.normalised(self.loaded)) | dict(self.own_params),
            tags=self._tags(threads),
            datasets=_identities(self.dataset, pipeline.data.source),
        )
        # as figures too: MLflow draws runs by figures and parameters, not by tags
        plan = self.loaded.plan
        sizes = {"size/parameters": plan.parameter_count, "size/multiply_adds": plan.multiply_adds}
        self.spool.metrics(sizes, step=0)
        if keep_files:
            self._keep(files.PIPELINE_FILE, files.pipeline_text(self.loaded))
            self._keep("plan.json", json.dumps(describe_plan(self.loaded.plan, pipeline.training), indent=1))

    def _tags(self, threads: int) -> dict[str, str]:
        tags = {
            "mlflow.source.name": self.loaded.file,
            "mlflow.source.type": "LOCAL",
            "mlflow.user": getpass.getuser(),
            "convspec.pipeline_sha256": files.digest(files.pipeline_text(self.loaded).encode()),
            "convspec.data_sha256": self.dataset.checksum,
            "convspec.engine": self.engine.name,
            "convspec.engine_reason": self.engine.reason,
            "convspec.device": self.engine.device_name,
            "convspec.compiled": str(self.engine.compiled).lower(),
            "convspec.environment": json.dumps(environment.describe(self.engine.name) | {"threads": str(threads)}),
        }
        tags |= {
            "convspec.seed": str(self.loaded.pipeline.seed),
            "convspec.parameters": str(self.loaded.plan.parameter_count),
            "convspec.multiply_adds": str(self.loaded.plan.multiply_adds),
            **self.own_tags,
        }
        commit = environment.commit(Path.cwd())
        return tags if commit is None else tags | {"mlflow.source.git.commit": commit}

    def on_start(self, trainer: Trainer) -> None:
        """Nothing is recorded before the first epoch ends."""

    def on_batch(self, progress: Progress) -> None:
        """Batches are not recorded."""

    def on_epoch(self, epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> None:
        self.spool.metrics(epoch.metrics(), step=epoch.number)
        self.save(checkpoint())

    def save(self, checkpoint: Checkpoint) -> None:
        """The state of training, with the identity of its data and the engine."""
        from runners.training.checkpoint import write_checkpoint

        engine = {ENGINE: self.engine.name, COMPILED: self.engine.compiled}
        figures: dict[str, Any] = {**checkpoint.figures, DATA: self.dataset.checksum, **engine}
        with writing(self.spool.checkpoint):
            write_checkpoint(self.spool.checkpoint, replace(checkpoint, figures=figures))

    def finish(self, trainer: Trainer | None, evaluation: Evaluation, weights: bytes, *, seconds: float) -> None:
        """What came of the run: figures, the model, pictures, and that it is finished. `seconds` are those of training."""
        step = trainer.progress.epoch if trainer else 0
        self.spool.metrics(evaluation.metrics | {"time/training_seconds": seconds}, step=step)
        self.spool.tags({"convspec.weights_sha256": files.digest(weights)})
        self._keep("evaluation.json", json.dumps(evaluation.plain(), indent=1))
        self._keep_model(evaluation, weights, step)
        if self.draws:
            self._draw(trainer, evaluation, weights)
        self.spool.end("FINISHED")

    def _keep(self, name: str, text: str) -> None:
        path = self.spool.staging / name
        with writing(path):
            path.write_text(text, encoding="utf-8")
        self.spool.artifact(path)

    def _keep_model(self, evaluation: Evaluation, weights: bytes, step: int) -> None:
        from runners.tracking.flavor import write_model

        weights_file = self.spool.folder / files.WEIGHTS_FILE
        model = self.spool.folder / "model"
        with writing(self.spool.folder):
            weights_file.write_bytes(weights)
            write_model(
                model,
                pipeline_text=files.pipeline_text(self.loaded),
                weights=weights_file,
                input_shape=self.loaded.plan.data.shape,
                votes=len(self.loaded.plan.data.votes),
            )
        self.spool.model(model, metrics=evaluation.metrics, step=step)

    def _draw(self, trainer: Trainer | None, evaluation: Evaluation, weights: bytes) -> None:
        from safetensors.numpy import load

        from runners import pictures
        from runners.training.findings import Confusion, Distances

        folder = self.spool.staging / PICTURES
        with writing(folder):
            folder.mkdir(exist_ok=True)
            drawn = []
            if trainer is not None:
                drawn.append(pictures.curves(trainer.progress.history, trainer.judge.figure, folder / "curves.png"))
            match evaluation.findings:
                case Confusion(matrix=matrix, names=names):
                    drawn.append(pictures.confusion_matrix(matrix, names, folder / "confusion_matrix.png"))
                case Distances(votes=votes, truth=truth, names=names):
                    drawn.append(pictures.answers(votes, truth, names, folder / "answers.png"))
            first = self.loaded.plan.layers[0]
            if first.kind == "convolution" and self.loaded.plan.data.rank < 3:
                weight = load(weights)[f"{first.name}.weight"]
                drawn.append(pictures.first_layer_features(weight, folder / "first_layer_features.png"))
        for path in drawn:
            self.spool.artifact(path, PICTURES)


def _identities(dataset: Dataset, source: str) -> tuple[DatasetIdentity, ...]:
    parts = (("training", dataset.train), ("validation", dataset.validation), ("test", dataset.test))
    return tuple(
        DatasetIdentity(source, dataset.checksum[:32], source, context, profile={"examples": len(part)})
        for context, part in parts
        if len(part)
    )
