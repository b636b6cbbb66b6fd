"""The statistics of a comparison against scipy's, against published figures, and against simulated experiments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from runners.compare.family import holm
from runners.compare.power import power, seeds_needed
from runners.compare.statistics import Comparison, Row, compare

A = {1: 0.971, 2: 0.984, 3: 0.962, 4: 0.979, 5: 0.991}
B = {1: 0.958, 2: 0.969, 3: 0.957, 4: 0.971, 5: 0.969}
C = {1: 0.902, 2: 0.921, 3: 0.899, 4: 0.93, 5: 0.911}
D = {11: 0.95, 12: 0.94, 13: 0.97}


def row(comparison: Comparison, name: str) -> Row:
    return next(each for each in comparison.rows if each.name == name)


def test_mean_deviation_and_interval_are_scipys() -> None:
    (only,) = compare({"a": A}, higher_is_better=True).rows
    values = list(A.values())
    assert (only.count, only.mean) == (5, pytest.approx(np.mean(values)))
    assert only.sd == pytest.approx(np.std(values, ddof=1))
    assert only.interval == pytest.approx(stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values)))
    assert only.words == ""


def test_the_paired_test_is_scipys_and_the_effect_that_of_the_differences() -> None:
    found = row(compare({"a": A, "b": B}, higher_is_better=True), "b")
    differences = np.array(list(B.values())) - np.array(list(A.values()))
    assert found.test == "paired t"
    assert found.p == found.p_alone == pytest.approx(stats.ttest_rel(list(A.values()), list(B.values())).pvalue)
    assert found.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert found.difference == pytest.approx(differences.mean())


def test_seeds_that_are_not_shared_are_tested_with_welch() -> None:
    found = row(compare({"a": A, "d": D}, higher_is_better=True), "d")
    assert found.test == "Welch's t"
    expected = stats.ttest_ind(list(A.values()), list(D.values()), equal_var=False).pvalue
    assert found.p == pytest.approx(expected)


def test_only_shared_seeds_are_paired() -> None:
    fewer = {seed: B[seed] for seed in (2, 3, 5)} | {9: 0.5}
    found = row(compare({"a": A, "b": fewer}, higher_is_better=True), "b")
    assert found.test == "paired t"
    assert found.p == pytest.approx(stats.ttest_rel([A[s] for s in (2, 3, 5)], [B[s] for s in (2, 3, 5)]).pvalue)


def test_every_pair_is_corrected_for_by_holm() -> None:
    comparison = compare({"a": A, "b": B, "c": C}, higher_is_better=True)
    a, b, c = (list(each.values()) for each in (A, B, C))
    alone = sorted([stats.ttest_rel(a, b).pvalue, stats.ttest_rel(a, c).pvalue, stats.ttest_rel(b, c).pvalue])
    assert stats.ttest_rel(a, b).pvalue == alone[2]
    assert row(comparison, "b").p == pytest.approx(max(alone[2], 2 * alone[1], 3 * alone[0]))
    assert [each.name for each in comparison.rows] == ["a", "b", "c"]


def test_holms_correction_by_hand() -> None:
    assert holm([0.04, 0.001, 0.03, 0.9]) == pytest.approx([0.09, 0.004, 0.09, 0.9])
    assert holm([0.4, 0.5]) == pytest.approx([0.8, 0.8])
    assert holm([]) == []


def test_lower_may_be_better() -> None:
    comparison = compare({"a": A, "b": B, "c": C}, higher_is_better=False)
    assert [each.name for each in comparison.rows] == ["c", "b", "a"]
    assert row(comparison, "a").words.startswith("worse than c")


@pytest.mark.parametrize(
    ("effect", "is_paired", "seeds", "reached"),
    [(0.5, False, 64, 0.8015), (0.5, True, 34, 0.8078), (0.8, False, 26, 0.8075), (0.2, True, 199, 0.8017)],
)
def test_power_is_that_of_published_tables(effect: float, is_paired: bool, seeds: int, reached: float) -> None:
    """Figures of G*Power 3.1, two-sided at 5 %."""
    assert seeds_needed(effect, alpha=0.05, is_paired=is_paired) == seeds
    assert power(effect, seeds, alpha=0.05, is_paired=is_paired) == pytest.approx(reached, abs=1e-4)


def test_power_has_its_limits() -> None:
    assert seeds_needed(0.01, alpha=0.05) is None
    assert seeds_needed(-0.5, alpha=0.05) == seeds_needed(0.5, alpha=0.05)
    assert seeds_needed(math.inf, alpha=0.05) == 6  # 2 / 2^6 < 0.05 < 2 / 2^5
    assert seeds_needed(50.0, alpha=0.05) == 2


def shifted(values: dict[int, float], by: float) -> dict[int, float]:
    return {seed: value + by for seed, value in values.items()}


def test_equal_values_are_the_same() -> None:
    found = row(compare({"a": A, "b": dict(A)}, higher_is_better=True), "b")
    assert (found.p, found.effect, found.difference, found.group) == (1.0, 0.0, 0.0, 1)
    assert found.words == "the same as a at every seed"


def test_differences_without_spread_do_not_count_as_infinitely_sure() -> None:
    """Three seeds that each gain one test example would give p = 0 in a t test; the permutation test gives 1/4."""
    few = {seed: A[seed] for seed in (1, 2, 3)}
    found = row(compare({"a": few, "b": shifted(few, -0.01)}, higher_is_better=True), "b")
    assert (found.test, found.p, found.group) == ("permutation", 0.25, 1)
    assert found.words == "not distinguishable from a at these seeds (about 6 seeds would be needed)"
    many = {seed: 0.9 + seed / 1000 for seed in range(8)}
    found = row(compare({"a": many, "b": shifted(many, -0.01)}, higher_is_better=True), "b")
    assert (found.p, found.group) == (2 / 2**8, 2)


def test_constants_of_other_seeds_are_permuted_too() -> None:
    found = row(compare({"a": {1: 0.9, 2: 0.9}, "b": {3: 0.8, 4: 0.8}}, higher_is_better=True), "b")
    assert (found.test, found.p) == ("permutation", pytest.approx(2 / 6))


def test_one_seed_is_not_tested() -> None:
    comparison = compare({"a": A, "b": B, "single": {1: 0.999}}, higher_is_better=True)
    single = comparison.rows[0]
    assert (single.name, single.sd, single.interval, single.p, single.group) == ("single", None, None, None, None)
    assert single.words == "one seed: no test"
    assert comparison.best == "a"
    alone = compare({"a": {1: 0.9}, "b": {1: 0.8}}, higher_is_better=True)
    assert [each.words for each in alone.rows] == ["one seed: no test"] * 2


def test_groups_are_told_in_words() -> None:
    near = {1: 0.97, 2: 0.981, 3: 0.966, 4: 0.976, 5: 0.988}
    nearer_c = shifted(C, -0.0004) | {1: 0.91}
    comparison = compare({"a": A, "near": near, "c": C, "c2": nearer_c}, higher_is_better=True)
    assert [(each.name, each.group) for each in comparison.rows] == [("a", 1), ("near", 1), ("c2", 2), ("c", 2)]
    seeds = {each.name: each.needed for each in comparison.rows}
    p = {each.name: each.p for each in comparison.rows}
    assert [each.words for each in comparison.rows] == [
        "the best, not distinguishable from near",
        f"not distinguishable from a at these seeds (about {seeds['near']} seeds would be needed)",
        f"worse than a (p = {p['c2']:.4f})",
        f"worse than a (p = {p['c']:.4f}); "
        f"not distinguishable from c2 at these seeds (about {seeds['c']} seeds would be needed)",
    ]


def test_the_seeds_needed_reach_the_power_at_the_corrected_level() -> None:
    found = row(compare({"a": A, "b": shifted(A, -0.001) | {1: 0.974}, "c": C}, higher_is_better=True), "b")
    assert found.needed is not None and found.effect is not None
    assert (
        power(found.effect, found.needed, alpha=0.05 / 3) >= 0.8 > power(found.effect, found.needed - 1, alpha=0.05 / 3)
    )


def test_a_mean_that_a_missing_seed_lifts_is_not_called_better() -> None:
    """b has the higher mean, as it lacks the hard seed, yet a is better at every seed that both have."""
    a = {1: 0.95, 2: 0.96, 3: 0.97, 4: 0.955, 5: 0.5}
    b = {seed: a[seed] - 0.01 + seed / 10000 for seed in (1, 2, 3, 4)}
    comparison = compare({"a": a, "b": b}, higher_is_better=True)
    assert comparison.best == "b"
    assert row(comparison, "a").group == 1


def test_values_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="b has no values"):
        compare({"a": A, "b": {}}, higher_is_better=True)
    with pytest.raises(ValueError, match="b has no values"):
        compare({"a": A, "b": {1: math.nan}}, higher_is_better=True)


def test_very_many_architectures_are_corrected_for_all_pairs_too() -> None:
    rng = np.random.default_rng(5)
    values = {f"a{i}": dict(enumerate((0.9 + rng.normal(0, 0.01, 5)).tolist())) for i in range(149)}
    values["far"] = dict(enumerate((0.1 + rng.normal(0, 0.001, 5)).tolist()))
    comparison = compare(values, higher_is_better=True)
    far = row(comparison, "far")
    assert far.p_alone is not None
    assert far.p == pytest.approx(far.p_alone * 150 * 149 / 2)
    assert far.group == 2
    assert {each.group for each in comparison.rows} == {1, 2}


def experiment(rng: np.random.Generator, means: list[float], seeds: int) -> dict[str, dict[int, float]]:
    """Accuracies with what a seed does to all architectures, and what it does to each."""
    both, own = rng.normal(0, 0.01, seeds), rng.normal(0, 0.01, (len(means), seeds))
    values: NDArray[np.float64] = np.array(means)[:, None] + both + own
    return {f"a{i}": dict(enumerate(each)) for i, each in enumerate(values.tolist())}


def tells_a_difference(values: dict[str, dict[int, float]]) -> bool:
    return any(each.group != 1 for each in compare(values, higher_is_better=True).rows)


@pytest.mark.parametrize("architectures", [2, 3, 5])
def test_without_a_difference_few_experiments_show_one(architectures: int) -> None:
    """Of 1,000 experiments at most 5 % may call one architecture better than another; two deviations of that count are 14."""
    rng = np.random.default_rng(architectures)
    found = sum(tells_a_difference(experiment(rng, [0.9] * architectures, 5)) for _ in range(1000))
    assert found <= 50 + 14


def test_the_correction_is_needed() -> None:
    """Uncorrected tests against the best of five equals would be wrong far more often."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(300):
        comparison = compare(experiment(rng, [0.9] * 5, 5), higher_is_better=True)
        wrong += any(each.p_alone is not None and each.p_alone <= 0.05 for each in comparison.rows)
    assert wrong > 0.15 * 300


