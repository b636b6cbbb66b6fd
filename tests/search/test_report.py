"""What is told of a search that is over: why it ended, and what its knobs did."""

from __future__ import annotations

from pathlib import Path

import pytest

from convspec.candidates import Candidate
from convspec.designations import designation, explained
from convspec.knobs import Knob
from runners.cli.searches import SearchProgress
from runners.search.course import Course, End, Trial
from runners.search.journal import Journal
from runners.search.proposals import Exhausted
from runners.search.report import Report, report_of
from tests.search.synthetic import searching


def report(search: str, folder: Path) -> Report:
    """The report of a search of which every trial takes a second and reaches as much as its number."""
    course = Course(searching(search), Journal(folder))
    exhausted = ""
    while not course.is_complete:
        trial = course.propose()
        if isinstance(trial, Exhausted):
            exhausted = trial.reason
            break
        assert isinstance(trial, Trial)
        course.over(trial.number, End("FINISHED", (trial.number / 100,), seconds=1.0, epochs=5))
    return report_of(course.searching, course, exhausted=exhausted or course.out_of_time)


KNOBS = "knobs: {training.batch: {from: 1, to: 9}, training.epochs: {from: 1, to: 9}}\nmaximize: accuracy/validation\n"


def test_a_budget_of_seconds_that_is_used_up_is_said(tmp_path: Path) -> None:
    told = report(KNOBS + "strategy: random\ntrials: 10\nbudget: {seconds: 2}", tmp_path)
    reason = "the 2 s of training in its budget are used up"
    line = f"2 trials: 2 finished.\nThe search ended early: {reason}."
    assert line in told.text()
    assert f"- The search ended early: {reason}." in told.markdown()
    assert told.plain()["exhausted"] == reason


def test_a_search_whose_last_trial_uses_its_seconds_up_has_not_ended_early(tmp_path: Path) -> None:
    told = report(KNOBS + "strategy: random\ntrials: 2\nbudget: {seconds: 2}", tmp_path)
    assert told.plain()["exhausted"] == ""
    assert "ended" not in told.text()


def test_an_exhaustive_search_that_went_through_everything_is_complete(tmp_path: Path) -> None:
    knobs = "knobs: {training.batch: [1, 2, 3]}\nmaximize: accuracy/validation\nstrategy: exhaustive"
    assert "The search is complete: all 3 combinations are tried." in report(knobs, tmp_path).text()


def test_weights_of_knobs_are_told_from_twenty_trials_on(tmp_path: Path) -> None:
    for trials, is_told in ((19, False), (20, True)):
        (tmp_path / str(trials)).mkdir()
        told = report(KNOBS + f"strategy: random\ntrials: {trials}", tmp_path / str(trials)).text()
        assert ("Of the differences in accuracy/validation, roughly, from 20 trials: " in told) is is_told


NETWORKS = """
knobs:
  network:
    - [{convolution: {features: 2, size: 3}}, relu, {fully_connected: {neurons: 10}}]
    - [{convolution: {features: 3, size: 3}}, {fully_connected: {neurons: 10}}]
    - [{fully_connected: {neurons: 10}}]
  training.batch: [8, 16]
minimize: parameters
trials: 6
strategy: exhaustive
"""


def test_whole_networks_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    told = report(NETWORKS, tmp_path)
    header, _, *rows = told.text().split("\n\n")[1].splitlines()
    assert header.split()[:4] == ["trial", "parameters", "network", "batch"]
    assert sorted(row[row.index("#") :][:7] for row in rows) == [
        "#1 of 3",
        "#1 of 3",
        "#2 of 3",
        "#2 of 3",
        "#3 of 3",
        "#3 of 3",
    ]
    assert "network #1 of 3 (convolution, relu, fully_connected)\n" in told.text()
    assert "- network #3 of 3 (fully_connected)\n" in told.markdown()
    assert [point.knobs["network"] for point in told.points()][::2] == ["#1 of 3", "#2 of 3", "#3 of 3"]


def test_networks_of_the_same_kinds_are_explained_by_what_is_in_them() -> None:
    network = Knob(
        "network", ([{"pooling": {"window": 2}}, "relu", "tanh"], [{"pooling": {"window": 3}}, "relu", "tanh"], "none")
    )
    assert explained(network, network.values[1]) == '#2 of 3 ([{pooling: {window: 3}}, "relu", "tanh"])'
    assert explained(network, "none") == "none"
    assert designation(Knob("data.size", ([1, 2], [3, 4])), [3, 4]) == "[3, 4]"


def test_the_line_of_a_trial_names_networks_and_counts_in_whole_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    what = searching(NETWORKS)
    candidate = what.candidates.at((1, 0))
    assert isinstance(candidate, Candidate)
    progress = SearchProgress()
    progress.on_start(what, [])
    progress.on_trial(Trial(0, candidate, End("FINISHED", (2410.0,), seconds=1.0, epochs=5)))
    expected = "1/6  trial 0  parameters 2,410  best 2,410  network #2 of 3, batch 8  1.00 s\n"
    assert capsys.readouterr().err == expected
