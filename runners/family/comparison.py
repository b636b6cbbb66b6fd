"""A comparison: every architecture of a file with every seed, trained as runs below one run, and held against each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from convspec.errors import INTERRUPTED, RUN_FAILED, UserError
from convspec.loading import Member, Several, find
from runners import files
from runners.family.folder import Family, Finished, Identity
from runners.family.recording import Recording
from runners.family.request import Request
from runners.family.running import ended_by
from runners.family.site import Site, open_site
from runners.family.task import Outcome, Task
from runners.family.workforce import Workforce
from runners.interruption import Interruption
from runners.tracking.process import Drainer, start_drainer
from runners.tracking.view import View

if TYPE_CHECKING:
    from runners.compare.report import Report

KIND = "comparison"


class Observer(Protocol):
    """Whoever wants to follow a family of trainings."""

    def on_start(self, total: int) -> None:
        """So many trainings are to be done, some of which may have been done before."""

    def on_outcome(self, name: str, outcome: Outcome) -> None:
        """One of them is over."""

    def on_report(self, text: str) -> None:
        """This came of them; it may take a while until it is recorded whole."""


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison. `report` is what `Report.plain` says, `text` what a terminal shows; `known` where it was
    finished before."""

    run_id: str
    experiment_id: str
    report: dict[str, Any]
    text: str
    seconds: float
    known: bool = False
    note: str = ""


def identity_of(several: Several, settings: Sequence[str]) -> Identity:
    """What a comparison is recognised by."""
    parts = [(key_of(member), files.pipeline_text(member.loaded)) for member in several.members]
    digest = files.digest(repr([*parts, files.digest_of_data(several.members[0].loaded)]).encode())
    place = str(find(several.file).resolve())
    return Identity(KIND, several.experiment, place, several.text, tuple(settings), digest)


def key_of(member: Member) -> str:
    """The name of a member's folder."""
    return f"{member.architecture}-seed-{member.seed}"


def compare_architectures(several: Several, request: Request, observer: Observer) -> Comparison:
    """Trains what is not trained yet, compares, and records it all. Raises UserError, with everything saved."""
    started = time.perf_counter()
    identity = identity_of(several, request.settings)
    family = Family.open(request.home, identity, again=request.again)
    if isinstance(family, Finished):
        return _known(family)
    with open_site(request, family) as site:
        drainer = start_drainer(family.spool, request.tracking_uri)
        try:
            return _Comparing(several, request, family, site, drainer, started).go(observer)
        finally:
            drainer.close()


class _Comparing:
    """The stages of one comparison."""

    def __init__(
        self, several: Several, request: Request, family: Family, site: Site, drainer: Drainer, started: float
    ) -> None:
        self.several, self.request, self.family, self.site = several, request, family, site
        self.drainer, self.started = drainer, started
        self.members = {key_of(member): member for member in several.members}
        self.recording = Recording(family.spool)

    def go(self, observer: Observer) -> Comparison:
        self._announce()
        observer.on_start(len(self.members))
        try:
            with Interruption() as interruption:
                outcomes = self._train(observer, interruption)
        except UserError as error:
            raise ended_by(error, self.family, self.drainer) from None
        if len(outcomes) < len(self.members):
            raise self._interrupted(len(outcomes))
        return self._compare(outcomes, observer)

    def _announce(self) -> None:
        several = self.several
        self.recording.announce(
            several,
            kind=KIND,
            settings=self.request.settings,
            digest=self.family.identity.digest,
            view=self._view(),
            tags={"convspec.runs": str(len(self.members))},
            params={
                "architectures": ", ".join(member.architecture for member in several.architectures),
                "seeds": ", ".join(map(str, dict.fromkeys(member.seed for member in several.members))),
            },
        )

    def _view(self) -> View:
        from runners.compare.members import higher_is_better
        from runners.training.judge import judge_of

        metric = f"{judge_of(self.several.members[0].loaded.plan.data).figure}/test"
        name = f"{self.several.experiment} {KIND}"
        return View(name, metric, higher_is_better(metric), group="convspec.architecture")

    def _train(self, observer: Observer, interruption: Callable[[], bool]) -> dict[str, Outcome]:
        """The outcome of every member, or of those that were over when somebody interrupted."""
        outcomes: dict[str, Outcome] = {}
        # seeds outside: after an interruption, or while it runs, architectures can be held against each other
        order = sorted(self.members, key=lambda key: self._position(self.members[key]))
        site = self.site
        with Workforce(self.family.folder, workers=site.workers, start=site.start, stop=interruption) as workforce:
            for key in order:
                workforce.submit(self._task(key))
            while not workforce.is_empty and (outcome := workforce.wait()) is not None:
                outcomes[outcome.key] = outcome
                observer.on_outcome(_name(self.members[outcome.key]), outcome)
        return outcomes

    def _position(self, member: Member) -> int:
        return [one.seed for one in self.several.members if one.architecture == member.architecture].index(member.seed)

    def _task(self, key: str) -> Task:
        member = self.members[key]
        tags = {"convspec.kind": "member", "convspec.architecture": member.architecture}
        return Task(
            key,
            self.several.experiment,
            files.pipeline_text(member.loaded),
            self.several.file,
            _name(member),
            tags={**tags, "convspec.family": self.family.identity.digest},
            threads=self.request.threads,
            device=self.request.device,
        )

    def _interrupted(self, done: int) -> UserError:
        self.family.spool.end("KILLED", reason="interrupted")
        self.drainer.wait()
        return UserError(
            f"Interrupted with {done} of {len(self.members)} runs done; everything so far is saved.",
            hint="Go on with the same command.",
            exit_code=INTERRUPTED,
        )

    def _compare(self, outcomes: dict[str, Outcome], observer: Observer) -> Comparison:
        """The table, kept and recorded. Raises UserError where nothing finished."""
        try:
            report = self._report(outcomes)
        except UserError as error:
            reasons = dict.fromkeys(outcome.reason for outcome in outcomes.values() if outcome.reason)
            self.family.spool.end("FAILED", reason=str(error))
            self.drainer.wait()
            hint = " ".join([*list(reasons)[:3], "Repeat it with --again."])
            raise UserError(error.message, hint=hint, exit_code=RUN_FAILED) from None
        self.recording.finish(report)
        plain = report.plain()
        self.family.finish({"plain": plain, "text": report.text()})
        self.family.spool.end("FINISHED")
        observer.on_report(report.text())
        recorded = self.drainer.wait()
        note = "" if recorded.sent else recorded.message
        seconds = time.perf_counter() - self.started
        return Comparison(recorded.run_id, recorded.experiment_id, plain, report.text(), seconds, note=note)

    def _report(self, outcomes: dict[str, Outcome]) -> Report:
        from runners.compare.members import Member as Compared
        from runners.compare.report import report

        members = [
            Compared(
                member.architecture,
                member.seed,
                outcomes[key].metrics,
                member.loaded.plan.parameter_count,
                member.loaded.plan.multiply_adds,
                outcomes[key].seconds,
                outcomes[key].status,
                outcomes[key].reason,
            )
            for key, member in self.members.items()
        ]
        return report(members, title=self.several.experiment)


def _name(member: Member) -> str:
    return f"{member.architecture} seed {member.seed}"


def _known(finished: Finished) -> Comparison:
    recorded = finished.delivered()
    plain, text = dict(finished.report["plain"]), finished.report["text"]
    note = "" if recorded.sent else recorded.message
    return Comparison(recorded.run_id, recorded.experiment_id, plain, text, 0.0, known=True, note=note)
