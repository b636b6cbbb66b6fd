"""Training steps a second of both engines beside a PyTorch loop written by hand, on the whole machine, in one table.

    python benchmarks/engines.py [--rounds 7] [--threads N] [--json]

Every contender is given the same threads, all cores by default, and they take turns; what counts is the median of all rounds.
The loop by hand is the faster of two, with contiguous memory and with channels last. Beside it: the share of the machine's
matrix-multiply peak in float32 that each reaches (measured here, the faster of numpy's and PyTorch's), the peak memory of each
in a process of its own, whole and without what was imported, and what `engine: auto` takes. Needs `pip install torch==2.13.0`
for the comparison; without it only the numpy engine is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from contenders import (
    BY_HAND,
    NUMPY,
    TORCH,
    Case,
    Step,
    layers_of,
    machine,
    multiply_adds,
    names,
    planned,
    stack,
    step_of,
    training_of,
)
from memory import Alone, alone
from threadpoolctl import threadpool_limits

from convspec.data import FourPixels
from convspec.pipeline import Pipeline
from runners.engines.choice import choose

SECONDS = 0.3
"""How long a contender works before the next one has its turn."""
ALONE_SECONDS = 0.5
PEAK_SIDE, PEAK_ROUNDS = 2048, 7

DIGITS = stack("c16x3", "p", "c32x3", "p", "f64", "f10")
VGG = stack("c32x3", "c32x3", "p", "c64x3", "c64x3", "p", "c128x3", "c128x3", "p", "f256", "f10")
CASES = [
    Case("X and O, 9 x 9, batch 32", (1, 9, 9), 32, stack("c8x3", "p", "c16x3", "p", "f2")),
    Case("digits, 8 x 8, batch 32", (1, 8, 8), 32, DIGITS),
    Case("digits, 8 x 8, batch 128", (1, 8, 8), 128, DIGITS),
    Case("LeNet style, 28 x 28, batch 64", (1, 28, 28), 64, stack("c16x5", "p", "c32x5", "p", "f128", "f10")),
    Case("VGG style, 32 x 32 x 3, batch 64", (3, 32, 32), 64, VGG),
]
HEADER = ("steps a second", "numpy", "torch engine", "by hand (layout)", "numpy / hand", "torch / hand")
MORE = ("share of the peak: numpy", "torch engine", "by hand", "memory: numpy", "torch engine", "by hand")
LAST = ("auto takes", "auto / better engine")


def steps_a_second(step: Step) -> float:
    step()
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < SECONDS:
        step()
        count += 1
    return count / passed


def rates_of(case: Case, *, rounds: int, threads: int) -> dict[str, float]:
    """Median steps a second of each contender."""
    steps = {name: step_of(name, case, threads=threads) for name in names()}
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            rates[name].append(steps_a_second(step))
    return {name: median(found) for name, found in rates.items()}


def peak(threads: int) -> float:
    """Multiply-adds a second of the machine in float32: a large matrix multiplication, the faster of numpy's and PyTorch's."""
    a = np.random.default_rng(7).standard_normal((PEAK_SIDE, PEAK_SIDE), dtype=np.float32)
    with threadpool_limits(limits=threads, user_api="blas"):
        best = _seconds(lambda: a @ a)
    if find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
        tensor = torch.from_numpy(a)
        best = min(best, _seconds(lambda: tensor @ tensor))
    return PEAK_SIDE**3 / best


def _seconds(work: Step) -> float:
    """The shortest of some rounds."""
    times = []
    for _ in range(PEAK_ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def auto(case: Case) -> str:
    """The contender that `engine: auto` takes."""
    data = FourPixels()  # any source: the engine depends on the network, its plan and the batch
    pipeline = Pipeline(experiment="engines", data=data, network=tuple(layers_of(case)), training=training_of(case))
    return {"numpy": NUMPY, "torch": TORCH}[choose(pipeline, planned(case), device="cpu").name]


def measure(case: Case, *, rounds: int, threads: int, most: float) -> dict[str, Any]:
    """All figures of one case; `most` is the machine's peak."""
    rates = rates_of(case, rounds=rounds, threads=threads)
    hands = {name: rate for name, rate in rates.items() if name.startswith(BY_HAND)}
    layout = max(hands, key=hands.__getitem__, default=None)
    chosen = {NUMPY: NUMPY} if layout is None else {NUMPY: NUMPY, TORCH: TORCH, BY_HAND: layout}
    held: dict[str, Alone] = {
        kind: alone(name, case, threads=threads, seconds=ALONE_SECONDS) for kind, name in chosen.items()
    }
    engines = {kind: rates[kind] for kind in (NUMPY, TORCH) if kind in rates}
    taken = auto(case)
    return {
        "case": case.name,
        "steps_a_second": {kind: rates[name] for kind, name in chosen.items()},
        "by_hand_layout": None if layout is None else "channels last" if layout != BY_HAND else "contiguous",
        "all_layouts": hands,
        "multiply_adds": multiply_adds(case),
        "share_of_peak": {kind: rates[name] * multiply_adds(case) / most for kind, name in chosen.items()},
        "peak_bytes": {kind: one.peak for kind, one in held.items()},
        "training_bytes": {kind: one.training for kind, one in held.items()},
        "auto": taken,
        "auto_to_better": engines[taken] / max(engines.values()),
    }


def row(found: dict[str, Any]) -> list[str]:
    """A row of the table; `-` where PyTorch is not there."""
    kinds, rates = (NUMPY, TORCH, BY_HAND), found["steps_a_second"]
    steps = [f"{rates[kind]:.1f}" if kind in rates else "-" for kind in kinds]
    if found["by_hand_layout"]:
        steps[-1] += f" ({found['by_hand_layout']})"
    ratios = [f"{rates[kind] / rates[BY_HAND]:.2f}" if BY_HAND in rates else "-" for kind in kinds[:2]]
    shares = [f"{found['share_of_peak'][kind]:.1%}" if kind in rates else "-" for kind in kinds]
    whole, training = found["peak_bytes"], found["training_bytes"]
    memory = [f"{whole[kind] / 2**20:.0f} ({training[kind] / 2**20:.0f})" if kind in rates else "-" for kind in kinds]
    return [found["case"], *steps, *ratios, *shares, *memory, found["auto"], f"{found['auto_to_better']:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--case", help="only cases whose names hold this")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    most = peak(options.threads)
    cases = [case for case in CASES if not options.case or options.case in case.name]
    if not options.json:
        print(f"{machine()}; {options.threads} threads; medians of {options.rounds} interleaved rounds of {SECONDS} s")
        print(
            f"matrix-multiply peak {2 * most / 1e9:.0f} GFLOP/s; memory in MiB, in brackets without what was imported\n"
        )
        print(f"| {' | '.join([*HEADER, *MORE, *LAST])} |\n|---|{'---:|' * 11}---|---:|")
    found = []
    for case in cases:
        found.append(measure(case, rounds=options.rounds, threads=options.threads, most=most))
        if not options.json:
            print(f"| {' | '.join(row(found[-1]))} |", flush=True)
    if options.json:
        print(json.dumps({"machine": machine(), **vars(options), "peak_flops": 2 * most, "cases": found}))


if __name__ == "__main__":
    main()
