"""The course of a search: which trials there are and how they ended. After an interruption it is the same again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from convspec.candidates import Candidate
from convspec.errors import UserError
from convspec.searching import Searching
from runners.search.journal import Journal
from runners.search.proposals import Exhausted, Proposal, Told, Waiting
from runners.search.stopping import Verdicts
from runners.search.strategies import proposals_of

Ending = Literal["FINISHED", "FAILED", "STOPPED"]


@dataclass(frozen=True)
class End:
    """How a trial ended. `values` are its objectives in their order, none where it failed; `metrics` are means over its seeds,
    `seconds` the sum of their training; `epochs` those of the longest."""

    status: Ending
    values: tuple[float, ...] | None
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    epochs: int = 0

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> End:
        values = plain["values"]
        return cls(**{**plain, "values": None if values is None else tuple(values)})


@dataclass
class Trial:
    """One candidate of a search; `end` is there once it has been trained."""

    number: int
    candidate: Candidate
    end: End | None = None


class Course:
    """Proposes trials, judges their epochs and keeps how they ended. Everything goes through the journal first, from which a
    course that was interrupted is rebuilt."""

    def __init__(self, searching: Searching, journal: Journal) -> None:
        self.searching, self.journal = searching, journal
        self.trials: list[Trial] = []
        self.outcomes: dict[int, Told] = {}
        self.proposals = proposals_of(searching.search, searching.candidates)
        epochs = searching.longest
        self.verdicts = Verdicts(searching.search, epochs=epochs) if searching.search.stopping else None
        self._judged: dict[tuple[int, int], tuple[float, bool]] = {}
        for entry in journal.entries:
            self._again(entry)

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return sum(trial.end.seconds for trial in self.trials if trial.end is not None)

    @property
    def is_complete(self) -> bool:
        """Whether no further trial may begin."""
        return bool(self.out_of_time) or self._has_all_trials

    @property
    def out_of_time(self) -> str:
        """Why the search ended before its last trial, where its seconds are used up."""
        most = self.searching.search.budget.seconds
        if most is None or self.seconds < most or self._has_all_trials:
            return ""
        return f"the {most:g} s of training in its budget are used up"

    @property
    def _has_all_trials(self) -> bool:
        trials = self.searching.search.trials
        return trials is not None and len(self.trials) >= trials

    def propose(self) -> Trial | Waiting | Exhausted:
        """The next trial."""
        found = self.proposals.propose(self.outcomes)
        if isinstance(found, Proposal):
            self.journal.write(
                {
                    "event": "proposed",
                    "number": found.number,
                    "point": list(found.candidate.point),
                    "digest": found.candidate.digest,
                    "attempts": found.attempts,
                    "choice": found.candidate.choice,
                    "rejected": found.rejected,
                }
            )
            return self._begin(found.candidate)
        return found

    def goes_on(self, number: int, epoch: int, value: float) -> bool:
        """Whether a trial goes on behind an epoch; the same question has the same answer after an interruption."""
        assert self.verdicts is not None
        known = self._judged.get((number, epoch))
        if known is not None:
            return known[1]
        goes_on = self.verdicts.goes_on(number, epoch, value)
        self.journal.write({"event": "judged", "number": number, "epoch": epoch, "value": value, "goes_on": goes_on})
        self._judged[number, epoch] = value, goes_on
        return goes_on

    def measured(self, number: int, epoch: int) -> float | None:
        """The objective that was judged behind an epoch."""
        known = self._judged.get((number, epoch))
        return None if known is None else known[0]

    def over(self, number: int, end: End) -> None:
        """A trial has ended."""
        self.journal.write({"event": "over", "number": number, **asdict(end)})
        self._end(number, end)

    def _begin(self, candidate: Candidate) -> Trial:
        trial = Trial(len(self.trials), candidate)
        self.trials.append(trial)
        if self.verdicts is not None:
            self.verdicts.begin(trial.number)
        return trial

    def _end(self, number: int, end: End) -> None:
        self.trials[number].end = end
        told = Told(number, end.values, stopped=end.status == "STOPPED", epochs=end.epochs)
        self.outcomes[number] = told
        if self.verdicts is not None:
            self.verdicts.over(told)

    def _again(self, entry: Mapping[str, Any]) -> None:
        """Goes through what was written before an interruption."""
        match entry:
            case {"event": "proposed", "number": number, "point": point, "attempts": attempts, "digest": digest}:
                candidate = self.searching.candidates.at(tuple(point))
                if not isinstance(candidate, Candidate) or candidate.digest != digest:
                    raise UserError(
                        f"{self.journal.path} does not belong to {self.searching.file}: trial {number} is another one.",
                        hint="Begin anew with --again.",
                    )
                found = entry.get("rejected", {})
                rejected = {reason: [tuple(each) for each in points] for reason, points in found.items()}
                self.proposals.recall(Proposal(number, candidate, attempts, rejected), self.outcomes)
                self._begin(candidate)
            case {"event": "judged", "number": number, "epoch": epoch, "value": value, "goes_on": goes_on}:
                assert self.verdicts is not None
                self.verdicts.goes_on(number, epoch, value)
                self._judged[number, epoch] = value, goes_on
            case {"event": "over", "number": number, **end}:
                self._end(number, End.of({name: value for name, value in end.items() if name != "event"}))
