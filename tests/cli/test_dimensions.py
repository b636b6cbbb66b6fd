"""Sound, volumes and text from the outside: a run learns something real, and what it learned is asked by `predict`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convspec.errors import UserError
from runners.prediction import Predictor, load, read_input
from tests.conftest import CommandLine, Finished

Array = NDArray[Any]

SOUND = """
experiment: sound
data: {source: arrays, images: sound.npy, labels: labels.npy}
network:
  - convolution: {features: 8, size: 9, stride: 2}
  - batch_normalization
  - relu
  - pooling: {window: 3, stride: 2, padding: 1}
  - convolution: {features: 8, size: [5], padding: [2]}
  - relu
  - global_pooling
  - fully_connected: {neurons: 3}
training: {epochs: 8, batch: 32, optimizer: {adam: {learning_rate: 0.01}}}
"""
VOLUMES = """
experiment: volumes
data: {source: arrays, images: volumes.npy, labels: labels.npy, dimensions: 3}
network:
  - convolution: {features: 6, size: 3, padding: same}
  - relu
  - pooling: {window: 2, stride: 2}
  - spatial_dropout: {rate: 0.1}
  - convolution: {features: 8, size: [2, 3, 3]}
  - relu
  - global_pooling: {kind: max}
  - fully_connected: {neurons: 2}
training: {epochs: 8, batch: 20, optimizer: {adam: {learning_rate: 0.01}}}
"""
TEXT = """
experiment: text
data: {source: arrays, images: text.npy, labels: labels.npy}
network:
  - embedding: {words: 30, features: 8}
  - convolution: {features: 16, size: 2}
  - relu
  - global_pooling: {kind: max}
  - fully_connected: {neurons: 2}
training: {epochs: 12, batch: 32, optimizer: {adam: {learning_rate: 0.02}}}
"""


def sound(generator: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Tones of three pitches at any phase, in noise: (n, 100)."""
    labels = np.arange(n) % 3
    phase, time = generator.uniform(0, 2 * np.pi, (n, 1)), np.arange(100)
    pitch = np.array([0.05, 0.09, 0.16])[labels, None]
    return np.sin(2 * np.pi * pitch * time + phase) + 0.5 * generator.standard_normal((n, 100)), labels


