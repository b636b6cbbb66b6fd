"""Whether the statistics of `convspec compare` hold what they say, on simulated experiments.

    python benchmarks/significance.py [--experiments 1000]

Accuracies are normal, with as much spread between seeds that all architectures share as between architectures within a seed;
`of 360` are the shares of 360 test examples that are right, in steps of 1/360. A false "better" is an experiment in which any
architecture is called worse than another one, though all are equal.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from runners.compare.power import power, seeds_needed
from runners.compare.statistics import Comparison, compare

Drawn = NDArray[np.float64]
RNG = np.random.default_rng(1)


def normal(architectures: int, seeds: int) -> Drawn:
    return 0.9 + RNG.normal(0, 0.01, seeds) + RNG.normal(0, 0.01, (architectures, seeds))


def of_360(architectures: int, seeds: int) -> Drawn:
    return RNG.binomial(360, 0.985, (architectures, seeds)) / 360


def compared(values: Drawn) -> Comparison:
    named = {f"a{number}": dict(enumerate(each)) for number, each in enumerate(values.tolist())}
    return compare(named, higher_is_better=True)


def tells(comparison: Comparison) -> bool:
    return any(row.group != 1 for row in comparison.rows)


def false(drawn: Callable[[int, int], Drawn], architectures: int, seeds: int) -> bool:
    return tells(compared(drawn(architectures, seeds)))


def share(happens: Callable[[], bool], experiments: int) -> str:
    return f"{sum(happens() for _ in range(experiments)) / experiments:.1%}"


def holds(seeds: int) -> bool:
    (row,) = compared(RNG.normal(0.9, 0.02, (1, seeds))).rows
    assert row.interval is not None
    return row.interval[0] <= 0.9 <= row.interval[1]


def finds(effect: float, seeds: int) -> bool:
    values = normal(2, seeds)
    values[1] += effect * 0.01 * math.sqrt(2)
    return tells(compared(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000)
    count = parser.parse_args().experiments
    print(
        f"{count:,} experiments each.\n\n| architectures | values | 3 seeds | 5 seeds | 10 seeds |\n|---|---|---|---|---|"
    )
    for architectures in (2, 3, 5):
        for name, drawn in (("normal", normal), ("of 360", of_360)):
            rates = [share(partial(false, drawn, architectures, seeds), count) for seeds in (3, 5, 10)]
            print(f"| {architectures} | {name} | {' | '.join(rates)} |", flush=True)
    rates = [share(partial(holds, seeds), count) for seeds in (3, 5, 10)]
    print(f"| 95 % intervals that hold the mean | normal | {' | '.join(rates)} |\n")
    print("| true effect d | seeds for 80 % | predicted | found |\n|---|---|---|---|")
    for effect in (0.5, 1.0, 2.0):
        seeds = seeds_needed(effect, alpha=0.05)
        assert seeds is not None
        found = share(partial(finds, effect, seeds), count)
        print(f"| {effect} | {seeds} | {power(effect, seeds, alpha=0.05):.1%} | {found} |", flush=True)


if __name__ == "__main__":
    main()
