"""What could not be sent while it happened: found in the spools of a home, and sent now, with patience."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from convspec.errors import UserError
from runners.atomic import writing
from runners.tracking import events, record
from runners.tracking.orphans import claim_orphan
from runners.tracking.process import launch
from runners.tracking.store import redacted

_LONGEST_SECONDS = 86_400.0


@dataclass(frozen=True)
class Amount:
    """How much of a spool, and of those below it, the store does not have yet."""

    figures: int = 0
    files: int = 0

    @classmethod
    def of(cls, folder: Path, known: record.Record) -> Amount:
        """What is left; nothing where the spool is gone, as a finished run's is. Raises UserError where it is damaged."""
        if not folder.is_dir():
            return cls()
        left = cls._counted(event for event, _ in events.read(folder, known.sent))
        for child in record.below(folder):
            sent = found.sent if (found := record.load(child)) else 0
            left += cls._counted(_readable(child, sent))
        return left

    @classmethod
    def _counted(cls, left: Iterable[events.Event]) -> Amount:
        figures, files = 0, 0
        for event in left:
            figures += len(event["values"]) if event["event"] == "metrics" else 0
            files += event["event"] in ("artifact", "model")
        return cls(figures, files)

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.figures + other.figures, self.files + other.files)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.figures - other.figures, self.files - other.files)

    def __str__(self) -> str:
        counts = ((self.figures, "figure"), (self.files, "file"))
        return ", ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in counts)


@dataclass(frozen=True)
class Delivered:
    """What became of one spool: what was sent of it and where to; `reason` says why some of it stays behind."""

    folder: Path
    run_id: str
    tracking_uri: str
    status: str
    sent: Amount
    reason: str = ""
    tended: bool = False
    """Whether another process has it in hand, so that there is nothing to be done about it."""

    def __str__(self) -> str:
        if self.reason:
            before = f" ({self.sent} more of it were sent)" if self.sent != Amount() else ""
            return f"{self.folder} stays behind{before}: {self.reason}"
        return f"Sent run {self.run_id}, {self.status}, to {self.tracking_uri}: {self.sent}."


def unsent(home: Path) -> list[Path]:
    """The spools of a home that the store does not have whole. This is the one place that looks for them."""
    return [folder for folder in record.spools(home) if not record.is_done(folder)]


def sync(home: Path, *, default_uri: str, redirect: str | None = None, patience: float) -> Iterator[Delivered]:
    """Send the spools of a home one by one, each to the store that it was meant for, and tell what became of each.

    What has lost its address goes to `default_uri`. `redirect` sends all to that store, from the beginning where a
    part of it is in another. Where a store is away, it is tried for `patience` seconds.
    """
    before: dict[Path, record.Record] = {}
    amounts: dict[Path, Amount] = {}
    for folder in unsent(home):
        known = record.load(folder) or record.Record(default_uri)
        try:
            if reason := _obstacle(folder):
                yield _told(folder, known, reason=reason, tended=True)
            elif (addressed := _addressed(folder, default_uri, redirect)) is not None:
                amounts[folder] = Amount.of(folder, addressed)
                before[folder] = addressed
        except UserError as problem:
            yield _told(folder, known, reason=str(problem))
    if before:
        yield from _send(home, before, amounts, patience=patience)


def _send(
    home: Path, before: dict[Path, record.Record], amounts: dict[Path, Amount], *, patience: float
) -> Iterator[Delivered]:
    log = home / ".convspec" / "sync.log"
    drainer = launch(before, log=log, options=["--orphaned", "--patience", str(patience)], alone=True)
    for report in drainer.ended(_LONGEST_SECONDS):
        folder = Path(report["folder"])
        known = record.Record.of(report)
        reason = "" if report["complete"] else f"{(known.message or 'there is more of it since').rstrip('.')}."
        if known.run_id or reason:  # else it had not begun
            yield _told(folder, known, reason=reason, sent=amounts[folder] - Amount.of(folder, known))
        del before[folder]
    drainer.close()
    for folder, known in before.items():
        if folder.is_dir() and not record.is_done(folder):
            yield _told(folder, known, reason=f"the process that sends ended early; see {log}.")


def _told(
    folder: Path, known: record.Record, *, reason: str, sent: Amount | None = None, tended: bool = False
) -> Delivered:
    address = redacted(known.tracking_uri)
    return Delivered(folder, known.run_id, address, known.status, sent or Amount(), reason, tended)


def _obstacle(folder: Path) -> str:
    """Why a spool is not to be touched: its trainer lives, or may live, or another process sends it."""
    owner = events.owner_of(folder)
    if owner is not None and not owner.is_gone():
        if owner.is_here():
            return f"it is still being trained, by process {owner.pid}."
        return f"it was trained on {owner.host}, where it may still be; run `convspec sync` there."
    with record.claim(folder, wait=False) as free:
        return "" if free else "another process is sending it."


def _addressed(folder: Path, default_uri: str, redirect: str | None) -> record.Record | None:
    """The record of a spool that is to be sent, with its address; None where nothing was ever trained or sent."""
    with claim_orphan(folder) as free:
        if not free:
            return None
        known = record.load(folder)
        uri = redirect or (known.tracking_uri if known else default_uri)
        with writing(folder):
            for each in reversed(record.family(folder)):
                _address(each, uri).save(each)
        return record.load(folder)


def _address(folder: Path, uri: str) -> record.Record:
    """The record of a spool that goes to the store at `uri`, from the beginning where it began to go to another."""
    known = record.load(folder) or record.Record(uri, attempts=1)  # a crash emptied it; look for the run
    return known if known.tracking_uri == uri else record.Record(uri)


def _readable(folder: Path, sent: int) -> Iterator[events.Event]:
    """The events that are to be sent, up to where the spool is damaged, which is no reason to keep its family."""
    with suppress(UserError):
        yield from (event for event, _ in events.read(folder, sent))
