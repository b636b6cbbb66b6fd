"""The ways to search one knob: what each finds, how many tries it really takes, and what it is fooled by."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from runners.tea.demonstration import Performance, Trial, assumptions_of, compare, search
from runners.tea.landscape import COLDEST, HOTTEST, LANDSCAPES, ONE_VALLEY, TWO_VALLEYS, Landscape, Tasting
from runners.tea.ways import GRID, WAYS, Way
from tests.test_worked_examples import EXAMPLES

WAY = {way.name: way for way in WAYS}
EXHAUSTIVE, GENETIC, ANNEALING, DESCENT, CURVED = WAYS
PARABOLA = Landscape("a parabola", lambda temperature: (temperature - 50) ** 2 / 400, best=50)
every_way = pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
every_landscape = pytest.mark.parametrize("landscape", LANDSCAPES, ids=[one.name for one in LANDSCAPES])


def searched(way: Way, landscape: Landscape = ONE_VALLEY, *, start: float = 20, seed: int = 7) -> Trial:
    return search(way, landscape, start=start, seed=seed, number=0)


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], Performance]:
    """The performances by the names of landscape and way."""
    return {(one.landscape.name, one.way.name): one for one in compare(LANDSCAPES, start=20, starts=200, seed=7)}


def test_every_way_of_the_source_is_there() -> None:
    assert sorted(WAY) == sorted(EXAMPLES["optimization"]["ways"])


@every_landscape
def test_the_landscapes_are_best_where_they_say(landscape: Landscape) -> None:
    temperatures = np.arange(COLDEST, HOTTEST + 0.005, 0.01)
    lost = np.array([landscape.lost(temperature) for temperature in temperatures])
    assert temperatures[lost.argmin()] == pytest.approx(landscape.best)
    assert landscape.lost(landscape.best) == pytest.approx(0, abs=1e-8)
    valleys = (lost[1:-1] < lost[:-2]) & (lost[1:-1] < lost[2:])
    assert valleys.sum() == (1 if landscape is ONE_VALLEY else 2)


@every_landscape
def test_exhaustive_search_is_the_slowest_and_curvature_the_fastest(
    table: dict[tuple[str, str], Performance], landscape: Landscape
) -> None:
    """Genetic algorithms and annealing, which draw, stand between; which of the two is faster says nothing."""
    tries = [table[landscape.name, way.name].mean_tries for way in WAYS]
    ordered = [tries[0], max(tries[1:3]), min(tries[1:3]), *tries[3:]]
    assert all(slower > faster for slower, faster in pairwise(ordered)), tries
    assert ordered[2] > 3 * ordered[3]
    assert tries[0] == (HOTTEST - COLDEST) / GRID + 1


def test_with_one_valley_every_way_finds_it(table: dict[tuple[str, str], Performance]) -> None:
    assert [table[ONE_VALLEY.name, way.name].share_found for way in WAYS] == pytest.approx([1] * 5, abs=0.02)


def test_a_second_valley_fools_gradient_descent_and_never_exhaustive_search(
    table: dict[tuple[str, str], Performance],
) -> None:
    shares = {way: table[TWO_VALLEYS.name, way.name].share_found for way in WAYS}
    assert shares[EXHAUSTIVE] == 1
    assert shares[DESCENT] < 0.8
    assert shares[CURVED] < 0.8
    assert min(shares[GENETIC], shares[ANNEALING]) > max(shares[DESCENT], shares[CURVED]) + 0.05
    fooled = table[TWO_VALLEYS.name, DESCENT.name].shown
    assert fooled.temperature == pytest.approx(12.5, abs=0.5), "it ends in the valley of iced tea"
    assert fooled.lost > 0.4


def test_the_trade_of_the_source_holds_from_the_fewest_assumptions_to_the_most() -> None:
    assert "few assumptions: robust, slow (exhaustive)" in EXAMPLES["optimization"]["trade"]
    counts = [len(assumptions_of(way)) for way in WAYS]
    assert counts == sorted(set(counts))
    assert counts[0] == 1
    assert "there is one valley" not in assumptions_of(ANNEALING)
    assert {"there is one valley"} <= set(assumptions_of(DESCENT)) & set(assumptions_of(CURVED))


@every_way
def test_every_try_is_counted(way: Way) -> None:
    drunk: list[float] = []
    counted = replace(TWO_VALLEYS, lost=lambda temperature: drunk.append(temperature) or TWO_VALLEYS.lost(temperature))
    trial = searched(way, counted)
    assert list(trial.cups) == drunk[:-1], "the last one is not drunk by the way: it says what is lost at its answer"
    assert all(COLDEST <= temperature <= HOTTEST for temperature in trial.cups)


@every_way
@pytest.mark.parametrize("start", [COLDEST, 99.99, HOTTEST])
def test_a_search_may_begin_at_the_edge(way: Way, start: float) -> None:
    assert searched(way, start=start).found


def test_exhaustive_search_finds_what_no_slope_leads_to() -> None:
    hidden = Landscape("a hole", lambda temperature: float(temperature != 83.5), best=83.5)
    assert searched(EXHAUSTIVE, hidden).off == 0
    assert not searched(DESCENT, hidden).found


def test_gradient_descent_halves_the_error_on_a_parabola_of_this_width() -> None:
    """The slope is (t - 50) / 200, and a step goes 100 degrees for a slope of 1."""
    trial = searched(DESCENT, PARABOLA, start=66)
    pairs = np.array(trial.cups).reshape(-1, 2)
    expected = [66, 58, 54, 52, 51, 50.5, 50.25, 50.125]
    np.testing.assert_allclose(pairs.mean(1), expected, atol=1e-9)
    np.testing.assert_allclose(np.ptp(pairs, axis=1), 0.1, atol=1e-9)
    assert trial.temperature == pytest.approx(50.0625)


def test_curvature_needs_one_step_on_a_parabola_and_a_second_one_to_see_it() -> None:
    trial = searched(CURVED, PARABOLA, start=90)
    np.testing.assert_allclose(trial.cups, [89, 90, 91, 49, 50, 51], atol=1e-9)
    assert trial.temperature == pytest.approx(50)


def test_where_it_bends_downwards_curvature_goes_down_the_slope() -> None:
    ridge = Landscape("a ridge", lambda temperature: -(((temperature - 30) / 50) ** 2), best=HOTTEST)
    assert searched(CURVED, ridge, start=40).temperature == HOTTEST
    assert searched(CURVED, ridge, start=20).temperature == COLDEST


@pytest.mark.parametrize("way", [EXHAUSTIVE, GENETIC, ANNEALING], ids=lambda way: way.name)
@pytest.mark.parametrize("seed", range(5))
def test_who_drinks_many_cups_takes_the_best_of_them(way: Way, seed: int) -> None:
    trial = searched(way, TWO_VALLEYS, seed=seed)
    assert trial.lost == min(map(TWO_VALLEYS.lost, trial.cups))


def test_the_best_of_equal_cups_is_the_first() -> None:
    taste = Tasting(PARABOLA)
    for temperature in (70, 40, 60):
        taste(temperature)
    assert (taste.best, taste.tries) == (40, 3)


@pytest.mark.parametrize("way", [GENETIC, ANNEALING], ids=lambda way: way.name)
def test_the_seed_decides_what_is_drawn(way: Way) -> None:
    assert searched(way) == searched(way)
    assert searched(way).cups != searched(way, seed=8).cups


@pytest.mark.parametrize("way", [EXHAUSTIVE, DESCENT, CURVED], ids=lambda way: way.name)
def test_the_others_draw_nothing(way: Way) -> None:
    assert searched(way) == searched(way, seed=8)
