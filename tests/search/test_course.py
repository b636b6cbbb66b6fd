"""A search that was cut off anywhere goes on as if nothing had happened."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from convspec.errors import UserError
from convspec.searching import Searching
from runners.family.ends import end_of
from runners.family.task import Outcome
from runners.search.course import Course, End, Trial
from runners.search.front import front, ranked
from runners.search.journal import FILE, Journal
from tests.search.synthetic import searching

SEARCH = """
knobs:
  training.optimizer.adam.learning_rate: {from: 0.001, to: 1, scale: log}
  network.edges.size: [3, 5, 9]
maximize: accuracy/validation
trials: 12
strategy: %s
stopping: {median: {trials: 3}}
"""
EPOCHS = 4


def value(trial: Trial, epoch: int) -> float:
    rate = trial.candidate.choice["training.optimizer.adam.learning_rate"]
    return float(1 - abs(rate - 0.03) - 0.5 / epoch - trial.candidate.choice["network.edges.size"] / 100)


def carry_on(course: Course) -> None:
    """Trains what is left; a trial whose rate is very high fails."""
    for trial in course.trials:
        if trial.end is None:
            train(course, trial)
    while not course.is_complete:
        trial = course.propose()
        assert isinstance(trial, Trial)
        train(course, trial)


def train(course: Course, trial: Trial) -> None:
    if trial.candidate.choice["training.optimizer.adam.learning_rate"] > 0.5:
        course.over(trial.number, End("FAILED", None, "it diverged"))
        return
    for epoch in range(1, EPOCHS):
        if not course.goes_on(trial.number, epoch, value(trial, epoch)):
            course.over(trial.number, End("STOPPED", (value(trial, epoch),), "stopped", seconds=0.1, epochs=epoch))
            return
    course.over(trial.number, End("FINISHED", (value(trial, EPOCHS),), seconds=1.0, epochs=EPOCHS))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


@pytest.fixture(params=["tpe", "{annealing: {chains: 1}}", "{genetic: {population: 4}}", "cma"])
def what(request: pytest.FixtureRequest) -> Searching:
    return searching(SEARCH % request.param)


def test_a_journal_cut_off_anywhere_is_completed_to_the_same(what: Searching, tmp_path: Path) -> None:
    carry_on(Course(what, Journal(tmp_path)))
    whole = lines(tmp_path)
    assert {"proposed", "judged", "over"} == {entry["event"] for entry in whole}
    assert {entry["status"] for entry in whole if entry["event"] == "over"} >= {"FINISHED", "STOPPED"}
    text = (tmp_path / FILE).read_bytes()
    for length in (0, 1, len(text) // 3, len(text) // 2, len(text) - 5):
        (tmp_path / FILE).write_bytes(text[:length])
        carry_on(Course(what, Journal(tmp_path)))
        assert lines(tmp_path) == whole


@pytest.mark.parametrize("number", [5, 9, 11])
def test_a_generation_that_was_cut_off_is_completed_to_the_same(number: int, tmp_path: Path) -> None:
    """The parents of its first trial are in another order than those of its later ones."""
    what = searching(SEARCH % "{genetic: {population: 4}}")
    carry_on(Course(what, Journal(tmp_path)))
    text = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(text[: text.index(b'{"event": "proposed", "number": %d,' % number)])
    carry_on(Course(what, Journal(tmp_path)))
    assert (tmp_path / FILE).read_bytes() == text


def test_a_question_has_the_same_answer_after_an_interruption(tmp_path: Path) -> None:
    what = searching(SEARCH % "random")
    course = Course(what, Journal(tmp_path))
    carry_on(course)
    stopped = next(trial for trial in course.trials if trial.end and trial.end.status == "STOPPED")
    assert stopped.end is not None
    again = Course(what, Journal(tmp_path))
    before = (tmp_path / FILE).read_bytes()
    assert again.goes_on(stopped.number, stopped.end.epochs, 99.0) is False
    assert (tmp_path / FILE).read_bytes() == before
    assert again.seconds == course.seconds
    assert [trial.end for trial in again.trials] == [trial.end for trial in course.trials]


def test_points_that_were_rejected_are_counted_once_however_often_it_was_interrupted(tmp_path: Path) -> None:
    """Features of 10 x 10 and more do not fit into pictures of 8 x 8; 16 of 20 points are rejected, and drawn again and again."""
    lines = "knobs: {network.edges.size: [3, 10, 11, 12, 13], training.batch: [8, 16, 32, 64]}\n"
    what = searching(lines + "maximize: accuracy/validation\ntrials: 4\nstrategy: random")
    whole = Course(what, Journal(tmp_path))
    carry_on_at_once(whole)
    assert sum(whole.proposals.rejected.values()) >= 4
    text = (tmp_path / FILE).read_bytes()
    ends = [index + 1 for index, byte in enumerate(text) if byte == ord("\n")]
    for length in ends:
        (tmp_path / FILE).write_bytes(text[:length])
        course = Course(what, Journal(tmp_path))
        carry_on_at_once(course)
        assert course.proposals.rejected == whole.proposals.rejected
        assert (tmp_path / FILE).read_bytes() == text


def carry_on_at_once(course: Course) -> None:
    while not course.is_complete:
        course.propose()


def test_a_journal_of_another_search_is_refused(tmp_path: Path) -> None:
    course = Course(searching(SEARCH % "random"), Journal(tmp_path))
    course.propose()
    other = searching((SEARCH % "random").replace("[3, 5, 9]", "[5, 3, 4]"))
    with pytest.raises(UserError, match="trial 0 is another one"):
        Course(other, Journal(tmp_path))


@pytest.mark.parametrize("measured", [0.5, math.nan], ids=["measured", "not measured"])
def test_a_trial_that_was_stopped_without_its_objective_has_failed(measured: float, tmp_path: Path) -> None:
    course = Course(searching(SEARCH % "random"), Journal(tmp_path))
    trial = course.propose()
    assert isinstance(trial, Trial)
    course.goes_on(trial.number, 2, measured)
    end = end_of(trial, [Outcome("trial-0", "STOPPED", "stopped early", epochs=2, seconds=1.5)], course)
    failed = End("FAILED", None, "it has no accuracy/validation", seconds=1.5, epochs=2)
    assert end == (failed if math.isnan(measured) else End("STOPPED", (0.5,), "stopped early", {}, 1.5, 2))


def test_a_budget_of_seconds_ends_a_search(tmp_path: Path) -> None:
    what = searching(SEARCH.replace("trials: 12", "trials: 500\nbudget: {seconds: 4.5}") % "random")
    course = Course(what, Journal(tmp_path))
    carry_on(course)
    assert 4.5 <= course.seconds < 5.6
    assert 5 <= len(course.trials) < 100


def ended(*values: tuple[float, ...] | None) -> list[Trial]:
    candidate: Any = None
    return [
        Trial(number, candidate, End("FAILED" if one is None else "FINISHED", one)) for number, one in enumerate(values)
    ]


def test_the_front_is_what_nothing_beats() -> None:
    objectives = searching(
        "knobs: {training.batch: [1, 2]}\nmaximize: accuracy/validation\nminimize: parameters\ntrials: 2"
    ).search.objectives
    trials = ended((0.9, 100), (0.8, 50), (0.85, 120), None, (0.8, 60), (0.9, 100))
    assert [trial.number for trial in front(trials, objectives)] == [0, 5, 1]
    assert [trial.number for trial in ranked(trials, objectives)] == [0, 5, 2, 1, 4]
