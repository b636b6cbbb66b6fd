"""Runs as convspec records them, put into a real store by MLflow's client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

ACCURACIES = {
    "deep": {1: 0.981, 2: 0.985, 3: 0.988, 4: 0.979},
    "wide": {1: 0.980, 2: 0.986, 3: 0.985, 4: 0.980},
    "tiny": {1: 0.905, 2: 0.911, 3: 0.912, 4: 0.902},
}
PARAMETERS = {"deep": 9000, "wide": 25000, "tiny": 1200}


class Store:
    """A store with one experiment; its runs begin a second after each other."""

    def __init__(self, folder: Path, experiment: str = "letters") -> None:
        from runners.tracking.store import open_client

        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client: MlflowClient = open_client(self.uri)
        place = (folder / "mlruns" / experiment).as_uri()
        self.experiment = self.client.create_experiment(experiment, artifact_location=place)
        self._time = 1_000_000

    def run(
        self,
        name: str,
        metrics: Mapping[str, float],
        *,
        params: Mapping[str, object] = {},
        tags: Mapping[str, object] = {},
        status: str = "FINISHED",
    ) -> str:
        """One run; its id."""
        from mlflow.entities import Metric, Param

        self._time += 1000
        texts = {key: str(value) for key, value in tags.items()}
        run = self.client.create_run(self.experiment, start_time=self._time, run_name=name, tags=texts)
        figures = [Metric(key, value, self._time, 1) for key, value in metrics.items()]
        settings = [Param(key, str(value)) for key, value in params.items()]
        self.client.log_batch(run.info.run_id, metrics=figures, params=settings)
        if status != "RUNNING":
            self.client.set_terminated(run.info.run_id, status, end_time=self._time + 500)
        return str(run.info.run_id)

    def comparison(self, accuracies: Mapping[str, Mapping[int, float]] = ACCURACIES) -> str:
        """A parent with a member for each architecture and seed; the parent's id."""
        parent = self.run("letters comparison", {}, tags={"convspec.kind": "comparison"})
        for architecture, of_seeds in accuracies.items():
            for seed, accuracy in of_seeds.items():
                self.member(parent, architecture, seed, {"accuracy/test": accuracy, "time/training_seconds": 2.0})
        return parent

    def member(
        self,
        parent: str,
        architecture: str,
        seed: int,
        metrics: Mapping[str, float],
        *,
        status: str = "FINISHED",
        reason: str = "",
    ) -> str:
        """One member of a comparison."""
        parameters = PARAMETERS.get(architecture, 10)
        tags = {
            "mlflow.parentRunId": parent,
            "convspec.kind": "member",
            "convspec.architecture": architecture,
            "convspec.seed": seed,
            "convspec.parameters": parameters,
            "convspec.multiply_adds": 10 * parameters,
        }
        params = {"seed": seed, "training.epochs": 5, "network.convolution_1.features": parameters // 100}
        why = {"convspec.reason": reason} if reason else {}
        return self.run(f"{architecture} seed {seed}", metrics, params=params, tags=tags | why, status=status)
