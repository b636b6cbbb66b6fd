"""A comparison: every architecture of a file with every seed, trained as runs below one run, and held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from convspec.errors import UserError
from convspec.loading import Member, Several
from runners import files
from runners.family.folder import Finished, Identity
from runners.family.request import Request
from runners.family.running import Found, Running, identity, opened
from runners.family.task import Outcome, Task
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


def identity_of(several: Several, settings: Sequence[str]) -> Identity:
    """What a comparison is recognised by."""
    parts = [(key_of(member), files.pipeline_text(member.loaded)) for member in several.members]
    return identity(KIND, several, settings, [*parts, files.digest_of_data(several.members[0].loaded)])


def key_of(member: Member) -> str:
    """The name of a member's folder."""
    return f"{member.architecture}-seed-{member.seed}"


def compare_architectures(several: Several, request: Request, observer: Observer) -> Found:
    """Trains what is not trained yet, compares, and records it all. Raises UserError, with everything saved."""
    with opened(several, identity_of(several, request.settings), request) as running:
        if isinstance(running, Finished):
            return Found.before(running)
        return _Comparing(several, running).go(observer)


class _Comparing:
    """The stages of one comparison."""

    def __init__(self, several: Several, running: Running) -> None:
        self.several, self.running = several, running
        self.members = {key_of(member): member for member in several.members}

    def go(self, observer: Observer) -> Found:
        self.running.announce(
            self._view(),
            tags={"convspec.runs": str(len(self.members))},
            params={
                "architectures": ", ".join(member.architecture for member in self.several.architectures),
                "seeds": ", ".join(map(str, dict.fromkeys(member.seed for member in self.several.members))),
            },
        )
        observer.on_start(len(self.members))
        outcomes = self._train(observer)
        if len(outcomes) < len(self.members):
            raise self.running.interrupted(f"{len(outcomes)} of {len(self.members)} runs")
        return self._compare(outcomes, observer)

    def _view(self) -> View:
        from runners.compare.members import higher_is_better
        from runners.training.judge import judge_of

        metric = f"{judge_of(self.several.members[0].loaded.plan.data).figure}/test"
        name = f"{self.several.experiment} {KIND}"
        return View(name, metric, higher_is_better(metric), group="convspec.architecture")

    def _train(self, observer: Observer) -> dict[str, Outcome]:
        """The outcome of every member, or of those that were over when somebody interrupted."""
        outcomes: dict[str, Outcome] = {}
        # seeds outside: after an interruption, or while it runs, architectures can be held against each other
        order = sorted(self.members, key=lambda key: self._position(self.members[key]))
        with self.running.workforce() as workforce:
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
        return self.running.task(key, member.loaded, name=_name(member), tags=tags)

    def _compare(self, outcomes: dict[str, Outcome], observer: Observer) -> Found:
        """The table, kept and recorded. Raises UserError where nothing finished."""
        try:
            report = self._report(outcomes)
        except UserError as error:
            reasons = dict.fromkeys(outcome.reason for outcome in outcomes.values() if outcome.reason)
            raise self.running.fruitless(error, reasons, "Repeat it with --again.") from None
        self.running.recording.finish(report)
        return self.running.finish(report.plain(), report.text(), show=observer.on_report)

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
