"""The library behind numpy's matrix products, told once to stay on the calling thread."""

from __future__ import annotations

from functools import cache

from threadpoolctl import threadpool_limits


@cache
def stay_on_one_thread() -> None:
    """Results then depend neither on the number of cores nor on what else runs; the engine brings threads of its own."""
    threadpool_limits(limits=1, user_api="blas")
