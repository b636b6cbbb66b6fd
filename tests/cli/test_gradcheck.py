"""`convspec gradcheck` from the outside: the table, the two costs, exit codes, and what is said where something is wrong."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from runners.cli.main import run_command_line
from runners.engines.numpy.fully_connected import FullyConnectedOperation
from tests.conftest import CommandLine

FEW = ("--most", "3")


def test_it_says_what_was_checked_and_what_each_way_costs(convspec: CommandLine) -> None:
    done = convspec("gradcheck", "digits", *FEW)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert re.split(r"  +", lines[0]) == [
        "layer",
        "parameter",
        "weights checked",
        "largest relative error",
        "at a kink",
    ]
    assert re.match(r"convolution_2      weight +3 of 4,608 +\d\.\de-\d\d", lines[4])
    assert re.search(r"^backpropagation  13,706 slopes in [\d.]+ m?s, one pass forward and back$", done.out, re.M)
    assert re.search(r"^numerically      27,412 passes forward, .*: [\d,]+ times as long", done.out, re.M)
    assert "computed with    numpy, in float64, 8 examples" in done.out
    assert done.err.splitlines()[0] == "convolution_1.weight"


def test_json_is_one_object(convspec: CommandLine) -> None:
    done = convspec("gradcheck", "digits", *FEW, "--json", "--set", "seed=5", "--examples", "4")
    found = done.json
    assert (done.code, found["fine"], found["examples"], found["slopes"]) == (0, True, 4, 13_706)
    assert found["ratio"] == pytest.approx(found["numerical_seconds"] / found["backpropagation_seconds"])
    assert found["ratio"] > 100
    first = found["parameters"][0]
    assert (first["layer"], first["parameter"], first["weights"], first["checked"]) == (
        "convolution_1",
        "weight",
        144,
        3,
    )
    again = convspec("gradcheck", "digits", *FEW, "--json", "--set", "seed=5", "--examples", "4").json
    assert again["parameters"] == found["parameters"], "the seed decides"
    other = convspec("gradcheck", "digits", *FEW, "--json", "--set", "seed=6", "--examples", "4").json
    assert other["parameters"] != found["parameters"]


def test_all_checks_every_weight_without_training_too(convspec: CommandLine) -> None:
    found = convspec("gradcheck", "four_pixel_camera", "--all", "--json").json
    assert found["fine"]
    assert all(one["checked"] == one["weights"] for one in found["parameters"])


@pytest.mark.torch
def test_pytorch_is_checked_where_it_is_asked_for(convspec: CommandLine) -> None:
    found = convspec("gradcheck", "digits", *FEW, "--engine", "torch", "--json").json
    assert (found["fine"], found["engine"]) == (True, "torch")


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_wrong_way_back_ends_with_1_and_names_layers(
    as_json: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backward: Any = FullyConnectedOperation.backward

    def turned(self: Any, dy: Any, gradient: Any) -> Any:
        dx = backward(self, dy, gradient)
        return dx if dx is None else -dx

    monkeypatch.setattr(FullyConnectedOperation, "backward", turned)
    options = ["--json"] if as_json else []
    assert run_command_line(["gradcheck", "four_pixel_camera", *options]) == 1
    out, err = capsys.readouterr()
    if as_json:
        assert '"fine": false' in out
        assert len(out.splitlines()) == 1
    else:
        assert "Error: the slopes by backpropagation are not those of the cost. Relative errors: " in err
        assert "signs.weight 2.0e+00" in err
        assert re.search(r"A way back is wrong in signs.* or votes\.", err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "--all", "--most", "3"], "--all checks every weight, --most only so many. Leave one of them out."),
        (["digits", "--examples", "0"], "--examples"),
        (["digits", "--set", "training.epochs=0"], "must be at least 1. Got 0."),
        (["alexnet"], "images.npy: there is no such file. Correct the path, or put the file there."),
    ],
    ids=["all and most", "no examples", "a wrong setting", "no data"],
)
def test_wrong_words_are_one_message(convspec: CommandLine, arguments: list[str], message: str) -> None:
    done = convspec("gradcheck", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_ctrl_c_is_one_word(convspec: CommandLine) -> None:
    with convspec.start("gradcheck", "digits", "--all") as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("Interrupted.\n")
    assert "Traceback" not in err
    assert not list(Path(convspec.folder).iterdir())
