"""Wrong files: everything that is wrong with each is said, with its place, its rule, what was got and what to do.

Each `wrong/NAME.yaml` has the whole expected output beside it. In that folder, `convspec check NAME.yaml > NAME.txt` writes
it anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.convspec.conftest import RIGHT, Command
from tests.search.synthetic import BASE

FOLDER = Path(__file__).parent / "wrong"
FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_explained(name: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    code, out, err = command("check", f"{name}.yaml")
    assert out == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert (code, err) == (2, "")


def test_every_expectation_belongs_to_a_file() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == FILES


SETTINGS = {
    "typo in a key": (
        "training.epoch=3",
        "--set:1:10  training.epoch  unknown key epoch. Did you mean epochs?",
    ),
    "no such layer": (
        "network.corners.size=3",
        "--set:1:9  no layer is called corners. There are: edges, relu_1, pooling_1, fully_connected_1.",
    ),
    "typo in the name of a layer": (
        "network.edge.size=3",
        "--set:1:9  no layer is called edge. Did you mean edges?",
    ),
    "number of a layer that is not there": (
        "network[4].size=3",
        "--set:1:8  network has 4 entries, so there is no [4]. They count from 0.",
    ),
    "typo in a field of a layer": (
        "network[0].sise=3",
        "--set:1:12  network.edges.sise  unknown key sise. Did you mean size?",
    ),
    "field of the list itself": (
        "network.size=3",
        "--set:1:9  no layer is called size. There are: edges, relu_1, pooling_1, fully_connected_1.",
    ),
    "position in what is no list": (
        "network.edges.size[1]=3",
        "--set:1:19  network[0].size is no list, so there is no [1]. Set network[0].size as a whole.",
    ),
    "optimizer left out of the path": (
        "training.optimizer.learning_rate=0.1",
        "--set:1:20  training.optimizer is adam. Write training.optimizer.adam.learning_rate.",
    ),
    "field of another optimizer": (
        "training.optimizer.sgd.beta_1=0.9",
        "--set:1:24  training.optimizer.sgd.beta_1  unknown key beta_1. "
        "Keys here: learning_rate, weight_decay, momentum, nesterov.",
    ),
    "key below a number": (
        "training.epochs.least=1",
        "--set:1:17  training.epochs  must be a whole number. Got {least: 1}.",
    ),
    "value of a wrong type": (
        "training.epochs=many",
        '--set:1:17  training.epochs  must be a whole number. Got "many".',
    ),
    "value out of range": (
        "seed=-1",
        "--set:1:6  seed  must be at least 0. Got -1.",
    ),
    "nothing": (
        "experiment=",
        "--set:1:1  experiment  must be text. Got nothing. Begin the file with `experiment: NAME`.",
    ),
    "layer that there is not": (
        "network.relu_1=rectifier_unit",
        "--set:1:16  network[1]  there is no layer rectifier_unit. There are the layers: convolution, fully_connected,"
        " relu, leaky_relu, gelu, silu, sigmoid, tanh, softmax, dropout, spatial_dropout, embedding, flatten, residual, branches,"
        " batch_normalization, layer_normalization, group_normalization, local_response_normalization, pooling,"
        " global_pooling, repeat.",
    ),
    "source that there is not": (
        "data.source=digit",
        "--set:1:13  data.source  there is no source digit. Did you mean digits?",
    ),
    "shape that does not fit": (
        "network.pooling_1={window: 7, stride: 7, edge: drop}",
        '--set:1:19  network[2]  must be one layer. Got {window: 7, stride: 7, edge: "drop"}.'
        " Indent stride under window, or write `window: {stride: ...}`.",
    ),
    "no equals sign": (
        "training.epochs",
        "--set:1:1  a setting is written PATH=VALUE. Write it as training.epochs=3.",
    ),
    "no path": (
        "=3",
        "--set:1:1  a path is missing before the =. Write it as training.epochs=3.",
    ),
    "two points": (
        "training..epochs=3",
        "--set:1:9  training..epochs is not a path. Write it as training.epochs or network[0].features.",
    ),
    "open bracket": (
        "network.edges.size=[3, 3",
        "--set:1:20  the [ that opens here is not closed. Close it with ].",
    ),
    "byte that is no text": (
        "experiment=\udcff",
        "--set:1:12  here stands a byte that is no text in UTF-8. Write it in UTF-8.",
    ),
}


@pytest.mark.parametrize(("setting", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_a_wrong_setting_is_explained(setting: str, expected: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "right.yaml").write_text(RIGHT, encoding="utf-8")
    code, out, err = command("check", str(tmp_path / "right.yaml"), "--set", setting)
    message, source, caret, count = out.splitlines()
    assert message == expected
    assert (source, count) == (f"    {setting}".replace("\udcff", " ").rstrip(), "1 problem")
    assert caret.index("^") == 3 + int(expected.split(":")[2].split()[0])
    assert (code, err) == (2, "")


def test_every_wrong_setting_is_said_at_once(command: Command, tmp_path: Path) -> None:
    (tmp_path / "right.yaml").write_text(RIGHT, encoding="utf-8")
    settings = ("--set", "network.corner.size=3", "--set", "training.epochs")
    out = command("check", str(tmp_path / "right.yaml"), *settings).out
    assert [line.split("  ")[1] for line in out.splitlines() if line.startswith("--set")] == [
        "a setting is written PATH=VALUE. Write it as training.epochs=3.",
        "no layer is called corner. There are: edges, relu_1, pooling_1, fully_connected_1.",
    ]


class TestFilesThatCannotBeRead:
    def test_a_missing_file_with_a_neighbour_of_nearly_its_name(self, command: Command, tmp_path: Path) -> None:
        (tmp_path / "digits-deep.yaml").write_text(RIGHT, encoding="utf-8")
        path = tmp_path / "digit-deep.yaml"
        assert command("check", str(path)) == (
            2,
            f"{path}  there is no such file. Did you mean {tmp_path / 'digits-deep.yaml'}?\n1 problem\n",
            "",
        )

    def test_a_missing_file_without_one_lists_the_shipped_pipelines(self, command: Command, tmp_path: Path) -> None:
        out = command("check", str(tmp_path / "absent.yaml")).out
        assert (
            "absent.yaml  there is no such file. Shipped pipelines: alexnet, digits, digits_architectures, digits_search,"
            in out
        )

    def test_a_folder(self, command: Command, tmp_path: Path) -> None:
        expected = f"{tmp_path}  the file cannot be read: Is a directory. Give a YAML file.\n1 problem\n"
        assert command("check", str(tmp_path)) == (2, expected, "")

    def test_a_name_that_no_file_can_have(self, command: Command) -> None:
        assert "the file cannot be read: File name too long. Give a YAML file." in command("check", "x" * 300).out

    def test_a_file_that_is_far_too_large(self, command: Command, tmp_path: Path) -> None:
        with (tmp_path / "large.yaml").open("wb") as file:
            file.truncate(32 * 1024 * 1024 + 1)
        expected = (
            "large.yaml  the file is larger than 32 MiB. Keep data in files and name them under data.\n1 problem\n"
        )
        assert command("check", str(tmp_path / "large.yaml")).out.endswith(expected)


def test_problems_as_json(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    code, out, err = command("check", "digits", "typo_cost.yaml", "--json")
    assert (code, err) == (2, "")
    assert json.loads(out) == {
        "problems": [
            {
                "file": "typo_cost.yaml",
                "line": 10,
                "column": 9,
                "path": "training.cost",
                "message": "there is no cost cross-entropy.",
                "hint": "Here it is called cross_entropy.",
            }
        ]
    }
    assert json.loads(command("check", "digits", "--json").out) == {"problems": []}


def test_problems_of_several_files_are_counted_together(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    out = command("check", "digits", "typo_cost.yaml", "range_infinite.yaml").out
    assert out.splitlines()[0] == "digits: fine"
    assert out.splitlines()[-1] == "3 problems"


def test_fewer_combinations_than_trials_are_told(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "few.yaml"
    file.write_text(BASE + "search: {knobs: {training.batch: [1, 2, 3]}, maximize: accuracy/validation, trials: 30}\n")
    note = "3 combinations, 30 trials: the search ends once every combination is tried"
    assert command("check", str(file))[:2] == (0, f"{file}: fine ({note})\n")
    assert json.loads(command("check", str(file), "--json")[1]) == {"problems": [], "notes": {str(file): note}}
    assert command("check", str(file), "--set", "search.trials=3")[:2] == (0, f"{file}: fine\n")
