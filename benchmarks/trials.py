"""What a trial of a search costs beside its training, and what a second worker brings.

    python benchmarks/trials.py cost [--rounds 3] [--trials 100]      # one worker, the X-and-O network
    python benchmarks/trials.py workers [--rounds 3] [--trials 40]    # one worker and two, taking turns

Whole commands, `convspec run FILE --json`, each in an empty folder with a store of its own. What a search takes beside its
training is told twice: shared out over all trials with the start and the end of the command, and without those, as the
difference between this search and one of a fifth as many trials.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-P", "-c", "from runners.cli.entry import main; main()"]
NETWORK = (ROOT / "pipelines" / "xs_and_os.yaml").read_text(encoding="utf-8")
SEARCH = """
search:
  knobs:
    training.optimizer.adam.learning_rate: {{from: 0.0005, to: 0.01, scale: log}}
  maximize: accuracy/validation
  trials: {trials}
  strategy: random
"""


@dataclass(frozen=True)
class Taken:
    """Seconds of a whole search, and of the trainings within it."""

    seconds: float
    trainings: tuple[float, ...]

    @property
    def beside(self) -> float:
        return self.seconds - sum(self.trainings)


def search(trials: int, *, workers: int, epochs: int) -> Taken:
    """Runs one from scratch."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "search.yaml"
        file.write_text(NETWORK + SEARCH.format(trials=trials), encoding="utf-8")
        words = ["run", file.name, "--workers", str(workers), "--set", f"training.epochs={epochs}", "--json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        began = perf_counter()
        done = subprocess.run([*COMMAND, *words], cwd=folder, env=environment, capture_output=True, text=True)
        seconds = perf_counter() - began
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout)
    assert found["counts"]["finished"] == trials, found["counts"]
    return Taken(seconds, tuple(each["seconds"] for each in found["trials"]))


def cost(rounds: int, trials: int, epochs: int) -> None:
    """A line for each round."""
    print(f"{trials} trials of {epochs} epochs, one worker\n")
    print("| round | search, s | a training, ms | beside it, a trial, ms | the same without start and end, ms |")
    print("|---:|---:|---:|---:|---:|")
    shares, margins = [], []
    for number in range(1, rounds + 1):
        few, many = (search(count, workers=1, epochs=epochs) for count in (trials // 5, trials))
        shares.append(1000 * many.beside / trials)
        margins.append(1000 * (many.beside - few.beside) / (trials - trials // 5))
        training = 1000 * fmean(many.trainings)
        row = f"{many.seconds:.1f} | {training:.0f} | {shares[-1]:.0f} | {margins[-1]:.0f}"
        print(f"| {number} | {row} |", flush=True)
    print(f"\nmedians: {median(shares):.0f} ms a trial, {median(margins):.0f} ms without start and end")


def workers(rounds: int, trials: int, epochs: int) -> None:
    """A line for each round; the order changes from one to the next."""
    print(f"{trials} trials of {epochs} epochs; trials a minute\n")
    print("| round | one worker | two workers | times as many | the same without start and end |")
    print("|---:|---:|---:|---:|---:|")
    ratios, margins = [], []
    for number in range(1, rounds + 1):
        order = (1, 2) if number % 2 else (2, 1)
        some = {count: [search(n, workers=count, epochs=epochs).seconds for n in (4, trials)] for count in order}
        rate = {count: 60 * trials / seconds for count, (_, seconds) in some.items()}
        margin = {count: 60 * (trials - 4) / (seconds - start) for count, (start, seconds) in some.items()}
        ratios.append(rate[2] / rate[1])
        margins.append(margin[2] / margin[1])
        row = f"{rate[1]:.0f} | {rate[2]:.0f} | {ratios[-1]:.2f} | {margins[-1]:.2f}"
        print(f"| {number} | {row} |", flush=True)
    print(f"\nmedians: {median(ratios):.2f}, {median(margins):.2f} without start and end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "workers"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, help="at least 5: 100 for the cost, 40 for the workers")
    parser.add_argument("--epochs", type=int, help="of a trial: 10 for the cost, 120 for the workers")
    given = parser.parse_args()
    if given.trials is not None and given.trials < 5:
        parser.error("--trials: at least 5")
    if given.what == "cost":
        cost(given.rounds, given.trials or 100, given.epochs or 10)
    else:
        workers(given.rounds, given.trials or 40, given.epochs or 120)


if __name__ == "__main__":
    main()
