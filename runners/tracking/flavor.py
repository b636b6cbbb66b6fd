"""The MLflow model of a trained network: a folder with the pipeline and its weights, which loads without pickle.

MLflow calls `_load_pyfunc` when it loads or serves such a model; convspec's own commands read the two files directly.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runners.prediction import Predictor

PIPELINE = Path("data/pipeline.yaml")
WEIGHTS = Path("data/weights.safetensors")
_PACKAGES = ("convspec", "mlflow", "numpy", "safetensors", "pydantic", "pyyaml")


def write_model(folder: Path, *, pipeline_text: str, weights: Path, input_shape: Sequence[int], votes: int) -> None:
    """Write a model directory for a pipeline and its weights; `input_shape` is (channels, *extents), `votes` how many
    numbers come out."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / PIPELINE).write_text(pipeline_text, encoding="utf-8")
    shutil.copyfile(weights, folder / WEIGHTS)
    (folder / "requirements.txt").write_text(_requirements())
    _dump(
        folder / "python_env.yaml",
        {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]},
    )
    _dump(folder / "MLmodel", _description(input_shape, votes))


def identify(folder: Path, *, model_id: str, run_id: str, mlflow_version: str) -> None:
    """Write into a model directory which logged model of which run it is, as MLflow does on logging."""
    path = folder / "MLmodel"
    described = yaml.safe_load(path.read_text())
    described |= {"model_id": model_id, "run_id": run_id, "mlflow_version": mlflow_version}
    _dump(path, described)


class VotingModel:
    """What MLflow calls to predict: examples in, votes of the classes or the numbers that were asked for out."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, data: NDArray[np.float32], params: dict[str, Any] | None = None) -> NDArray[np.float32]:
        """Votes (n, k) for examples (n, channels, *extents), or (n, *extents) of one channel."""
        import numpy as np

        return np.asarray(self._predictor.votes(np.asarray(data, dtype=np.float32)), np.float32)


def _load_pyfunc(data_path: str) -> VotingModel:
    """MLflow's entry: the network stored in the folder `data_path` of a model."""
    from runners import prediction

    return VotingModel(prediction.load(Path(data_path)))


def _description(shape: Sequence[int], votes: int) -> dict[str, Any]:
    function = {
        "loader_module": __name__,
        "data": "data",
        "python_version": platform.python_version(),
        "env": {"virtualenv": "python_env.yaml"},
    }
    return {
        "flavors": {"convspec": {"data": "data"}, "python_function": function},
        "signature": {"inputs": _tensor([-1, *shape]), "outputs": _tensor([-1, votes]), "params": None},
        "utc_time_created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }


def _tensor(shape: list[int]) -> str:
    return json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": shape}}])


def _requirements() -> str:
    """What a fresh environment needs to serve the model, at the versions that trained it."""
    return "".join(_pin(name) for name in _PACKAGES)


def _pin(package: str) -> str:
    try:
        return f"{package}=={version(package)}\n"
    except PackageNotFoundError:  # convspec run from its source tree
        return ""


def _dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
