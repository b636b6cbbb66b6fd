"""Backpropagation against numerical gradients: every parameter of a network, in double precision, and what each way costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from statistics import fmean, median
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from convspec.costs import CrossEntropy
from convspec.errors import RUN_FAILED, UserError
from convspec.loading import Loaded
from convspec.plan import Plan
from runners.computation import Computation, Weights
from runners.engines.engine import Array, EngineNetwork
from runners.engines.initial import initial_weights
from runners.experiment import Experiment
from runners.randomness import StepDraw, order_of, stream
from runners.training.costs import batch_function
from runners.training.differences import PASSES, difference

TOLERANCE = 1e-6
"""Relative error from which the two ways disagree. In double precision right gradients usually agree within 1e-7 (Stanford's
CS231n, notes on gradient checks), while wrong ones are off by percents."""

NUDGE = 0.01
"""Standard deviation of what is added to each first weight. Biases begin with 0, and there relu has its kink
wherever a picture is blank."""

SHRINKING = (1.0, 1 / 8, 1 / 64)
"""Steps that are tried, as shares of the usual one, until no kink lies within."""

WORK = 2e10
"""Multiply-adds that the check may take, where nobody says how many weights: a few seconds."""
CALL = 1e5
"""What a layer costs besides, in multiply-adds."""
EXAMPLES, FEWEST = 8, 2
"""Examples in a batch where nobody says how many, and for networks so large that a pass over 8 would take long."""
PASS = 1e8
"""Multiply-adds from which a pass takes long."""

BACKWARD_ROUNDS = 5
"""Passes forward and back over which their time is taken."""

Told = Callable[[str], None]
"""What is told the name of a parameter whenever one of its weights has been checked."""


@dataclass(frozen=True)
class CheckedParameter:
    """How many weights a parameter has, how many were checked, how many of these stand at a kink, where there is no slope, and
    the largest relative error of the others; None where there are none.

    The relative error is |a - n| / max(|a|, |n|, s), of the slopes a by backpropagation and n by differences; s is what
    rounding may do to n over the tolerance, because no difference of two costs can tell smaller slopes apart by their share.
    """

    layer: str
    parameter: str
    weights: int
    checked: int
    at_kink: int
    error: float | None

    @property
    def name(self) -> str:
        return f"{self.layer}.{self.parameter}"

    @property
    def fine(self) -> bool:
        return self.error is not None and self.error < TOLERANCE


@dataclass(frozen=True)
class GradientReport:
    """What was found. `backward_seconds` is one pass forward and back, which gives all slopes; `forward_seconds` one forward,
    the mean over `passes`, those that the check made."""

    parameters: tuple[CheckedParameter, ...]
    backward_seconds: float
    forward_seconds: float
    passes: int

    @property
    def wrong(self) -> tuple[CheckedParameter, ...]:
        """The parameters for which backpropagation was not found to be right."""
        return tuple(one for one in self.parameters if not one.fine)

    def suspects(self, plan: Plan) -> list[str]:
        """The layers of which one has a wrong way back, `the cost` perhaps among them; none where no error was found.

        A fault falsifies slopes of its own layer and of those before it. So it lies in the last layer with a wrong slope or
        behind, up to the next layer of the network that is right: that one's way back to its input may be wrong.
        """
        wrong = {one.layer for one in self.wrong if one.error is not None}
        right = {one.layer for one in self.parameters} - {one.layer for one in self.wrong}
        names = [layer.name for layer in plan.every_layer]
        if not wrong:
            return []
        last = max(names.index(name) for name in wrong)
        ends = {layer.name for layer in plan.layers} & right
        stop = next((i for i in range(last + 1, len(names)) if names[i] in ends), None)
        return [*names[last:], "the cost"] if stop is None else names[last : stop + 1]

    @property
    def slopes(self) -> int:
        return sum(one.weights for one in self.parameters)

    @property
    def all_passes(self) -> int:
        """Passes forward that central differences take for all slopes: two each."""
        return 2 * self.slopes

    @property
    def all_seconds(self) -> float:
        """How long those take."""
        return self.all_passes * self.forward_seconds

    @property
    def ratio(self) -> float:
        """How many times as long all slopes take by differences."""
        return self.all_seconds / self.backward_seconds


class GradientCheck:
    """The network of a pipeline and a batch of its first epoch, with the same masks of dropout in every pass."""

    def __init__(self, loaded: Loaded, *, threads: int, examples: int | None = None) -> None:
        """Reads the data; takes all examples where there are fewer. Raises UserError where data or engine are not there, or
        nothing is trained."""
        pipeline, self.plan, self.seed = loaded.pipeline, loaded.plan, loaded.pipeline.seed
        if not any(layer.trainable_count for layer in self.plan.every_layer):
            raise UserError(
                f"{loaded.file} has no weight that training changes: there is no slope to check.",
                hint="Add a layer with weights, or leave out `trainable: false`.",
            )
        experiment = Experiment.prepare(loaded, threads=threads, device="cpu")
        dataset, self.engine = experiment.dataset, experiment.engine
        source = dataset.test if pipeline.training is None else dataset.train
        chosen = order_of(self.seed, epoch=1, count=len(source))[: examples or _default_examples(self.plan)]
        self.pictures, self.truth = source.pictures_at(chosen).astype(np.float64), source.truth[chosen]
        cost = CrossEntropy() if pipeline.training is None else pipeline.training.cost
        self.cost = batch_function(cost, self.truth)
        computation = Computation(self.plan, self.engine, threads, dtype=np.float64)
        self.network = computation.network(nudged_weights(self.plan, self.seed))
        self.places = places_of(self.network, self.plan)
        self.draw = StepDraw(self.seed, 1, 0)
        self.seconds: list[float] = []

    @property
    def default_most(self) -> int:
        """Weights of each parameter whose check takes a few seconds in all, by the plan."""
        one_pass = self.plan.multiply_adds * len(self.truth) + CALL * len(self.plan.every_layer)
        return max(1, int(WORK / (PASSES * one_pass * len(self.places))))

    def weights_to_check(self, most: int | None) -> int:
        """How many weights are checked where it is so many of each parameter, or all."""
        return sum(min(places.size, most or places.size) for places in self.places.values())

    def run(self, *, most: int | None, told: Told) -> GradientReport:
        """Checks so many weights of each parameter, or all. Raises UserError where the cost is not a finite number."""
        slopes, seconds = self._backward()
        here = self.forward()
        if not isfinite(here):
            self._fail()
        found = []
        for (layer, parameter), places in self.places.items():
            generator = stream(self.seed, "gradcheck", layer, parameter)
            errors = []
            for place in _chosen(places, slopes, most=most or places.size, generator=generator):
                errors.append(self._error(place, float(slopes[place]), here))
                told(f"{layer}.{parameter}")
            smooth = [error for error in errors if error is not None]
            kinks = len(errors) - len(smooth)
            largest = max(smooth, default=None)
            found.append(CheckedParameter(layer, parameter, places.size, len(errors), kinks, largest))
        return GradientReport(tuple(found), seconds, fmean(self.seconds), len(self.seconds))

    def forward(self) -> float:
        """The cost by one pass forward, whose time is kept."""
        started = time.perf_counter()
        cost = self.network.mean_cost(self.pictures, self.truth, self.cost, draw=self.draw)
        self.seconds.append(time.perf_counter() - started)
        return cost

    def _backward(self) -> tuple[Array, float]:
        """All slopes by one pass forward and back, and its time: the median of some, after one that makes ready."""
        seconds = []
        for _ in range(1 + BACKWARD_ROUNDS):
            started = time.perf_counter()
            step = self.network.gradient(self.pictures, self.truth, self.cost, draw=self.draw)
            seconds.append(time.perf_counter() - started)
        return step.gradient, median(seconds[1:])

    def _error(self, place: int, slope: float, here: float) -> float | None:
        """The relative error of a slope; None at a kink."""
        for shrink in SHRINKING:
            found = difference(self.forward, self.network.values, place, here=here, shrink=shrink)
            scale = max(abs(slope), abs(found.slope), found.rounding / TOLERANCE)
            if found.doubt <= TOLERANCE * scale:
                error = abs(slope - found.slope) / scale
                return error if isfinite(error) else inf
        return None

    def _fail(self) -> NoReturn:
        layer = self.network.first_non_finite(self.pictures) or f"{self.plan.layers[-1].name} (its votes are too large)"
        raise UserError(
            f"The cost is not a finite number before anything is trained, layer {layer}.",
            hint="Look for values that are far too large, in the data or among weights in the file.",
            exit_code=RUN_FAILED,
        )


def _default_examples(plan: Plan) -> int:
    return min(EXAMPLES, max(FEWEST, int(PASS / max(1, plan.multiply_adds))))


def nudged_weights(plan: Plan, seed: int) -> Weights:
    """The first weights in double precision, those that are trained moved a little at random."""
    weights = initial_weights(plan, seed, np.float64)
    for layer in plan.every_layer:
        for parameter in layer.learned if layer.trainable_count else ():
            name = f"{layer.name}.{parameter.name}"
            weights[name] += NUDGE * stream(seed, "gradcheck", "nudge", name).standard_normal(parameter.shape)
    return weights


def places_of(network: EngineNetwork, plan: Plan) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Where the weights of each trained parameter stand among `values`, by the names of layer and parameter."""
    values = network.values.copy()
    network.values[:] = np.arange(values.size)
    numbered = network.weights
    network.values[:] = values
    return {
        (layer.name, parameter.name): numbered[f"{layer.name}.{parameter.name}"].ravel().astype(np.int64)
        for layer in plan.every_layer
        if layer.trainable_count
        for parameter in layer.learned
    }


def _chosen(places: NDArray[np.int64], slopes: Array, *, most: int, generator: np.random.Generator) -> list[int]:
    """Some of the places: a quarter of them those with the largest slopes, one at least, and the others at random."""
    steepest_first = places[np.argsort(-np.abs(slopes[places]), kind="stable")]
    steepest = max(1, most // 4)
    others = generator.permutation(steepest_first[steepest:])[: most - steepest]
    return sorted([*steepest_first[:steepest].tolist(), *others.tolist()])
