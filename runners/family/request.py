"""What is asked of a family besides the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """Where to keep things, how many workers train with how many threads each, on which device, and whether what the file began
    before is given up. `settings` are those that the file was loaded with."""

    home: Path
    tracking_uri: str
    workers: int = 1
    threads: int = 1
    device: str = "auto"
    settings: tuple[str, ...] = ()
    again: bool = False
