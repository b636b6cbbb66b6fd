"""Where a family is trained: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from convspec.errors import UserError
from runners.family.folder import Family
from runners.family.local import LocalWorker, Start
from runners.family.request import Request


class Site(NamedTuple):
    """How many workers there may be, and how one is started."""

    workers: int
    start: Start


@contextmanager
def open_site(request: Request, family: Family) -> Iterator[Site]:
    """The place that was asked for. Raises UserError where it is not there; a family that was not begun is then forgotten."""
    if request.nodes is None:
        yield Site(request.workers, LocalWorker.start)
        return
    from runners.family.cluster import Cluster

    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(Cluster(request.nodes, family.folder))
        except UserError:
            family.forget()
            raise
        yield Site(cluster.workers, cluster.start)