def test_accuracies_that_count_few_examples_show_no_more() -> None:
    """Steps of 1/360, as on the test digits, where equal differences are common."""
    rng, found = np.random.default_rng(7), 0
    for _ in range(1000):
        values = (rng.binomial(360, 0.985, (3, 4)) / 360).tolist()
        found += tells_a_difference({f"a{i}": dict(enumerate(each)) for i, each in enumerate(values)})
    assert found <= 50 + 14


def test_intervals_hold_the_true_mean_as_often_as_they_say() -> None:
    rng, held = np.random.default_rng(2), 0
    for _ in range(1000):
        (only,) = compare({"a": dict(enumerate(rng.normal(0.9, 0.02, 5).tolist()))}, higher_is_better=True).rows
        assert only.interval is not None
        held += only.interval[0] <= 0.9 <= only.interval[1]
    assert 930 <= held <= 970


def test_differences_are_found_as_often_as_predicted() -> None:
    """A true difference of one deviation of the differences, with the seeds that it needs."""
    seeds = seeds_needed(1.0, alpha=0.05)
    assert seeds == 10
    rng = np.random.default_rng(3)
    apart = 0.01 * math.sqrt(2)  # the deviation of a difference of two
    found = sum(tells_a_difference(experiment(rng, [0.9, 0.9 + apart], seeds)) for _ in range(1000))
    predicted = power(1.0, seeds, alpha=0.05)
    assert found / 1000 == pytest.approx(predicted, abs=0.03)
