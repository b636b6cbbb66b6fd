"""`convspec run --engine torch` from the outside: what it says, what it records, how it goes on, and when it is missing."""

from __future__ import annotations

import signal
from importlib.util import find_spec

import pytest
from mlflow import MlflowClient

from tests.cli.test_run import LONG, wait_for_epoch, wait_until_ended, write
from tests.conftest import CommandLine

SHORT = ("--set", "training.epochs=2")


def test_small_work_is_done_by_numpy_and_the_run_says_why(convspec: CommandLine) -> None:
    result = convspec("run", "digits", *SHORT, "--json").json
    assert (result["engine"], result["device"]) == ("numpy", "cpu")
    assert result["engine_reason"].startswith("a step has 2.9 million multiply-adds, and numpy is faster below ")
    tags = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db").get_run(result["run_id"]).data.tags
    assert tags["convspec.engine"] == "numpy"
    assert tags["convspec.engine_reason"] == result["engine_reason"]


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
@pytest.mark.parametrize("option", [("--engine", "torch"), ("--set", "engine=torch"), ("--device", "cuda")])
def test_pytorch_that_is_not_installed_is_one_message(convspec: CommandLine, option: tuple[str, str]) -> None:
    done = convspec("run", "digits", *SHORT, *option)
    assert done.code == 2
    assert done.err == (
        "Error: The torch engine needs PyTorch, which is not installed. Install it: pip install 'convspec[torch]'\n"
    )
    assert convspec("list", "--json").json["runs"] == []


@pytest.mark.torch
def test_a_run_by_pytorch_is_recorded_reproduced_and_asked(convspec: CommandLine) -> None:
    done = convspec("run", "digits", *SHORT, "--engine", "torch", "--device", "cpu", "--json")
    assert done.code == 0, done.err
    run_id = done.json["run_id"]
    assert (done.json["engine"], done.json["engine_reason"]) == ("torch", "the pipeline asks for it")
    run = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db").get_run(run_id)
    assert run.data.tags["convspec.engine"] == "torch"
    assert run.data.tags["convspec.device"] == "cpu"
    assert '"torch": ' in run.data.tags["convspec.environment"]
    assert run.data.params["engine"] == "torch"
    assert convspec("reproduce", run_id, "--json").json["same"] is True


@pytest.mark.torch
def test_an_interrupted_run_goes_on_with_pytorch_to_the_same_weights(convspec: CommandLine) -> None:
    file = write(convspec, LONG.replace("epochs: 30", "epochs: 10"))
    options = ("--engine", "torch", "--device", "cpu", "--threads", "1")
    expected = convspec("run", file, *options, "--json").json["weights_sha256"]
    with convspec.start("run", file, *options) as process:
        wait_for_epoch(process, 2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    run_id = next(run["run_id"] for run in wait_until_ended(convspec) if run["status"] == "KILLED")
    command = f"convspec run {file} --set engine=torch --device cpu --threads 1 --resume {run_id}"
    assert command in err
    resumed = convspec(*command.split()[1:], "--json")
    assert resumed.json["weights_sha256"] == expected
    assert resumed.json["engine_reason"] == "the run began with it"


@pytest.mark.torch
def test_compiled_steps_and_bfloat16_are_recorded_and_repeated(convspec: CommandLine) -> None:
    done = convspec("run", "xs_and_os", *SHORT, "--set", "precision=bfloat16", "--compile", "--device", "cpu", "--json")
    assert done.code == 0, done.err
    run = MlflowClient(f"sqlite:///{convspec.folder}/mlflow.db").get_run(done.json["run_id"])
    assert run.data.tags["convspec.compiled"] == "true"
    assert run.data.params["precision"] == "bfloat16"
    assert convspec("reproduce", done.json["run_id"], "--json").json["same"] is True


@pytest.mark.torch
def test_a_missing_compiler_is_one_message_before_anything_is_trained(convspec: CommandLine) -> None:
    without = CommandLine(convspec.folder, {**convspec.environment, "CXX": "no-such-compiler"})
    done = without("run", "digits", "--compile")
    assert done.code == 2
    assert done.err == (
        "Error: --compile needs a C++ compiler, and there is no no-such-compiler here. "
        "Install g++, name another compiler in CXX, or leave out --compile.\n"
    )
    assert convspec("list", "--json").json["runs"] == []
