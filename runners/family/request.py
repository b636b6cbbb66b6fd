"""What is asked of a family besides the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from convspec.errors import UserError

_ADDRESS = re.compile(r"auto|(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class Nodes:
    """A Ray cluster and what of it each run takes. `address` is empty for one that is started on this machine, `auto` for the
    one that this machine is part of, or HOST:PORT of another's client server; `workers` are as many as fit where it is 0."""

    address: str = ""
    cpus: int = 1
    gpus: float = 0
    workers: int = 0

    @classmethod
    def of(cls, on: str, *, cpus: int, gpus: float, workers: int) -> Self:
        """What `--on`, `--cpus`, `--gpus` and `--workers` say. Raises UserError where that is not possible."""
        name, _, address = on.partition("://")
        if name != "ray" or (on != "ray" and not _ADDRESS.fullmatch(address)):
            raise UserError(
                f"--on says where to train: ray, ray://auto or ray://HOST:PORT. Got {on!r}.",
                hint="PORT is that of Ray's client server, usually 10001.",
            )
        if gpus > 1 and gpus != int(gpus):
            raise UserError(
                f"--gpus is a whole number, or a part of one GPU that several runs share. Got {gpus:g}.",
                hint=f"Ask for {int(gpus)} or {int(gpus) + 1}.",
            )
        return cls(address, cpus, gpus, workers)

    @property
    def is_local(self) -> bool:
        """Whether the cluster is to be started here."""
        return not self.address

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Host and port, where the address says them."""
        found = _ADDRESS.fullmatch(self.address)
        if found is None or found["host"] is None:
            return None
        return found["host"].strip("[]"), int(found["port"])

    def __str__(self) -> str:
        return f"ray://{self.address}" if self.address else "on this machine"


@dataclass(frozen=True)
class Request:
    """Where to keep things, how many workers train with how many threads each, on which device, and whether what the file began
    before is given up. `settings` are those that the file was loaded with; `nodes` a cluster to train on instead of here."""

    home: Path
    tracking_uri: str
    workers: int = 1
    threads: int = 1
    device: str = "auto"
    settings: tuple[str, ...] = ()
    again: bool = False
    nodes: Nodes | None = None
