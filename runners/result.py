"""A result: what happened when a pipeline ran."""

from __future__ import annotations

from dataclasses import dataclass, field

from runners.training.findings import Findings


@dataclass(frozen=True)
class Result:
    """Metrics by their tracked names, the digest of the weights file, and where the run is recorded.

    `run_id` is empty where the store could not be reached; `note` then says what becomes of the run.
    """

    run_id: str
    experiment_id: str
    metrics: dict[str, float]
    weights_sha256: str
    seconds: float
    epochs: int
    best_epoch: int
    findings: Findings | None = None
    note: str = ""
    engine: str = "numpy"
    device: str = "cpu"
    engine_reason: str = ""
    environment: dict[str, str] = field(default_factory=dict)
