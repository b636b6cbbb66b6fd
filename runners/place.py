"""Which of several processes this is, where they compute a run together, and what is raised where another one is gone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convspec.errors import RUN_FAILED, UserError

STARTED_BY_TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR")
"""What torchrun puts into the environment of the processes that it starts."""


class LostProcessError(UserError):
    """A process that computes with this one has ended before its time; parameters are those of the last whole step."""

    def __init__(self, what: str = "A process that computed with this one has ended.") -> None:
        super().__init__(what, exit_code=RUN_FAILED)


@dataclass(frozen=True)
class Place:
    """The place of a process among all that share a run, and among those on its machine; both count from 0.

    They meet over `meeting`, a file that does not exist yet, or without one as torchrun tells them through the environment.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    meeting: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Place | None:
        """The place that torchrun gave this process, or None where torchrun did not start it. Raises UserError where it is
        not told in whole numbers."""
        if any(name not in environment for name in STARTED_BY_TORCHRUN):
            return None
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        given = [environment.get(name, environment[name.removeprefix("LOCAL_")]) for name in names]
        if not all(text.isdecimal() for text in given):
            told = ", ".join(f"{name}={text}" for name, text in zip(names, given, strict=True))
            raise UserError(f"The environment's place among processes must be whole numbers. Got {told}.")
        rank, size, local_rank, local_size = map(int, given)
        return cls(rank, size, local_rank, local_size)

    @property
    def is_on_one_machine(self) -> bool:
        return self.local_size == self.size


ALONE = Place()
"""The place of a process that computes by itself."""
