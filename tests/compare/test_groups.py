"""Which runs are one architecture, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from runners.compare.groups import grouped
from runners.tracking.tables import Found

IDS = count()


def run(
    settings: Mapping[str, object] = {}, *, seed: int | None = 1, status: str = "FINISHED", **tags: object
) -> Found:
    number = next(IDS)
    params = {key: str(value) for key, value in settings.items()} | ({} if seed is None else {"seed": str(seed)})
    named = {f"convspec.{key}": str(value) for key, value in tags.items()}
    return Found(
        f"{number:032x}", f"digits seed {seed}", status, number, named, params, {"accuracy/test": number / 100}
    )


def names(runs: list[Found]) -> list[tuple[str, int]]:
    return [(member.architecture, member.seed) for member in grouped(runs).members]


def test_architectures_are_called_by_their_tag() -> None:
    runs = [
        run({"network.c.size": size}, seed=seed, architecture=name)
        for seed in (1, 2)
        for name, size in (("a", 3), ("b", 5))
    ]
    assert names(runs) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_the_same_architecture_under_other_settings_is_another_group() -> None:
    runs = [run({"training.epochs": epochs}, seed=1, architecture="a") for epochs in (5, 20)]
    assert names([*runs, run({"training.epochs": 20}, architecture="b")]) == [
        ("a epochs=5", 1),
        ("a epochs=20", 1),
        ("b", 1),
    ]


def test_settings_are_called_by_the_shortest_end_of_their_paths_that_is_clear() -> None:
    pairs = [
        {"network.c_1.features": a, "network.c_2.features": b, "training.batch": 32}
        for a, b in ((8, 8), (8, 16), (16, 8))
    ]
    assert [name for name, _ in names([run(pair) for pair in pairs])] == [
        "c_1.features=8 c_2.features=8",
        "c_1.features=8 c_2.features=16",
        "c_1.features=16 c_2.features=8",
    ]


def test_many_settings_are_cut_short_and_stay_apart() -> None:
    runs = [run({f"k{key}": 0 if key < 5 else value for key in range(7)} | {"k0": value}) for value in (1, 2)]
    runs += [run({f"k{key}": key for key in range(7)} | {"k6": value}) for value in (8, 9)]
    labels = [name for name, _ in names(runs)]
    assert labels[2:] == ["k0=0 k1=1 k2=2 k3=3 ...", "k0=0 k1=1 k2=2 k3=3 ... (2)"]
    assert len(set(labels)) == 4


def test_runs_that_differ_by_seed_alone_are_one_group_called_as_they_are() -> None:
    assert names([run({"training.batch": 32}, seed=seed) for seed in (1, 2)]) == [("digits", 1), ("digits", 2)]


def test_unknown_seeds_are_not_paired() -> None:
    assert [seed for _, seed in names([run(seed=None), run(seed=None)])] == [-1, -2]


def test_of_several_runs_with_one_seed_the_last_that_finished_counts() -> None:
    first, second, failed, going = run(), run(), run(status="FAILED"), run(status="RUNNING")
    found = grouped([first, second, failed, going])
    assert [member.run_id for member in found.members] == [second.run_id]
    assert found.notes == [
        "2 runs are left out: earlier with the same settings and seed.",
        "1 run is left out: not over yet.",
    ]
    assert [member.run_id for member in grouped([failed, first]).members] == [first.run_id]


def test_parents_are_no_members_and_costs_are_read() -> None:
    member = run(architecture="a", kind="member", parameters=120, multiply_adds=3400)
    (found,) = grouped([run(seed=None, kind="comparison"), run(seed=None, kind="search"), member]).members
    assert (found.parameters, found.multiply_adds, found.seconds) == (120, 3400, None)
