"""The events of a spool: one line of JSON each, in a file that is only ever appended to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from convspec.errors import UserError
from runners.tracking.owner import Owner

FILE = "spool.jsonl"
_DAMAGED = "Mend that line, or move the folder away to be rid of this message."

Event = dict[str, Any]


def line(event: str, *, time_ms: int | None = None, **content: object) -> str:
    """An event as a line, stamped with its time: sent again, it must be the same."""
    stamp = now_ms() if time_ms is None else time_ms
    return json.dumps({"event": event, "time_ms": stamp, **content}, separators=(",", ":")) + "\n"


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def read(folder: Path, offset: int = 0) -> Iterator[tuple[Event, int]]:
    """Each whole event from byte `offset` on, with the offset behind it; a torn last line is left alone.

    Raises UserError where a line is none that was ever written: a damaged disk, or somebody's editor.
    """
    with (folder / FILE).open("rb") as file:
        file.seek(offset)
        for text in file:
            offset += len(text)
            if text.endswith(b"\n"):
                try:
                    event = json.loads(text)
                except ValueError as error:
                    where = f"{folder / FILE} is damaged before byte {offset}"
                    raise UserError(f"{where}; what follows cannot be sent.", hint=_DAMAGED) from error
                yield event, offset


def whole_size(folder: Path) -> int:
    """How many bytes of a spool are whole lines: a process that was killed may leave a torn one behind."""
    with (folder / FILE).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        if file.read(1) == b"\n":
            return size
        file.seek(0)
        return file.read().rfind(b"\n") + 1


def datasets_of(folder: Path) -> list[Event]:
    """The data that the run of a spool said to have read, as its start has them."""
    return next((event["datasets"] for event, _ in read(folder) if event["event"] == "start"), [])


def owner_of(folder: Path) -> Owner | None:
    """The process that trains, or last trained, the run of a spool."""
    owners = [event for event, _ in read(folder) if event["event"] == "owner"]
    return Owner(**{field.name: owners[-1][field.name] for field in fields(Owner)}) if owners else None


def has_started(folder: Path) -> bool:
    """Whether there is anything to be recorded of the run."""
    return any(event["event"] == "start" for event, _ in read(folder))


def has_ended(folder: Path) -> bool:
    """Whether the last that was said of the run is how it ended."""
    last = None
    for event, _ in read(folder):
        last = event["event"]
    return last == "end"
