"""What a spool says as MLflow's entities: figures and data sets."""

from __future__ import annotations

import json

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

from runners.tracking.events import Event


def metrics(event: Event, model_id: str | None = None) -> list[Metric]:
    """The figures of an event, each at its own time where the event says so."""
    times = event.get("times", {})
    return [
        Metric(key, value, times.get(key, event["time_ms"]), event["step"], model_id=model_id)
        for key, value in event["values"].items()
    ]


def dataset(identity: Event) -> DatasetInput:
    """A data set that a run read, and what for."""
    known = Dataset(
        name=identity["name"],
        digest=identity["digest"],
        source_type=identity["source_type"],
        source=json.dumps({"uri": identity["source"]}),
        schema=json.dumps(identity["schema"]),
        profile=json.dumps(identity["profile"]),
    )
    return DatasetInput(known, [InputTag("mlflow.data.context", identity["context"])])