def volumes(generator: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Rods along the first dimension or along the last one, anywhere in (n, 6, 7, 8), in noise."""
    labels = np.arange(n) % 2
    x = 0.3 * generator.standard_normal((n, 6, 7, 8))
    for one, label in zip(x, labels, strict=True):
        i, j, k = (int(generator.integers(extent - 4)) for extent in one.shape)
        one[(slice(i, i + 4), j, k) if label else (i, j, slice(k, k + 4))] += 2
    return x, labels


def text(generator: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Words of which 3 comes directly before 5 somewhere, or 5 before 3: (n, 12). Which words occur tells nothing."""
    labels = np.arange(n) % 2
    x = generator.integers(6, 30, (n, 12))
    place = generator.integers(11, size=n)
    x[np.arange(n), place], x[np.arange(n), place + 1] = np.where(labels, 3, 5), np.where(labels, 5, 3)
    return x, labels


KINDS: dict[str, tuple[str, Callable[[np.random.Generator, int], tuple[Array, Array]], str, float]] = {
    "sound": (SOUND, sound, "float32", 0.9),
    "volumes": (VOLUMES, volumes, "float32", 0.85),
    "text": (TEXT, text, "int32", 0.9),
}


class Kind:
    """A folder with a pipeline, its data and a recorded run, and fresh examples that the run never saw."""

    def __init__(self, name: str, convspec: CommandLine) -> None:
        pipeline, make, dtype, self.least = KINDS[name]
        generator = np.random.default_rng(3)
        self.convspec, self.name = convspec, name
        x, labels = make(generator, 600)
        np.save(convspec.folder / f"{name}.npy", x.astype(dtype))
        np.save(convspec.folder / "labels.npy", labels)
        (convspec.folder / "pipeline.yaml").write_text(pipeline)
        self.fresh, self.labels = make(generator, 60)
        self.fresh = self.fresh.astype(dtype)
        np.save(convspec.folder / "fresh.npy", self.fresh)
        self.run = convspec("run", "pipeline.yaml", "--engine", "numpy", "--json")

    @cached_property
    def predictor(self) -> Predictor:
        (folder,) = self.convspec.folder.glob(f"mlruns/{self.name}/models/*/artifacts/data")
        return load(folder)

    def predict(self, examples: Array) -> Finished:
        np.save(self.convspec.folder / "asked.npy", examples)
        return self.convspec("predict", self.run.json["run_id"], "asked.npy", "--json")


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Kind:
    name: str = request.param
    return Kind(name, CommandLine(tmp_path_factory.mktemp(name), environment))


def test_a_run_learns_far_more_than_chance(kind: Kind) -> None:
    assert kind.run.code == 0, kind.run.err
    assert kind.run.json["metrics"]["accuracy/test"] >= kind.least


def test_fresh_examples_are_told_apart(kind: Kind) -> None:
    answers = kind.predict(kind.fresh).json
    assert np.mean(np.array(answers["answer"], int) == kind.labels) >= kind.least


def test_examples_come_alone_or_stacked_with_and_without_an_axis_for_the_channel(kind: Kind) -> None:
    votes = kind.predictor.votes(kind.fresh)
    assert votes.shape == (60, len(set(kind.labels)))
    assert np.array_equal(kind.predictor.votes(kind.fresh[:, None]), votes)
    for one in (kind.fresh[0], kind.fresh[:1], kind.fresh[0][None, None]):
        np.testing.assert_allclose(kind.predictor.votes(one), votes[:1], rtol=1e-4, atol=1e-5)


def test_a_run_repeats_to_the_bit(kind: Kind) -> None:
    assert kind.convspec("reproduce", kind.run.json["run_id"], "--json").json["same"] is True


@pytest.mark.torch
def test_pytorch_learns_it_too(kind: Kind) -> None:
    settings = ("--set", f"experiment={kind.name}_with_torch")
    done = kind.convspec("run", "pipeline.yaml", "--engine", "torch", *settings, "--json")
    assert done.json["metrics"]["accuracy/test"] >= kind.least


def test_what_does_not_fit_is_one_message_that_names_the_extents(kind: Kind) -> None:
    expected = {
        "sound": "The network takes sequences of 1 x 100 (channels x length). Got 60 x 99. Give one sequence,",
        "volumes": "The network takes volumes of 1 x 6 x 7 x 8 (channels x depth x height x width). Got 60 x 6 x 7 x 7.",
        "text": "The network takes sequences of 1 x 12 (channels x length). Got 60 x 11. Give one sequence,",
    }
    with pytest.raises(UserError) as caught:
        kind.predictor.votes(kind.fresh[..., :-1])
    assert str(caught.value).startswith(expected[kind.name])


def test_a_picture_file_is_no_sequence_and_no_volume(kind: Kind) -> None:
    path = kind.convspec.folder / "one.png"
    path.write_bytes(b"")
    noun = "volumes" if kind.name == "volumes" else "sequences"
    with pytest.raises(UserError) as caught:
        read_input(path, kind.predictor)
    assert str(caught.value) == f"The network takes {noun}, and {path} is a picture. Give a .npy file."


def test_show_gives_one_number_for_each_dimension(kind: Kind) -> None:
    layers = kind.convspec("show", "pipeline.yaml", "--json").json["layers"]
    found = {layer["name"]: (layer["output_shape"], layer["receptive_field"], layer["stride"]) for layer in layers}
    # Fields grow by (window - 1) * stride so far; what padding covers does not count.
    expected = {
        "sound": {
            "convolution_1": ([8, 46], [9], [2]),
            "pooling_1": ([8, 24], [13], [4]),  # windows begin at -1, 1, ..., 45
            "convolution_2": ([8, 24], [29], [4]),
        },
        "volumes": {
            "convolution_1": ([6, 6, 7, 8], [3, 3, 3], [1, 1, 1]),
            "pooling_1": ([6, 3, 4, 4], [4, 4, 4], [2, 2, 2]),
            "convolution_2": ([8, 2, 2, 2], [5, 7, 7], [2, 2, 2]),
        },
        "text": {"embedding_1": ([8, 12], [1], [1]), "convolution_1": ([16, 11], [2], [1])},
    }
    assert {name: found[name] for name in expected[kind.name]} == expected[kind.name]


@pytest.fixture
def words(convspec: CommandLine) -> Callable[..., Finished]:
    """Runs TEXT on other words."""

    def run(x: Array, *settings: str) -> Finished:
        np.save(convspec.folder / "text.npy", x)
        np.save(convspec.folder / "labels.npy", np.arange(len(x)) % 2)
        Path(convspec.folder / "pipeline.yaml").write_text(TEXT)
        return convspec("run", "pipeline.yaml", "--set", "training.epochs=1", *settings)

    return run


@pytest.mark.parametrize(
    ("word", "dtype"), [(30, "int16"), (-1, "int64"), (2.5, "float32")], ids=["beyond", "below 0", "not whole"]
)
def test_values_that_are_no_words_are_one_message(words: Callable[..., Finished], word: float, dtype: str) -> None:
    x = np.zeros((40, 5), dtype)
    x[17, 3] = word
    done = words(x)
    rule = f"with 30 words, values are whole numbers from 0 to 29. Got {word:g} in example 17 of the data (the first is 0)."
    assert rule in done.err
    assert done.code == 2


def test_words_may_be_bytes_as_they_are(words: Callable[..., Finished]) -> None:
    x = np.full((40, 5), 29, np.uint8)
    refused = words(x)
    assert "embedding looks up words, which are whole numbers, but the data has values between 0 and 1." in refused.err
    assert refused.code == 2
    assert words(x, "--set", "data.values=as_they_are").code == 0


@pytest.mark.parametrize("kind", ["text"], indirect=True)
def test_asking_for_a_word_that_there_is_not_is_one_message(kind: Kind) -> None:
    done = kind.predict(np.where(kind.fresh == 3, 30, kind.fresh))
    assert "with 30 words, values are whole numbers from 0 to 29. Got 30 in example 0 (the first is 0)." in done.out
    assert done.code == 2
