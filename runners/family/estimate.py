"""How long a comparison or a search takes: a few steps of a few candidates are measured, the rest follows from the plans."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from statistics import fmean
from typing import Any

import numpy as np

from convspec.candidates import Candidate, Survey, random_point
from convspec.errors import UserError
from convspec.loading import Loaded, Several
from convspec.searching import Searching
from runners.experiment import Experiment
from runners.family.datasets import Datasets
from runners.family.request import Request
from runners.training.epochs import Progress
from runners.training.loop import Stopped

SAMPLE = 60
"""Candidates of a search whose plans stand for all."""
MEASURED = 3
"""Candidates of which steps are measured: the smallest, the one in the middle, the largest."""
MEASURING_SECONDS = 0.5
"""About how long each of them is measured, behind a first step that does not count."""
STARTING_SECONDS, RECORDING_SECONDS = 3.0, 0.8
"""What a family takes before its first run, and what each run takes beside its training: its model goes to the store."""


@dataclass(frozen=True)
class Measured:
    """Steps of one candidate: seconds for an example in training, and its multiply-adds."""

    multiply_adds: int
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """`runs` trainings with `workers` beside each other take about `seconds`; `training_seconds` is their sum."""

    runs: int
    trials: int
    workers: int
    seconds: float
    training_seconds: float
    measured: tuple[Measured, ...]
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        return {
            "runs": self.runs,
            "workers": self.workers,
            "seconds": self.seconds,
            "training_seconds": self.training_seconds,
            "measured": [{"multiply_adds": one.multiply_adds, "seconds": one.seconds} for one in self.measured],
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        pace = ", ".join(f"{one.seconds * 1e6:.1f} µs at {one.multiply_adds:,}" for one in self.measured)
        return [
            f"runs     {self.runs:,}",
            f"pace     an example in training takes {pace} multiply-adds",
            f"time     about {duration(self.seconds)} with {_workers(self.workers)}; "
            f"{duration(self.training_seconds)} of training in all",
            *self.notes,
        ]


def of_comparison(several: Several, request: Request) -> Estimate:
    """Of every architecture with every seed. Raises UserError where the data are not there."""
    members = [member.loaded for member in several.members]
    return _estimate(members, len(members), request, trials=len(members))


def of_search(searching: Searching, survey: Survey, request: Request) -> Estimate:
    """Of as many trials as there are, which are taken to be like candidates drawn at random."""
    search = searching.search
    chance = Random(search.seed)
    drawn = (searching.candidates.at(random_point(search.turned, chance)) for _ in range(10 * SAMPLE))
    valid = [found.loaded for found in drawn if isinstance(found, Candidate)][:SAMPLE]
    if not valid:
        raise UserError(
            "None of the candidates drawn can be trained.", hint="`convspec check` says what is wrong with one of them."
        )
    trials, notes = _trials(search.trials, survey)
    notes += ["stopping ends some trials early: it takes less"] if search.stopping else []
    if search.budget.seconds is not None:
        notes.append(f"it ends after {duration(search.budget.seconds)} of training at the latest")
    return _estimate(valid, trials * len(search.seeds or (0,)), request, trials=trials, notes=notes)


def _trials(asked: int | None, survey: Survey) -> tuple[int, list[str]]:
    """How many trials there will be, and what is to be said of that."""
    if survey.is_exact:
        few = asked is not None and survey.distinct < asked
        notes = (
            [f"{survey.size:,} combinations, {asked:,} trials: only {survey.distinct:,} candidates differ"]
            if few
            else []
        )
        return survey.distinct if asked is None or few else asked, notes
    if asked is not None:
        return asked, []
    assert survey.size is not None, "a search without a number of trials has an end"
    return max(1, round(Fraction(survey.size * survey.valid, survey.tried))), [
        "the number of runs is estimated from a sample"
    ]


def _estimate(
    sample: Sequence[Loaded], runs: int, request: Request, *, trials: int, notes: Sequence[str] = ()
) -> Estimate:
    """Of `runs` trainings of which a sample stands for all."""
    datasets = Datasets()
    order = sorted(sample, key=lambda loaded: loaded.plan.multiply_adds)
    chosen = {one.plan.multiply_adds: one for one in (order[0], order[len(order) // 2], order[-1])}
    measured = [_measure(loaded, datasets, request) for loaded in chosen.values()]
    pace = _pace(measured)
    each = fmean(pace(loaded.plan.multiply_adds) * _examples(loaded, datasets) for loaded in sample)
    training = each * runs
    seconds = STARTING_SECONDS + (training + RECORDING_SECONDS * runs) / min(request.workers, runs)
    here = f"this is for {_workers(request.workers)} of this machine, not for the cluster"
    said = [*notes, here] if request.nodes is not None else notes
    return Estimate(runs, trials, request.workers, seconds, training, tuple(measured), tuple(said))


def _examples(loaded: Loaded, datasets: Datasets) -> float:
    """Examples that a training computes; one in validation takes about a third of one in training."""
    training = loaded.pipeline.training
    assert training is not None, "a family trains"
    dataset = datasets.of(loaded)
    return training.epochs * (len(dataset.train) + len(dataset.validation) / 3)


def _measure(loaded: Loaded, datasets: Datasets, request: Request) -> Measured:
    """A few steps, timed behind the first one."""
    experiment = Experiment.prepare(loaded, threads=request.threads, device=request.device, read=datasets.of)
    training = loaded.pipeline.training
    assert training is not None, "a family trains"
    clock = _Clock()
    with suppress(Stopped):
        experiment.train([clock], stop=clock.is_over)
    batch = len(experiment.dataset.train) if training.optimizer.takes_every_example else training.batch
    return Measured(loaded.plan.multiply_adds, clock.seconds_of_a_step / batch)


class _Clock:
    """Observes steps until it has seen enough; those over the end of an epoch, where something else is done too, do not count."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.last: float | None = None

    def on_start(self, trainer: object) -> None:
        """The first step includes whatever is done only once."""

    def on_batch(self, progress: Progress) -> None:
        now = time.perf_counter()
        if self.last is not None:
            self.steps.append(now - self.last)
        self.last = now

    def on_epoch(self, epoch: object, checkpoint: object) -> None:
        self.last = None

    def is_over(self) -> bool:
        return len(self.steps) > 1 and sum(self.steps) > MEASURING_SECONDS

    @property
    def seconds_of_a_step(self) -> float:
        """The mean, so that a busy machine counts as what it is."""
        return fmean(self.steps) if self.steps else 0.0


def _pace(measured: Sequence[Measured]) -> Callable[[int], float]:
    """Seconds for an example by its multiply-adds: lines between what was measured."""
    adds, seconds = [one.multiply_adds for one in measured], [one.seconds for one in measured]
    if len(set(adds)) < 2:
        return lambda multiply_adds: fmean(seconds)
    return lambda multiply_adds: float(np.interp(multiply_adds, adds, seconds))


def _workers(count: int) -> str:
    return f"{count} worker{'s' * (count > 1)}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
