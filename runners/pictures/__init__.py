"""Pictures of a run, the only place that imports matplotlib: every function draws one PNG and returns its path."""

from __future__ import annotations

from runners.pictures.answers import answers
from runners.pictures.comparison import intervals, pareto
from runners.pictures.confusion import confusion_matrix
from runners.pictures.features import first_layer_features
from runners.pictures.progress import curves

__all__ = ["answers", "confusion_matrix", "curves", "first_layer_features", "intervals", "pareto"]
