"""Several processes train as one does: the same steps but for rounding, the same to the bit each time, whatever the batches."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convspec.errors import UserError
from convspec.loading import Loaded, load_text
from runners.experiment import Experiment
from runners.files import digest, weights_bytes
from runners.place import Place
from runners.processes import Worker, processes
from runners.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from runners.training.loop import Stopped, Trainer

if find_spec("torch"):
    import torch
    from torch.nn import functional

    from runners.engines.torch import synchronized
    from runners.engines.torch.group import Group, check_device, part_of

pytestmark = pytest.mark.torch
TEXT = """
experiment: shared
data: {source: xs_and_os, examples: 82, noise: 0.8, split: {validation: 0.1, test: 0.1}}
network:
  - convolution: {features: 3, size: 3}
  - batch_normalization
  - relu
  - dropout: {rate: 0.3}
  - fully_connected: {neurons: 2}
training:
  epochs: 4
  batch: 16
  clip: 5
  cost: {cross_entropy: {class_weights: [1, 3]}}
  optimizer: {sgd: {learning_rate: 0.05, momentum: 0.9}}
engine: torch
seed: 3
"""


def loaded(*settings: str) -> Loaded:
    return load_text(TEXT, "shared.yaml", folder=Path(), settings=settings)


def trained(pipeline: Loaded, *, steps: int = 10**9, checkpoint: Checkpoint | None = None) -> Trainer:
    """The trainer after so many steps, or after all of them."""
    asked = iter(range(steps + 1))
    with processes(pipeline, threads=1, device="cpu", compiled=False) as together:
        experiment = Experiment.prepare(pipeline, threads=1, device="cpu", processes=together)
        together.wait_until_ready()
        try:
            experiment.train([], stop=lambda: next(asked) == steps, checkpoint=checkpoint)
        except Stopped:
            assert steps < 10**9
    assert experiment.trainer is not None
    return experiment.trainer


def digest_of(trainer: Trainer) -> str:
    return digest(weights_bytes(trainer.network.weights))


def apart(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """The distance of all weights, relative to their length."""
    distance = sum(np.square(ours[name] - weight).sum() for name, weight in theirs.items())
    return float(np.sqrt(distance / sum(np.square(weight).sum() for weight in theirs.values())))


@pytest.mark.parametrize(
    ("count", "settings"),
    [
        (2, ()),
        (3, ("network.batch_normalization_1={convolution: {features: 3, size: 3}}",)),
        (4, ("training.batch=32",)),
    ],
    ids=["averages over batches", "dropout in several chunks", "a last batch smaller than the processes"],
)
def test_processes_agree_with_one(count: int, settings: tuple[str, ...]) -> None:
    one = trained(loaded(*settings))
    several = trained(loaded(*settings, f"processes={count}"))
    assert apart(several.network.weights, one.network.weights) < 1e-4
    assert np.allclose(several.network.running, one.network.running, rtol=1e-4)
    ours, theirs = ([epoch.metrics() for epoch in each.progress.history] for each in (several, one))
    for epoch, expected in zip(ours, theirs, strict=True):
        assert epoch["cost/training"] == pytest.approx(expected["cost/training"], rel=1e-4)
        assert epoch["accuracy/training"] == expected["accuracy/training"]


def test_the_last_batch_of_that_test_is_smaller_than_the_processes() -> None:
    dataset = Experiment.prepare(loaded(), threads=1, device="cpu").dataset
    assert len(dataset.train) % 32 == 2


def test_training_is_the_same_to_the_bit_each_time_and_when_it_is_gone_on_with(tmp_path: Path) -> None:
    pipeline = loaded("processes=3", "training.optimizer=adam")
    expected = digest_of(trained(pipeline))
    assert digest_of(trained(pipeline)) == expected
    write_checkpoint(tmp_path / "checkpoint", trained(pipeline, steps=7).checkpoint())
    assert digest_of(trained(pipeline, checkpoint=read_checkpoint(tmp_path / "checkpoint"))) == expected


def test_a_cost_that_stops_being_finite_ends_all_of_them_with_one_message() -> None:
    settings = ("processes=2", "training.optimizer={sgd: {learning_rate: 1e30}}", "training.clip=1e30")
    with pytest.raises(UserError, match=r"^The cost stopped being finite in epoch 1, batch \d, layer "):
        trained(loaded(*settings))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 2, 6, 7, 64])
def test_parts_of_a_batch_are_even_and_are_all_of_it(n: int, size: int) -> None:
    parts = [part_of(n, rank, size) for rank in range(size)]
    covered = [example for part in parts for example in range(n)[part.span]]
    assert covered == list(range(n))
    sizes = [part.size for part in parts]
    assert sizes == [n] + [0] * (size - 1) if n < size else max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (6, 3)], ids=["pictures", "values"])
def test_normalization_by_a_group_is_that_of_pytorch(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Of a group of one: what several make of it is held to one process above."""
    generator = torch.Generator().manual_seed(0)
    x, dy = (torch.randn(shape, dtype=torch.float64, generator=generator) + 3 for _ in range(2))
    scale, shift = (torch.randn(3, dtype=torch.float64, generator=generator) for _ in range(2))
    found = []
    group = Group(Place(0, 1, 0, 1, tmp_path / "meeting"), "cpu")
    for by_group in (True, False):
        inputs = [tensor.clone().requires_grad_() for tensor in (x, scale, shift)]
        running = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
        if by_group:
            y = synchronized.normalize(inputs[0], running, *inputs[1:], momentum=0.1, epsilon=1e-5, group=group)
        else:
            y = functional.batch_norm(inputs[0], *running, *inputs[1:], True, 0.1, 1e-5)
        y.backward(dy)
        found.append([y.detach(), *running, *(tensor.grad for tensor in inputs)])
    group.close()
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("pipeline", "error"),
    [
        ("experiment: 3", "Process 1: the pipeline:1:1  data  is required. "),
        (3, "Process 1 ended with exit code 1: "),
    ],
    ids=["what it finds wrong", "what it fails at"],
)
def test_what_a_worker_cannot_do_is_one_message(pipeline: object, error: str, tmp_path: Path) -> None:
    place = Place(1, 2, 1, 2, tmp_path / "meeting")
    order = {
        "pipeline": pipeline,
        "threads": 1,
        "device": "cpu",
        "compiled": False,
        "rank": 1,
        "size": 2,
        "meeting": "m",
    }
    worker = Worker.start(place, order, tmp_path / "log")
    with pytest.raises(UserError) as refused:
        worker.wait_until_ready()
    worker.close()
    assert str(refused.value).startswith(error)


def test_processes_on_a_device_that_cannot_share_are_refused() -> None:
    with pytest.raises(
        UserError, match=r"^Several processes compute together on processors or CUDA devices\. Got --device"
    ):
        check_device(torch.device("mps"), Place(0, 2, 0, 2))


def test_each_process_needs_a_cuda_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert check_device(torch.device("cuda"), Place(5, 8, 1, 2)) == torch.device("cuda:1")
    with pytest.raises(UserError) as refused:
        check_device(torch.device("cuda"), Place(0, 3, 0, 3))
    assert refused.value.message == "Each process needs a CUDA device of its own: there are 2 for 3."
