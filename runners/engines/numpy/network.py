"""A network computed with numpy, by several threads if asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

from convspec.plan import Plan
from runners.engines.engine import Array, CostFunction, Draw, Step, Truth
from runners.engines.numpy.blas import stay_on_one_thread
from runners.engines.numpy.chain import Chain, relu_after_maximum
from runners.engines.numpy.layer import Backward
from runners.engines.numpy.parameters import Parameters

CHUNK_BYTES = {128: 1 << 20, 64: 1 << 20, 32: 4 << 20}
"""How many examples are computed together, and below what the output of the widest layer then has to stay; otherwise 16 are.
With fewer than 32, matrices are too narrow to be multiplied fast."""

WORTH_A_THREAD = 10_000_000
"""Multiply-adds of a chunk below which threads wait for each other, at every layer, longer than they help."""


def chunk_limit(plan: Plan) -> int:
    """How many examples are computed together: enough for long inner loops, few enough for the cache and for threads."""
    widest = max(layer.activation_bytes for layer in plan.every_layer)
    return next((n for n, most in CHUNK_BYTES.items() if n * widest <= most), 16)


def chunks(n: int, limit: int) -> list[slice]:
    """How a batch is cut, as evenly as it goes: never by the number of threads, so that sums are always added alike."""
    count = max(1, -(-n // limit))
    edges = [n * i // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


class Network:
    """See EngineNetwork. Votes and gradients are the same to the bit for any number of threads."""

    def __init__(
        self, plan: Plan, weights: Mapping[str, Array], *, threads: int = 1, dtype: DTypeLike = np.float32
    ) -> None:
        stay_on_one_thread()
        self.plan = plan
        self._parameters = Parameters(plan, weights, dtype)
        self._links = self._parameters.links
        self._fast_links = relu_after_maximum(self._links)
        self._gradients = np.empty((0, 0), self.values.dtype)
        self._chains: dict[tuple[int, int, bool], Chain] = {}
        self._limit = chunk_limit(plan)
        self._threads = threads if plan.multiply_adds * self._limit >= WORTH_A_THREAD else 1
        self._pool = ThreadPoolExecutor(self._threads - 1) if self._threads > 1 else None

    @property
    def values(self) -> Array:
        return self._parameters.values

    @property
    def running(self) -> Array:
        return self._parameters.running

    @property
    def weights(self) -> dict[str, Array]:
        return {name: view.copy() for name, view in self._parameters.named().items()}

    def votes(self, pictures: Array) -> Array:
        n, size = len(pictures), self._voting_size(len(pictures))
        votes = np.empty((n, *self.plan.output_shape), self.values.dtype)

        def vote(worker: int, index: int) -> None:
            part = pictures[index * size : (index + 1) * size]
            y, _ = self._chain(worker, size, training=False).forward(_examples_last(part, size))
            votes[index * size : (index + 1) * size] = y.T[: len(part)]

        self._share(-(-n // size), vote)
        return votes

    def trace(self, pictures: Array) -> dict[str, Array]:
        parts, size = [], self._voting_size(len(pictures))
        chain = Chain(self._links, size, training=False)
        for start in range(0, len(pictures), size):
            part = pictures[start : start + size]
            with np.errstate(over="ignore", invalid="ignore"):
                trace = chain.trace(_examples_last(part, size))
            parts.append({name: y[: len(part)] for name, y in trace.items()})
        return {layer.name: np.concatenate([part[layer.name] for part in parts]) for layer in self.plan.every_layer}

    def first_non_finite(self, pictures: Array) -> str | None:
        return next((name for name, y in self.trace(pictures).items() if not np.isfinite(y).all()), None)

    def gradient(self, pictures: Array, truth: Truth, cost: CostFunction, *, draw: Draw | None = None) -> Step:
        n, spans = len(pictures), self._spans(len(pictures))
        votes = np.empty((n, *self.plan.output_shape), self.values.dtype)
        gradients = self._gradients_of(len(spans))
        totals = [0.0] * len(spans)

        def learn(worker: int, index: int) -> None:
            span = spans[index]
            chain, y, backwards = self._forward(worker, pictures[span], index, draw)
            votes[span] = y.T
            costs, dvotes = cost(y.T, truth[span])
            totals[index] = float(costs.sum(dtype=np.float64))
            chain.backward(dvotes.T / n, backwards, gradients[index])

        self._share(len(spans), learn)
        gradient = gradients[0] if len(spans) == 1 else gradients.sum(axis=0)
        running = (
            np.concatenate(self._chain(0, n, training=True).running_after()) if self.running.size else self.running
        )
        return Step(votes, sum(totals) / n, gradient, running)

    def mean_cost(self, pictures: Array, truth: Truth, cost: CostFunction, *, draw: Draw | None = None) -> float:
        spans = self._spans(len(pictures))
        totals = [0.0] * len(spans)

        def measure(worker: int, index: int) -> None:
            _, y, _ = self._forward(worker, pictures[spans[index]], index, draw)
            costs, _ = cost(y.T, truth[spans[index]])
            totals[index] = float(costs.sum(dtype=np.float64))

        self._share(len(spans), measure)
        return sum(totals) / len(pictures)

    def _voting_size(self, n: int) -> int:
        """How many examples are computed together where n are not for training: sizes that are few, and the same for votes and
        trace, as the last bits of a product may depend on how many columns it has."""
        return min(self._limit, 1 << max(0, n - 1).bit_length())

    def _gradients_of(self, parts: int) -> Array:
        """Where each part of a batch leaves its gradient: the only one leaves it in an array that is not used again."""
        if parts == 1:
            return np.empty((1, self.values.size), self.values.dtype)
        if len(self._gradients) < parts:
            self._gradients = np.empty((parts, self.values.size), self.values.dtype)
        return self._gradients[:parts]

    def _spans(self, n: int) -> list[slice]:
        """How a batch in training is cut. Averages over a batch need all of it at once."""
        return [slice(0, n)] if self.running.size else chunks(n, self._limit)

    def _forward(
        self, worker: int, pictures: Array, index: int, draw: Draw | None
    ) -> tuple[Chain, Array, list[Backward]]:
        """The votes (classes, n) for one part of a batch in training, and the ways back of the chain that computed them."""
        chain = self._chain(worker, len(pictures), training=True)
        draw_here = None if draw is None else lambda name: draw(name, index)
        return chain, *chain.forward(_examples_last(pictures, len(pictures)), draw_here)

    def _chain(self, worker: int, n: int, *, training: bool) -> Chain:
        key = (worker, n, training)
        if key not in self._chains:
            self._chains[key] = Chain(self._fast_links, n, training=training)
        return self._chains[key]

    def _share(self, jobs: int, work: Callable[[int, int], None]) -> None:
        """Calls work(worker, job) for every job; worker 0 is the calling thread."""
        workers = max(1, min(self._threads, jobs))

        def run(worker: int) -> None:
            with np.errstate(over="ignore", invalid="ignore"):  # the trainer looks at the cost
                for job in range(worker, jobs, workers):
                    work(worker, job)

        if self._pool is None or workers < 2:
            run(0)
            return
        started = [self._pool.submit(run, worker) for worker in range(1, workers)]
        try:
            run(0)
        finally:
            wait(started)
        for one in started:
            one.result()


def _examples_last(pictures: Array, n: int) -> Array:
    """Pictures (up to n, channels, *extents) as (channels, *extents, n)."""
    if len(pictures) < n:
        pictures = np.concatenate([pictures, np.zeros((n - len(pictures), *pictures.shape[1:]), pictures.dtype)])
    return pictures.transpose(*range(1, pictures.ndim), 0)
