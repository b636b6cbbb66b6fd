"""Plain descriptions of plans and results, the same for `--json`, artifacts and tables."""

from __future__ import annotations

from typing import Any

from convspec.plan import LayerPlan, Plan
from convspec.training import Training


def describe_layer(layer: LayerPlan) -> dict[str, Any]:
    """One layer: shapes and bytes are of one example, receptive field and stride in pixels, one number for each
    dimension."""
    return {
        "name": layer.name,
        "kind": layer.kind,
        "input_shape": list(layer.input_shape),
        "output_shape": list(layer.output_shape),
        "parameters": layer.parameter_count,
        "multiply_adds": layer.multiply_adds,
        "activation_bytes": layer.activation_bytes,
        "receptive_field": list(layer.receptive_field),
        "stride": list(layer.stride),
    }


def describe_plan(plan: Plan, training: Training | None) -> dict[str, Any]:
    """A whole plan: its layers and totals for one example; `training_bytes` are those of one batch in training."""
    return {
        "input_shape": list(plan.data.shape),
        "classes": list(plan.data.classes),
        "targets": list(plan.data.targets),
        "layers": [describe_layer(layer) for layer in plan.every_layer],
        "parameters": plan.parameter_count,
        "multiply_adds": plan.multiply_adds,
        "activation_bytes": plan.activation_bytes,
        "training_bytes": plan.training_bytes(training) if training else 0,
    }
