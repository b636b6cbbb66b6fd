"""`convspec diff`: layers beside each other, settings by their paths, totals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CommandLine

PIPELINE = """
experiment: letters
data: {source: digits}
network:
  - convolution: {features: 8, size: 3, padding: same}
  - relu
  - pooling: {window: 2, stride: 2}
  - fully_connected: {neurons: 10}
training: {epochs: 5, batch: 32, optimizer: {adam: {learning_rate: 0.001}}}
"""
DEEPER = """
experiment: letters
data: {source: digits}
network:
  - convolution: {features: 16, size: 3, padding: same}
  - relu
  - convolution: {name: second, features: 16, size: 3, padding: same}
  - relu
  - pooling: {window: 2, stride: 2}
  - fully_connected: {neurons: 10}
training: {epochs: 5, batch: 16, optimizer: {sgd: {learning_rate: 0.1}}}
"""
SEVERAL = """
experiment: letters
data: {source: digits}
architectures:
  flat: [{fully_connected: {neurons: 10}}]
  hidden: [{fully_connected: {neurons: 20}}, relu, {fully_connected: {neurons: 10}}]
seeds: [1, 2]
training: {epochs: 5, batch: 32}
"""
WRONG = PIPELINE.replace("neurons: 10", "neurons: 9")
SHOWN = """\
A  a.yaml
B  b.yaml

setting                                A      B
-------------------------------------  -----  -----
training.batch                         32     16
training.optimizer.adam.learning_rate  0.001
training.optimizer.adam.weight_decay   0.0
training.optimizer.adam.beta_1         0.9
training.optimizer.adam.beta_2         0.999
training.optimizer.adam.epsilon        1e-08
training.optimizer.sgd.learning_rate          0.1
training.optimizer.sgd.weight_decay           0.0
training.optimizer.sgd.momentum               0.0
training.optimizer.sgd.nesterov               false

   layer              settings                           shape                        parameters   multiply-adds
-  -----------------  ---------------------------------  -----------------------  --------------  --------------
   data                                                  1 x 8 x 8
~  convolution_1      features 8 -> 16                   8 x 8 x 8 -> 16 x 8 x 8       80 -> 160  4,608 -> 9,216
+  relu_1                                                16 x 8 x 8
+  second             features 16, size 3, padding same  16 x 8 x 8                        2,320         147,456
~  relu_1 -> relu_2                                      8 x 8 x 8 -> 16 x 8 x 8
~  pooling_1                                             8 x 4 x 4 -> 16 x 4 x 4
~  fully_connected_1                                     10                       1,290 -> 2,570  1,280 -> 2,560

total                A         B  B / A
-------------  -------  --------  -----
parameters       1,370     5,050   3.69
multiply-adds    5,888   159,232  27.04
memory         4.5 KiB  17.0 KiB   3.75
"""


@pytest.fixture
def files(convspec: CommandLine) -> Path:
    for name, text in (("a.yaml", PIPELINE), ("b.yaml", DEEPER), ("several.yaml", SEVERAL), ("wrong.yaml", WRONG)):
        (convspec.folder / name).write_text(text)
    return convspec.folder


def test_layers_stand_beside_each_other_with_what_differs(convspec: CommandLine, files: Path) -> None:
    done = convspec("diff", "a.yaml", "b.yaml")
    assert done.code == 0
    assert done.out == SHOWN


def test_json_has_every_layer(convspec: CommandLine, files: Path) -> None:
    plain = convspec("diff", "a.yaml", "b.yaml", "--json").json
    assert not plain["same"]
    assert [layer["change"] for layer in plain["layers"]] == [
        "changed", "added", "added", "changed", "changed", "changed",
    ]  # fmt: skip
    assert plain["layers"][0]["settings"] == [{"path": "features", "a": "8", "b": "16"}]
    assert plain["layers"][1]["a"] is None
    assert plain["layers"][2]["b"]["name"] == "second"
    assert plain["totals"]["parameters"] == {"a": 1370, "b": 5050, "ratio": pytest.approx(5050 / 1370)}


def test_two_architectures_of_a_file_are_told_apart_by_name(convspec: CommandLine, files: Path) -> None:
    shown = convspec("diff", "several.yaml@flat", "several.yaml@hidden").out
    assert shown.startswith("A  several.yaml@flat\nB  several.yaml@hidden\n")


def test_what_is_the_same_is_left_out(convspec: CommandLine, files: Path) -> None:
    assert "The networks are the same." in convspec("diff", "a.yaml", "a.yaml").out
    assert convspec("diff", "digits", "digits", "--json").json["same"]
    narrower = (
        (files / "a.yaml").read_text().replace("- pooling", "- dropout: {rate: 0.1}\n  - relu\n  - gelu\n  - pooling")
    )
    (files / "c.yaml").write_text(narrower)
    (files / "d.yaml").write_text(narrower.replace("rate: 0.1", "rate: 0.5"))
    shown = convspec("diff", "c.yaml", "d.yaml").out
    assert "... 4 layers are the same" in shown
    assert "rate 0.1 -> 0.5" in shown
    assert "pooling" not in shown


def test_architectures_of_one_file_stand_beside_each_other(convspec: CommandLine, files: Path) -> None:
    plain = convspec("diff", "several.yaml@flat", "several.yaml@hidden", "--json").json
    assert plain["settings"] == []
    assert [layer["change"] for layer in plain["layers"]] == ["changed", "added", "added"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("several.yaml", "several pipelines. Take one of them: several.yaml@flat, several.yaml@hidden"),
        ("several.yaml@hiden", "several.yaml has no architecture hiden. Did you mean hidden?"),
        ("wrong.yaml", "the network ends with 9 values, but the data has 10 classes"),
        ("a.yaml@flat", "a.yaml holds one pipeline. Leave out @flat."),
        ("nothing.yaml", "there is no such file"),
        ("abcdef", "There is no store"),
    ],
)
def test_what_means_nothing_is_one_message(convspec: CommandLine, files: Path, word: str, message: str) -> None:
    done = convspec("diff", "a.yaml", word)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_real_runs_are_compared_and_stand_beside_their_file(convspec: CommandLine, files: Path) -> None:
    runs = [
        convspec(
            "run", "a.yaml", "--set", f"seed={seed}", "--set", f"network.convolution_1.features={features}", "--json"
        )
        for features in (2, 8)
        for seed in (1, 2)
    ]
    assert [run.code for run in runs] == [0] * 4
    compared = convspec("compare", "letters", "--json").json
    assert {row["name"]: row["count"] for row in compared["architectures"]} == {"features=2": 2, "features=8": 2}
    told = {row["name"]: [each["value"] for each in row["values"]] for row in compared["architectures"]}
    accuracies = [run.json["metrics"]["accuracy/test"] for run in runs]
    assert told == {"features=2": accuracies[:2], "features=8": accuracies[2:]}
    plain = convspec("diff", runs[0].json["run_id"][:8], "a.yaml", "--json").json
    assert plain["layers"][0]["settings"] == [{"path": "features", "a": "2", "b": "8"}]
    assert plain["settings"] == []
    parent = convspec("diff", "0123", "a.yaml")
    assert parent.code == 2
    assert "There is no run 0123 in the store." in parent.err
