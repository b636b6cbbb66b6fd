"""The files in which a pipeline and its weights travel: the normalised YAML and safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from convspec.dump import yaml_text
from convspec.errors import UserError
from convspec.loading import Loaded, load_text
from convspec.network import locations
from convspec.paths import value_at
from convspec.pipeline import Pipeline

PIPELINE_FILE = "pipeline.yaml"
WEIGHTS_FILE = "weights.safetensors"
DATA_FILES = ("images", "labels", "targets", "test_images", "test_labels")
"""Fields of the data that name a file."""
PATHS = ("images", "labels", "targets", "test_images", "test_labels", "path")
"""The fields of `data` that name files or folders."""


def normalised(loaded: Loaded) -> dict[str, Any]:
    """The pipeline with every default written out and every file path absolute, so that it runs the same anywhere."""
    plain: dict[str, Any] = loaded.pipeline.plain()
    data = plain["data"]
    for field in PATHS:
        if field in data:
            data[field] = str((loaded.folder / data[field]).resolve())
    if "images" in data:
        data["dimensions"] = loaded.plan.data.rank
        data["shape"] = list(loaded.plan.data.shape)
        if loaded.plan.data.targets:
            data["target_names"] = list(loaded.plan.data.targets)
        else:
            data["classes"] = len(loaded.plan.data.classes)
    return plain


def pipeline_text(loaded: Loaded) -> str:
    """The normalised pipeline as YAML."""
    return yaml_text(normalised(loaded))


def read_pipeline(path: Path) -> Loaded:
    """A pipeline stored beside weights; the data need not be there."""
    return load_text(path.read_text(encoding="utf-8"), str(path), folder=path.parent)


def flattened(pipeline: Mapping[str, Any]) -> dict[str, str]:
    """Every value of a normalised pipeline under its path. Layers inside of others stand under their own names."""
    found: dict[str, str] = {}
    for key, value in pipeline.items():
        if key not in ("network", "description"):
            found |= _flat(key, value)
    seen = set()
    for name, location in locations(pipeline["network"]).items():
        if location not in seen:
            seen.add(location)
            found |= _flat_layer(f"network.{name}", value_at(pipeline, location))
    return found


def _flat_layer(path: str, layer: object) -> dict[str, str]:
    if not isinstance(layer, Mapping):
        return {path: str(layer)}
    ((kind, fields),) = layer.items()
    own = {field: value for field, value in fields.items() if field not in ("layers", "branches")}
    return _flat(path, own) or {path: str(kind)}


def _flat(path: str, value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {key: text for step, inner in value.items() for key, text in _flat(f"{path}.{step}", inner).items()}
    return {path: str(value).lower() if isinstance(value, bool) else str(value)}


def weights_bytes(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Weights as the content of a safetensors file: equal weights give equal bytes."""
    from safetensors.numpy import save

    return save({name: weights[name] for name in sorted(weights)})


def digest(content: bytes) -> str:
    """SHA-256 of a file's content, as `sha256sum` prints it."""
    return sha256(content).hexdigest()


def digest_of_data(loaded: Loaded) -> str:
    """SHA-256 over the contents of the files that the data come from, whatever they are called; of nothing where they come with
    the program. Raises UserError where one of them cannot be read."""
    total = sha256()
    data = loaded.pipeline.data.plain()
    for field in DATA_FILES:
        if field in data:
            path = loaded.folder / data[field]
            try:
                with path.open("rb") as stream:
                    total.update(file_digest(stream, "sha256").digest())
            except OSError as error:
                raise UserError(f"{path} cannot be read: {error.strerror}.", hint="Look at data in the file.") from None
    return total.hexdigest()


def read_weights(path: Path, pipeline: Pipeline) -> dict[str, NDArray[Any]]:
    """Weights from a safetensors file. Raises UserError where it is not one."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} holds no weights for {pipeline.experiment}: {error}.") from None
