"""The journal of a search: what was proposed, decided and found, line by line, on the disk before anything follows from it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runners.atomic import writing

FILE = "trials.jsonl"


class Journal:
    """Lines of JSON in a file. A line that was cut short by a crash is taken away when the journal is opened again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        with writing(self.path):
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            content = self.path.read_bytes()
            whole = content.rfind(b"\n") + 1
            os.ftruncate(self._file, whole)
        self.entries: list[dict[str, Any]] = [json.loads(line) for line in content[:whole].splitlines()]

    def write(self, entry: Mapping[str, Any]) -> None:
        """Adds a line, which is on the disk when this returns."""
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        with writing(self.path):
            if os.write(self._file, line) != len(line):  # the rest would never come, and the next line be glued to it
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)
