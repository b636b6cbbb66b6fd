"""`convspec compare`: which runs are meant, the table and its words, what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.compare.recorded import ACCURACIES, Store
from tests.conftest import CommandLine

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
FILE = """
experiment: letters
data: {source: digits}
architectures:
  deep: [relu]
  wide: [relu]
  tiny: [relu]
"""


@pytest.fixture
def store(convspec: CommandLine, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", environment["XDG_CACHE_HOME"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    return Store(convspec.folder)


TABLE = """\
letters: accuracy/test

architecture  seeds    mean      sd      95% interval         p       d  group  parameters  multiply-adds  seconds
------------  -----  ------  ------  ----------------  --------  ------  -----  ----------  -------------  -------
deep              4  0.9832  0.0040  0.9768 to 0.9897                        1       9,000         90,000      2.0
wide              4  0.9828  0.0032  0.9777 to 0.9878    0.6376   -0.26      1      25,000        250,000      2.0
tiny              4  0.9075  0.0048  0.8999 to 0.9151  < 0.0001  -60.20      2       1,200         12,000      2.0

deep: the best, not distinguishable from wide
wide: not distinguishable from deep at these seeds (about 157 seeds would be needed)
tiny: worse than deep (p < 0.0001)

Pareto front of accuracy/test against parameters: tiny, deep
Pareto front of accuracy/test against multiply-adds: tiny, deep
Pareto front of accuracy/test against seconds of training: deep
"""


def test_an_experiment_is_one_table_with_its_words(convspec: CommandLine, store: Store) -> None:
    store.comparison()
    done = convspec("compare", "letters")
    assert (done.code, done.err) == (0, "")
    assert done.out == TABLE


def names(plain: dict[str, object]) -> list[tuple[str, int]]:
    rows = plain["architectures"]
    assert isinstance(rows, list)
    return [(row["name"], row["count"]) for row in rows]


def test_members_that_failed_are_named_and_the_rest_is_compared(convspec: CommandLine, store: Store) -> None:
    parent = store.comparison()
    failed = store.member(parent, "tiny", 5, {}, status="FAILED", reason="the cost is not finite")
    store.member(parent, "wide", 5, {"accuracy/test": float("nan")})
    store.member(parent, "wide", 6, {}, status="RUNNING")
    done = convspec("compare", parent)
    assert done.out.removeprefix(TABLE.replace("letters", parent)) == (
        "\nNot compared: wide seed 5: its accuracy/test is not a finite number\n"
        "Not compared: tiny seed 5: the cost is not finite\n"
        "1 run is left out: not over yet.\n"
    )
    plain = convspec("compare", parent, "--json").json
    assert plain["failures"][1] == {
        "architecture": "tiny", "seed": 5, "reason": "the cost is not finite", "run_id": failed,
    }  # fmt: skip
    assert plain["fronts"] == {"parameters": ["tiny", "deep"], "multiply_adds": ["tiny", "deep"], "seconds": ["deep"]}
    assert plain["architectures"][1]["values"][0] == {"seed": 1, "value": 0.98}


def test_a_file_means_its_last_comparison(convspec: CommandLine, store: Store) -> None:
    (convspec.folder / "letters.yaml").write_text(FILE)
    missing = convspec("compare", "letters.yaml")
    assert missing.code == 2
    assert "Run it first: convspec run letters.yaml" in missing.err
    store.comparison({name: {1: 0.5, 2: 0.6} for name in ACCURACIES})
    store.comparison({"deep": {1: 0.7}})
    found = convspec("compare", "letters.yaml", "--json").json
    assert {row["name"]: row["mean"] for row in found["architectures"]} == dict.fromkeys(ACCURACIES, 0.55)


def test_runs_of_their_own_are_grouped_by_what_differs_but_the_seed(convspec: CommandLine, store: Store) -> None:
    ids = [
        store.run(
            f"letters seed {seed}",
            {"accuracy/test": 0.9 + rate / 10 + seed / 1000},
            params={"seed": seed, "training.epochs": 5, "training.optimizer.adam.learning_rate": rate},
        )
        for rate in (0.1, 0.2)
        for seed in (1, 2, 3)
    ]
    again = {"seed": 3, "training.epochs": 5, "training.optimizer.adam.learning_rate": 0.2}
    store.run("letters seed 3", {"accuracy/test": 0.999}, params=again)
    found = convspec("compare", "letters", "--json").json
    assert names(found) == [("learning_rate=0.2", 3), ("learning_rate=0.1", 3)]
    assert [each["value"] for each in found["architectures"][0]["values"]] == pytest.approx([0.921, 0.922, 0.999])
    assert found["notes"] == ["1 run is left out: earlier with the same settings and seed."]
    assert names(convspec("compare", *ids[:3], "--json").json) == [("letters", 3)]


def test_numbers_are_compared_by_their_error_and_any_metric_can_be_asked_for(
    convspec: CommandLine, store: Store
) -> None:
    for layers in (1, 2):
        for seed in (1, 2):
            figures = {"error/test": layers / 10 + seed / 100, "r2/test": 1 - layers / 10, "own": float(layers)}
            store.run("letters", figures, params={"seed": seed, "layers": layers})
    assert names(convspec("compare", "letters", "--json").json) == [("layers=1", 2), ("layers=2", 2)]
    assert names(convspec("compare", "letters", "--metric", "r2/test", "--json").json)[0] == ("layers=1", 2)
    unknown = convspec("compare", "letters", "--metric", "own")
    assert unknown.code == 2
    assert "Say --better higher, or lower." in unknown.err
    better = convspec("compare", "letters", "--metric", "own", "--better", "higher", "--json").json
    assert names(better)[0] == ("layers=2", 2)
    missing = convspec("compare", "letters", "--metric", "accuracy/test")
    assert "There are error/test, own, r2/test." in missing.err


def test_a_comparison_is_kept_with_its_run_when_that_is_asked_for(convspec: CommandLine, store: Store) -> None:
    parent = store.comparison()
    other = store.run("letters seed 1", {"accuracy/test": 0.5}, params={"seed": 1})
    assert convspec("compare", parent).code == 0
    assert not store.client.list_artifacts(parent)
    assert convspec("compare", parent, "--log").code == 0
    kept = [item.path for item in store.client.list_artifacts(parent)]
    assert kept == ["comparison.json", "comparison.md", "intervals.png", "pareto.png"]
    page = Path(store.client.download_artifacts(parent, "comparison.md", str(convspec.folder))).read_text()
    assert page.startswith(f"# {parent}: accuracy/test\n\n| architecture | seeds |")
    plain = Path(store.client.download_artifacts(parent, "comparison.json", str(convspec.folder))).read_text()
    assert json.loads(plain)["best"] == "deep"
    refused = convspec("compare", parent, other, "--log")
    assert refused.code == 2
    assert "do not all belong to one run" in refused.err


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("lettres", "lettres is no file, no experiment and no run of the store. Did you mean letters?"),
        ("nothing.yaml", "there is no such file"),
        ("0000", "0000 is no file, no experiment and no run"),
        ("empty", "None of the runs has finished with a figure to compare."),
    ],
)
def test_what_means_nothing_is_one_message(convspec: CommandLine, store: Store, word: str, message: str) -> None:
    store.client.create_experiment("empty")
    done = convspec("compare", word)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_without_a_store_there_is_one_message(convspec: CommandLine) -> None:
    done = convspec("compare", "letters")
    assert done.code == 2
    assert "There is no store" in done.err
    assert not (convspec.folder / "mlflow.db").exists()
