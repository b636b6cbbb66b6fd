"""Which engine is taken: the one asked for, or the faster one, with the reason; what is missing is one message."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from convspec.errors import UserError
from convspec.loading import Loaded, load
from runners.engines import choice
from runners.engines.choice import WORTH_TORCH, EngineChoice, choose
from runners.place import Place

needs_torch = pytest.mark.torch
NOT_BY_NUMPY = "The numpy engine compiles nothing. Got --compile. Leave it out, or ask for --engine torch."
LARGE = ("training.batch=1000", "network.convolution_1.features=400")


def chosen(name: str, *settings: str, begun: str | None = None, device: str = "auto") -> EngineChoice:
    loaded = load(name, settings)
    return choose(loaded.pipeline, loaded.plan, begun=begun, device=device)


def work(loaded: Loaded) -> int:
    assert loaded.pipeline.training is not None
    return loaded.plan.multiply_adds * loaded.pipeline.training.batch


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_is_installed", lambda: False)


def test_small_steps_are_taken_with_numpy_and_the_reason_names_the_size() -> None:
    assert work(load("digits")) == 32 * (64 * 16 * 9 + 16 * 32 * 16 * 9 + 128 * 64 + 64 * 10)
    found = chosen("digits")
    assert (found.name, found.device) == ("numpy", "cpu")
    assert found.reason.startswith("a step has 2.9 million multiply-adds, and numpy is faster below ")


@needs_torch
def test_large_steps_are_taken_with_pytorch() -> None:
    assert work(load("digits", LARGE)) > WORTH_TORCH
    found = chosen("digits", *LARGE)
    assert found.name == "torch"
    assert "and PyTorch is faster from " in found.reason


@pytest.mark.usefixtures("without_torch")
def test_large_steps_are_taken_with_numpy_where_there_is_no_pytorch() -> None:
    found = chosen("digits", *LARGE)
    assert found.name == "numpy"
    assert found.reason.endswith("PyTorch is faster, but it is not installed: pip install 'convspec[torch]'")


def test_a_network_that_is_not_trained_is_computed_with_numpy() -> None:
    assert chosen("four_pixel_camera").reason == "nothing is trained"


@pytest.mark.parametrize("settings", [(), LARGE], ids=["small", "large"])
@pytest.mark.parametrize("engine", ["numpy", pytest.param("torch", marks=needs_torch)])
def test_the_engine_that_is_asked_for_is_taken(engine: str, settings: tuple[str, ...]) -> None:
    found = chosen("digits", *settings, f"engine={engine}", device="cpu")
    assert (found.name, found.reason) == (engine, "the pipeline asks for it")


@needs_torch
def test_a_run_goes_on_with_the_engine_that_it_began_with() -> None:
    assert chosen("digits", begun="torch").name == "torch"
    found = chosen("digits", *LARGE, begun="numpy")
    assert (found.name, found.reason) == ("numpy", "the run began with it")


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize(
    ("settings", "begun", "device"),
    [(("engine=torch",), None, "auto"), ((), "torch", "auto"), ((), None, "cuda")],
    ids=["asked for", "begun with", "for a device"],
)
def test_missing_pytorch_is_one_message_with_the_way_out(
    settings: tuple[str, ...], begun: str | None, device: str
) -> None:
    with pytest.raises(UserError) as refused:
        chosen("digits", *settings, begun=begun, device=device)
    assert str(refused.value) == (
        "The torch engine needs PyTorch, which is not installed. Install it: pip install 'convspec[torch]'"
    )


@needs_torch
@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("precision=bfloat16", "only PyTorch computes in bfloat16"),
        ("processes=2", "only PyTorch computes in several processes"),
    ],
)
def test_what_only_pytorch_can_do_is_done_by_it(setting: str, reason: str) -> None:
    found = chosen("digits", setting, device="cpu")
    assert (found.name, found.reason, found.compiled) == ("torch", reason, False)


@needs_torch
def test_steps_are_compiled_by_pytorch() -> None:
    loaded = load("digits")
    found = choose(loaded.pipeline, loaded.plan, device="cpu", compiled=True)
    assert (found.name, found.reason, found.compiled) == ("torch", "only PyTorch compiles", True)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "digits",
            ("engine=numpy",),
            "The numpy engine compiles nothing. Got --compile. Leave it out, or ask for --engine torch.",
        ),
        ("four_pixel_camera", (), "--compile is for training, and nothing is trained. Leave it out."),
    ],
    ids=["numpy", "nothing is trained"],
)
def test_what_is_not_compiled_is_refused(name: str, settings: tuple[str, ...], message: str) -> None:
    loaded = load(name, settings)
    with pytest.raises(UserError) as refused:
        choose(loaded.pipeline, loaded.plan, compiled=True)
    assert str(refused.value) == message


def test_torchrun_says_the_place_of_a_process() -> None:
    told = {"RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "10.0.0.1", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    place = Place.from_environment(told)
    assert place == Place(3, 4, 1, 2)
    assert not place.is_on_one_machine
    assert Place.from_environment({"RANK": "3"}) is None
    with pytest.raises(UserError, match=r"must be whole numbers\. Got RANK=x, WORLD_SIZE=4, "):
        Place.from_environment(told | {"RANK": "x"})


def test_numpy_on_another_device_is_refused() -> None:
    with pytest.raises(UserError, match=r"^The numpy engine computes on the processor alone\. Got --device cuda\."):
        chosen("digits", "engine=numpy", device="cuda")


def test_importing_the_choice_does_not_import_pytorch() -> None:
    if find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    import subprocess
    import sys

    code = (
        "import sys; from convspec.loading import load; from runners.engines.choice import choose;"
        "loaded = load('digits'); choose(loaded.pipeline, loaded.plan); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0
