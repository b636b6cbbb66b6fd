"""Verdicts between epochs, against what the rules say by hand."""

from __future__ import annotations

from runners.search.proposals import Told
from runners.search.stopping import Verdicts
from tests.search.synthetic import searching

KNOBS = "knobs: {training.batch: {from: 1, to: 100}}\ntrials: 20\n"


def verdicts(stopping: str, *, epochs: int = 9, objective: str = "maximize: accuracy/validation") -> Verdicts:
    return Verdicts(searching(f"{KNOBS}{objective}\nstopping: {stopping}").search, epochs=epochs)


def finish(judge: Verdicts, number: int, *values: float) -> None:
    """A trial that goes on to its end whatever is said of it."""
    judge.begin(number)
    for epoch, value in enumerate(values, 1):
        judge.goes_on(number, epoch, value)
    judge.over(Told(number, (values[-1],)))


def test_the_median_of_earlier_trials_decides() -> None:
    judge = verdicts("{median: {trials: 3, epochs: 2}}")
    for number, value in enumerate((0.5, 0.7, 0.6)):
        finish(judge, number, value, value + 0.1)  # medians: 0.6, then 0.7
    judge.begin(3)
    assert judge.goes_on(3, 1, 0.1)  # the first epoch is everybody's
    assert judge.goes_on(3, 2, 0.75)
    judge.begin(4)
    assert judge.goes_on(4, 1, 0.1)
    assert not judge.goes_on(4, 2, 0.65)


def test_nothing_is_stopped_before_enough_trials_are_over() -> None:
    judge = verdicts("{median: {trials: 3}}")
    for number in range(2):
        finish(judge, number, 0.9)
    judge.begin(2)
    assert judge.goes_on(2, 1, 0.0)


def test_trials_that_failed_or_were_stopped_do_not_count() -> None:
    judge = verdicts("{median: {trials: 2}}")
    finish(judge, 0, 0.9)
    for number, told in ((1, Told(1, None)), (2, Told(2, (0.9,), stopped=True, epochs=1))):
        judge.begin(number)
        judge.over(told)
    judge.begin(3)
    assert judge.goes_on(3, 1, 0.0)
    finish(judge, 4, 0.9)
    judge.begin(5)
    assert not judge.goes_on(5, 1, 0.0)


def test_what_is_minimized_is_stopped_where_it_is_high() -> None:
    judge = verdicts("{median: {trials: 1}}", objective="minimize: cost/validation")
    finish(judge, 0, 0.5)
    judge.begin(1)
    assert judge.goes_on(1, 1, 0.4)
    judge.begin(2)
    assert not judge.goes_on(2, 1, 0.6)


def test_successive_halving_lets_one_of_three_go_on_at_each_rung() -> None:
    judge = verdicts("{successive_halving: {epochs: 1, factor: 3}}")
    said = []
    for number, value in enumerate((0.5, 0.4, 0.6, 0.3, 0.55, 0.7)):
        judge.begin(number)
        said.append(judge.goes_on(number, 1, value))
    # the best of fewer than six goes on, then the better two of six
    assert said == [True, False, True, False, False, True]
    assert judge.goes_on(0, 2, 0.1)  # the next rung is after three epochs
    assert judge.goes_on(0, 3, 0.6)
    assert not judge.goes_on(2, 3, 0.5)


def test_hyperband_has_brackets_that_stop_later() -> None:
    judge = verdicts("{hyperband: {epochs: 1, factor: 3}}")
    for number in range(30):
        judge.begin(number)
    said = [judge.goes_on(number, 1, 1.0 - number / 100) for number in range(30)]
    assert said[0]
    assert 5 < said.count(False) < 25  # one bracket judges the first epoch, two others do not
