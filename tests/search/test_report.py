"""What is told of a search that is over: why it ended, and what its knobs did."""

from __future__ import annotations

from pathlib import Path

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
