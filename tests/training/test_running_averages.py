"""Running averages of batches in a whole training: resumed to the bit, recorded with the weights, used outside training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convspec.loading import Loaded, load_text
from runners.experiment import Experiment
from runners.files import digest, weights_bytes
from runners.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from runners.training.loop import Stopped

TEXT = """
experiment: averages
data: {source: xs_and_os, examples: 300, noise: 0.8, split: {validation: 0.2, test: 0.2}}
network:
  - convolution: {features: 3, size: 3, padding: same, bias: false}
  - batch_normalization: {name: steady}
  - residual:
      layers:
        - relu
        - convolution: {features: 4, size: 3, padding: same, stride: 2}
        - batch_normalization: {name: inner}
  - branches:
      name: both
      branches: [[{convolution: {features: 2, size: 1}}], [batch_normalization, dropout]]
  - fully_connected: {neurons: 2}
training: {epochs: 4, batch: 16, optimizer: {adam: {learning_rate: 0.01}}}
seed: 3
"""


def loaded(*settings: str) -> Loaded:
    return load_text(TEXT, "averages.yaml", folder=Path(), settings=settings)


def trained(*, threads: int = 1, checkpoint: Checkpoint | None = None) -> tuple[Experiment, str]:
    experiment = Experiment.prepare(loaded(), threads=threads)
    weights = experiment.train([], stop=lambda: False, checkpoint=checkpoint)
    return experiment, digest(weights_bytes(weights))


@pytest.mark.parametrize("batches", [1, 9, 14])
def test_a_training_stopped_at_any_batch_goes_on_to_the_same_weights(tmp_path: Path, batches: int) -> None:
    _, expected = trained(threads=2)
    experiment = Experiment.prepare(loaded(), threads=1)
    asked = iter(range(batches + 1))
    with pytest.raises(Stopped):
        experiment.train([], stop=lambda: next(asked) == batches)
    assert experiment.trainer is not None
    checkpoint = experiment.trainer.checkpoint()
    assert checkpoint.groups["weights"]["inner.variance"].shape == (4,)
    write_checkpoint(tmp_path / "checkpoint", checkpoint)
    assert trained(checkpoint=read_checkpoint(tmp_path / "checkpoint"))[1] == expected


def test_they_follow_the_batches_and_bring_the_network_to_its_accuracy() -> None:
    experiment = Experiment.prepare(loaded(), threads=1)
    weights = experiment.train([], stop=lambda: False)
    assert np.abs(weights["steady.mean"]).max() > 0.01
    assert (weights["steady.variance"] != 1).all()
    assert experiment.evaluate(weights).metrics["accuracy/test"] > 0.85


@pytest.mark.parametrize(
    ("setting", "layer", "field", "value"),
    [
        ("network.inner.momentum=0.5", "inner", "momentum", 0.5),
        ("network[2].layers[2].epsilon=0.5", "inner", "epsilon", 0.5),
        ("network.both.branches[0][0].features=7", "convolution_3", "features", 7),
        ("network[3].branches[1][1].rate=0.25", "dropout_1", "rate", 0.25),
        ("network.both.join=concatenate", "both", "join", "concatenate"),
        ("network.convolution_2.stride=[2, 2]", "convolution_2", "stride", (2, 2)),
    ],
)
def test_settings_reach_layers_within_layers(setting: str, layer: str, field: str, value: object) -> None:
    (found,) = (one.layer for one in loaded(setting).plan.every_layer if one.name == layer)
    assert getattr(found, field) == value
