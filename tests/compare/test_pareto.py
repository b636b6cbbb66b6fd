"""What nothing else beats in both quality and cost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runners.compare.pareto import front


def test_a_front_by_hand() -> None:
    quality = {"small": 0.95, "middle": 0.97, "waste": 0.96, "large": 0.98, "unknown": 1.0}
    cost = {"small": 10, "middle": 20, "waste": 30, "large": 40, "unknown": None}
    assert front(quality, cost, higher_is_better=True) == ("small", "middle", "large")
    assert front(quality, cost, higher_is_better=False) == ("small",)


def test_equals_stand_together_and_ties_in_one_do_not() -> None:
    quality = {"a": 0.9, "b": 0.9, "dearer": 0.9, "worse": 0.8}
    assert front(quality, {"a": 5, "b": 5, "dearer": 6, "worse": 5}, higher_is_better=True) == ("a", "b")


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12), st.booleans())
def test_a_front_is_what_no_other_dominates(points: list[tuple[int, int]], higher: bool) -> None:
    quality = {str(i): float(q) for i, (q, _) in enumerate(points)}
    cost: dict[str, float | None] = {str(i): float(c) for i, (_, c) in enumerate(points)}

    def beats(one: tuple[int, int], other: tuple[int, int]) -> bool:
        better = one[0] - other[0] if higher else other[0] - one[0]
        return better >= 0 and one[1] <= other[1] and one != other

    expected = {str(i) for i, point in enumerate(points) if not any(beats(other, point) for other in points)}
    assert set(front(quality, cost, higher_is_better=higher)) == expected
