"""How the cost of a training step grows with batch, side, features and depth: time and memory of both engines, and exponents.

    python benchmarks/growth.py [--rounds 3] [--threads N] [--picture growth.png] [--json]

A network of convolutions of 3 x 3 is made larger in one direction after the other, by factors of 2. Each point is measured in a
process of its own, engines taking turns: a step (median) and the memory that training takes at its peak, without libraries; of
all rounds the median counts. An exponent is the slope of a straight line through the logarithms of both: 1 is linear. Against
multiply-adds it is fitted to the larger half, where what a step costs at any size has no say any more, and must not be above
1.1, which leaves room for what shared machines do to times.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from contenders import NUMPY, TORCH, Case, machine, multiply_adds, names, stack
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from memory import alone

from runners.pictures.canvas import BLUE, VERMILION, add_axes, new_figure, save

SECONDS = 0.3
LINEAR = 1.1
"""The exponent from which growth is called worse than linear in the multiply-adds."""
BATCH, SIDE, FEATURES, DEPTH = 32, 16, 16, 2
"""What stays as it is in the other directions."""
DIRECTIONS = {
    "batch": (8, 16, 32, 64, 128, 256),
    "side": (8, 16, 32, 64, 128),
    "features": (4, 8, 16, 32, 64, 128),
    "depth": (1, 2, 4, 8, 16, 32),
}
HEADER = ("direction", "engine", "from", "to", "time", "memory", "time by multiply-adds", "memory by multiply-adds", "")


@dataclass(frozen=True)
class Point:
    """One network of a direction: what was changed, the multiply-adds of a step, its seconds, and the bytes of training."""

    value: int
    multiply_adds: int
    seconds: float
    memory: float


@dataclass(frozen=True)
class Growth:
    """The points of one direction and engine, and what they say."""

    direction: str
    engine: str
    points: tuple[Point, ...]

    @property
    def exponents(self) -> dict[str, float]:
        """Of time and memory, against what was changed over all points, and against multiply-adds over the larger half."""
        larger = self.points[len(self.points) // 2 - 1 :]
        return {
            "time": slope([(one.value, one.seconds) for one in self.points]),
            "memory": slope([(one.value, one.memory) for one in self.points]),
            "time_by_multiply_adds": slope([(one.multiply_adds, one.seconds) for one in larger]),
            "memory_by_multiply_adds": slope([(one.multiply_adds, one.memory) for one in larger]),
        }

    @property
    def linear(self) -> bool:
        """Whether nothing grows faster than multiply-adds do."""
        found = self.exponents
        return max(found["time_by_multiply_adds"], found["memory_by_multiply_adds"]) <= LINEAR


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the straight line through the logarithms, by least squares."""
    x, y = np.log(np.array(points, dtype=np.float64)).T
    return float(np.polynomial.Polynomial.fit(x, y, 1).convert().coef[1])


def case_of(direction: str, value: int) -> Case:
    """The network that is as large as `value` says in one direction."""
    size = {"batch": BATCH, "side": SIDE, "features": FEATURES, "depth": DEPTH, direction: value}
    convolutions = [f"c{size['features']}x3"] * size["depth"]
    shape = (1, size["side"], size["side"])
    return Case(f"{direction} {value}", shape, size["batch"], stack(*convolutions, "p", "f10"))


def measure(direction: str, *, rounds: int, threads: int) -> list[Growth]:
    """One direction, for each engine."""
    engines = [name for name in names() if name in (NUMPY, TORCH)]
    points: dict[str, list[Point]] = {engine: [] for engine in engines}
    for value in DIRECTIONS[direction]:
        case = case_of(direction, value)
        runs: dict[str, list[Any]] = {engine: [] for engine in engines}
        for _ in range(rounds):
            for engine in engines:
                runs[engine].append(alone(engine, case, threads=threads, seconds=SECONDS))
        for engine, found in runs.items():
            seconds, memory = median(one.seconds for one in found), median(one.training for one in found)
            points[engine].append(Point(value, multiply_adds(case), seconds, memory))
    return [Growth(direction, engine, tuple(found)) for engine, found in points.items()]


def row(one: Growth) -> list[str]:
    exponents = [f"{exponent:.2f}" for exponent in one.exponents.values()]
    verdict = "" if one.linear else "worse than linear"
    return [one.direction, one.engine, f"{one.points[0].value}", f"{one.points[-1].value}", *exponents, verdict]


def draw(found: Sequence[Growth], path: Path) -> None:
    """Time above, memory below, against multiply-adds, a column for each direction; a dotted line is linear growth."""
    directions = list(dict.fromkeys(one.direction for one in found))
    figure = new_figure(1 + 3.4 * len(directions), 7)
    for column, direction in enumerate(directions):
        there = [one for one in found if one.direction == direction]
        time = add_axes(figure, 0.8 + 3.4 * column, 3.9, width=2.6, height=2.6)
        memory = add_axes(figure, 0.8 + 3.4 * column, 0.65, width=2.6, height=2.6)
        _draw_lines(time, there, [[1e3 * point.seconds for point in one.points] for one in there], "time")
        _draw_lines(memory, there, [[point.memory / 2**20 for point in one.points] for one in there], "memory")
        time.set_title(direction, fontsize=12)
        if column == 0:
            time.set_ylabel("ms a step")
            memory.set_ylabel("MiB of training")
    save(figure, path)


def _draw_lines(axes: Axes, there: Sequence[Growth], values: Sequence[Sequence[float]], quantity: str) -> None:
    for one, y in zip(there, values, strict=True):
        x = [point.multiply_adds / 1e6 for point in one.points]
        color, marker = (BLUE, "o") if one.engine == NUMPY else (VERMILION, "s")
        label = f"{one.engine}: {one.exponents[f'{quantity}_by_multiply_adds']:.2f}"
        axes.loglog(x, y, color=color, marker=marker, markersize=4, label=label)
        axes.loglog(x, [y[-1] * each / x[-1] for each in x], color=color, linewidth=0.8, linestyle=":")
    axes.set_xlabel("million multiply-adds a step")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=8, loc="lower right", title="exponent", title_fontsize=8)
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--direction", choices=DIRECTIONS, action="append", help="only this one; may be given again")
    parser.add_argument("--picture", type=Path, help="write a picture (PNG)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if not options.json:
        print(f"{machine()}; {options.threads} threads; medians of {options.rounds} processes for each point\n")
        print(f"| {' | '.join(HEADER)} |\n|---|---|{'---:|' * 6}---|")
    found: list[Growth] = []
    for direction in options.direction or DIRECTIONS:
        new = measure(direction, rounds=options.rounds, threads=options.threads)
        found += new
        for one in () if options.json else new:
            print(f"| {' | '.join(row(one))} |", flush=True)
    if options.picture is not None:
        draw(found, options.picture)
    if options.json:
        plain = [{**asdict(one), "exponents": one.exponents, "linear": one.linear} for one in found]
        print(json.dumps({"machine": machine(), "rounds": options.rounds, "threads": options.threads, "growth": plain}))
    return 0 if all(one.linear for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
