"""The model directory is one that MLflow itself reads, and loads without pickle."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from runners.tracking import flavor, record
from runners.tracking.spool import Spool

if TYPE_CHECKING:
    from mlflow import MlflowClient


class BrightestColumn:
    """A stand-in for the network, to test how images reach it: votes are the sums of the columns."""

    def __init__(self, folder: Path) -> None:
        self.read = [(folder / name).read_bytes() for name in ("pipeline.yaml", "weights.safetensors")]

    def votes(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        assert x.ndim == 4
        return x.sum(axis=(1, 2))


@pytest.fixture(autouse=True)
def _prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("runners.prediction")
    module.load = BrightestColumn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "runners.prediction", module)
    monkeypatch.setattr("runners.prediction", module, raising=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model directory for two images of one channel, 2 x 3."""
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    folder = tmp_path / "model"
    flavor.write_model(folder, pipeline_text="experiment: e\n", weights=weights, input_shape=(1, 2, 3), votes=3)
    return folder


IMAGES = np.array([[[1, 2, 3], [4, 5, 6]], [[0, 0, 1], [0, 0, 1]]], dtype=np.float32)
VOTES = [[5, 7, 9], [0, 0, 2]]


def test_images_become_votes(model: Path) -> None:
    votes = flavor._load_pyfunc(str(model / "data")).predict(IMAGES[:, None])
    assert votes.tolist() == VOTES
    assert votes.dtype == np.float32


def test_mlflow_loads_the_model_and_holds_callers_to_its_signature(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    loaded = mlflow.pyfunc.load_model(str(model))
    assert loaded.predict(IMAGES[:, None]).tolist() == VOTES
    assert loaded.metadata.get_input_schema().to_dict()[0]["tensor-spec"] == {
        "dtype": "float32",
        "shape": (-1, 1, 2, 3),
    }
    assert loaded.metadata.get_output_schema().to_dict()[0]["tensor-spec"] == {"dtype": "float32", "shape": (-1, 3)}
    with pytest.raises(mlflow.MlflowException, match="does not match expected shape"):
        loaded.predict(IMAGES[:, :, :2])


def test_a_logged_model_knows_its_id_and_its_run(
    client: MlflowClient, spool: Spool, start: Callable[..., None], deliver: Callable[..., record.Record], model: Path
) -> None:
    import mlflow

    start()
    model.rename(spool.folder / "model")
    spool.model(spool.folder / "model", metrics={}, step=1)
    run_id = deliver(spool.folder).run_id
    (output,) = client.get_run(run_id).outputs.model_outputs
    info = mlflow.models.get_model_info(f"models:/{output.model_id}")
    assert (info.model_id, info.run_id, info.mlflow_version) == (output.model_id, run_id, mlflow.__version__)
    assert mlflow.pyfunc.load_model(f"models:/{output.model_id}").predict(IMAGES[:, None]).tolist() == VOTES


def test_the_directory_holds_no_pickle_and_no_code_and_says_what_it_needs(model: Path) -> None:
    files = sorted(str(path.relative_to(model)) for path in model.rglob("*") if path.is_file())
    assert files == ["MLmodel", "data/pipeline.yaml", "data/weights.safetensors", "python_env.yaml", "requirements.txt"]
    assert f"numpy=={np.__version__}\n" in (model / "requirements.txt").read_text()
    described = yaml.safe_load((model / "MLmodel").read_text())
    assert described["flavors"]["python_function"]["loader_module"] == "runners.tracking.flavor"
    assert "code" not in described["flavors"]["python_function"]
