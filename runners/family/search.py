"""A search: trials chosen one after the other, trained as runs below one run; the best is written as a file of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from convspec.errors import UserError
from convspec.searching import Searching
from convspec.values import shown
from runners import files
from runners.family.best import keep_best, with_seed
from runners.family.ends import end_of
from runners.family.folder import Finished, Identity
from runners.family.request import Request
from runners.family.running import Found, Running, identity, opened
from runners.family.task import Outcome, Task
from runners.family.workforce import Workforce
from runners.tracking.view import View

if TYPE_CHECKING:
    from runners.search.course import Course, Trial

KIND = "search"


class Observer(Protocol):
    """Whoever wants to follow a search."""

    def on_start(self, searching: Searching, done: Sequence[Trial]) -> None:
        """A search begins, or goes on behind trials that are over."""

    def on_trial(self, trial: Trial) -> None:
        """A trial is over."""

    def on_report(self, text: str) -> None:
        """This came of them; it may take a while until it is recorded whole."""


def identity_of(searching: Searching, settings: Sequence[str]) -> Identity:
    """What a search is recognised by."""
    data = files.digest_of_data(searching.base)
    return identity(KIND, searching, settings, (files.pipeline_text(searching.base), searching.search.plain(), data))


def search(searching: Searching, request: Request, observer: Observer) -> Found:
    """Trains what is not trained yet, and records it all. Raises UserError, with everything saved."""
    with opened(searching, identity_of(searching, request.settings), request) as running:
        if isinstance(running, Finished):
            return Found.before(running)
        from runners.search.course import Course
        from runners.search.journal import Journal

        with closing(Journal(running.family.folder)) as journal:
            return _Searching(Course(searching, journal), running).go(observer)


@dataclass
class _UnderWay:
    """A trial that is being trained: the seeds that are still to be begun, and what came of the others."""

    trial: Trial
    left: list[int]
    begun: int = 0
    outcomes: list[Outcome] = field(default_factory=list)


class _Searching:
    """The stages of one search."""

    def __init__(self, course: Course, running: Running) -> None:
        self.course, self.searching, self.running = course, course.searching, running
        self.under_way: dict[int, _UnderWay] = {}
        self.exhausted = ""

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.searching.search.seeds or (self.searching.base.pipeline.seed,)

    def go(self, observer: Observer) -> Found:
        search = self.searching.search
        self.running.announce(
            self._view(),
            params={
                "strategy": str(search.strategy.plain()),
                "trials": str(search.trials or "all"),
                "objectives": ", ".join(objective.metric for objective in search.objectives),
                "knobs": ", ".join(search.knobs),
                "seeds": ", ".join(map(str, self.seeds)),
            },
        )
        done = [trial for trial in self.course.trials if trial.end is not None]
        self._record(done)  # those that the spool has are left out; a kill may have come before the last
        observer.on_start(self.searching, done)
        with self.running.workforce(self._goes_on) as workforce:
            is_over = self._train(workforce, observer)
        if not is_over:
            over = sum(trial.end is not None for trial in self.course.trials)
            raise self.running.interrupted(f"{over}{f' of {search.trials}' if search.trials else ''} trials")
        return self._finish(observer)

    def _view(self) -> View:
        objective = self.searching.search.objectives[0]
        is_size = objective.metric in ("parameters", "multiply_adds")
        metric = f"size/{objective.metric}" if is_size else objective.metric
        knobs = tuple(knob.path for knob in self.searching.search.turned)
        return View(f"{self.searching.experiment} {KIND}", metric, objective.rises, knobs=knobs)

    def _train(self, workforce: Workforce, observer: Observer) -> bool:
        """Whether the search came to its end; it has not where somebody interrupted."""
        for trial in self.course.trials:
            if trial.end is None:
                self._begin(trial, workforce)
        while True:
            self._begin_more(workforce)
            if workforce.is_empty:
                return True
            outcome = workforce.wait()
            if outcome is None:
                return False
            ended = self._ended(outcome, workforce)
            if ended is not None:
                self._record([ended])
                observer.on_trial(ended)

    def _begin_more(self, workforce: Workforce) -> None:
        from runners.search.course import Trial
        from runners.search.proposals import Exhausted

        while workforce.idle > 0 and not self.exhausted and not self.course.is_complete:
            proposed = self.course.propose()
            if isinstance(proposed, Trial):
                self._begin(proposed, workforce)
                continue
            if isinstance(proposed, Exhausted):
                self.exhausted = proposed.reason
            return

    def _begin(self, trial: Trial, workforce: Workforce) -> None:
        """Has a trial trained: over all seeds at once, but over the first one alone where it may be stopped early."""
        one = _UnderWay(trial, list(self.seeds))
        self.under_way[trial.number] = one
        self._begin_seeds(one, workforce, 1 if self.searching.search.stopping else len(self.seeds))

    def _begin_seeds(self, one: _UnderWay, workforce: Workforce, count: int) -> None:
        for seed in one.left[:count]:
            workforce.submit(self._task(one.trial, seed))
            one.begun += 1
        del one.left[:count]

    def _task(self, trial: Trial, seed: int) -> Task:
        loaded = with_seed(trial.candidate.loaded, seed)
        several = len(self.seeds) > 1
        return self.running.task(
            key_of(trial.number, seed if several else None),
            loaded,
            name=f"trial {trial.number}" + (f" seed {seed}" if several else ""),
            tags={"convspec.kind": "trial", "convspec.trial": str(trial.number)},
            params={path: shown(value, quotes=False) for path, value in trial.candidate.choice.items()},
            asks=self.searching.search.stopping is not None and seed == self.seeds[0],
        )

    def _goes_on(self, key: str, epoch: int, metrics: Mapping[str, float]) -> bool:
        (objective,) = self.searching.search.objectives
        return self.course.goes_on(number_of(key), epoch, metrics.get(objective.metric, math.nan))

    def _ended(self, outcome: Outcome, workforce: Workforce) -> Trial | None:
        """The trial that is over with this training, if it is."""
        one = self.under_way[number_of(outcome.key)]
        one.outcomes.append(outcome)
        if outcome.status == "FINISHED":
            self._begin_seeds(one, workforce, len(one.left))
        else:
            one.left.clear()
        if len(one.outcomes) < one.begun:
            return None
        del self.under_way[one.trial.number]
        self.course.over(one.trial.number, end_of(one.trial, one.outcomes, self.course))
        return one.trial

    def _record(self, trials: Sequence[Trial]) -> None:
        """The objectives of trials that are over, and the best so far, as figures of the search."""
        from runners.search.front import ranked

        objectives = self.searching.search.objectives
        best = ranked(self.course.trials, objectives)
        for trial in trials:
            if trial.end is None or trial.end.status != "FINISHED" or not trial.end.values:
                continue
            figures = {f"trial/{one.metric}": value for one, value in zip(objectives, trial.end.values, strict=True)}
            if len(objectives) == 1 and best[0].end and best[0].end.values:
                figures[f"best/{objectives[0].metric}"] = best[0].end.values[0]
            self.running.family.spool.metrics(figures, step=trial.number)

    def _finish(self, observer: Observer) -> Found:
        """The table and the best pipeline, kept and recorded. Raises UserError where no trial finished."""
        from runners.search.front import front
        from runners.search.report import report_of

        best = front(self.course.trials, self.searching.search.objectives)
        if not best:
            raise self._nothing_found()
        report = report_of(self.searching, self.course, exhausted=self.exhausted or self.course.out_of_time)
        keep_best(best, self.course, self.running.recording, seed=self.seeds[0])
        self.running.recording.finish_search(report)
        return self.running.finish(report.plain(), report.text(), show=observer.on_report)

    def _nothing_found(self) -> UserError:
        ends = [trial.end for trial in self.course.trials if trial.end is not None]
        message = f"None of {len(ends)} trials finished." if ends else f"There was no trial: {self.exhausted}."
        reasons = dict.fromkeys(end.reason for end in ends if end.reason) or self.course.proposals.rejected
        return self.running.fruitless(UserError(message), reasons, "Begin anew with --again.")


def key_of(number: int, seed: int | None) -> str:
    """The name of a training's folder."""
    return f"trial-{number}" + ("" if seed is None else f"-seed-{seed}")


def number_of(key: str) -> int:
    """The trial that a training belongs to."""
    return int(key.split("-")[1])
