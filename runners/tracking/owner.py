"""Who trains a run: a host, its boot, a process and its start, so that a dead trainer is told from a living one."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STATE, _START_TICKS = 0, 19  # fields of /proc/PID/stat, counted after the name in parentheses


@dataclass(frozen=True)
class Owner:
    """The process that trains a run; its start distinguishes it from a later one with the same number."""

    host: str
    boot_id: str
    pid: int
    pid_start: str

    @classmethod
    def current(cls) -> Owner:
        """This process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Owner:
        """A process of this machine that runs now."""
        return cls(socket.gethostname(), _boot_id(), pid, _start_of(pid) or "")

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Owner | None:
        """The owner that a run's tags name, or None where they name none."""
        pid = tags.get("convspec.pid", "")
        if not pid.isdecimal() or "convspec.host" not in tags:
            return None
        boot_id, start = tags.get("convspec.boot_id", ""), tags.get("convspec.pid_start", "")
        return cls(tags["convspec.host"], boot_id, int(pid), start)

    @classmethod
    def parse(cls, text: str) -> Owner:
        """The owner that `line` wrote."""
        return cls(**json.loads(text))

    def line(self) -> str:
        """The owner as JSON, for a command line."""
        return json.dumps(asdict(self))

    def tags(self) -> dict[str, str]:
        """The tags by which a later command finds out whether this process still lives."""
        return {
            "convspec.host": self.host,
            "convspec.boot_id": self.boot_id,
            "convspec.pid": str(self.pid),
            "convspec.pid_start": self.pid_start,
        }

    def is_here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.host == socket.gethostname()

    def is_gone(self) -> bool:
        """Whether it is certain that the process has ended; on another host nothing is certain."""
        if not self.is_here():
            return False
        return self.boot_id != _boot_id() or _start_of(self.pid) != self.pid_start


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


def _start_of(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None where it has ended, a zombie included."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self").exists() else ""
    fields = stat.rpartition(")")[2].split()  # the name before it may itself hold spaces and parentheses
    return None if fields[_STATE] in "ZX" else fields[_START_TICKS]
