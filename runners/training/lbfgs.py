"""Gradient descent with curvature: L-BFGS, its direction by the two loops of Nocedal and Wright 2006, algorithm 7.4, and
its step by scipy's line search for the strong Wolfe conditions (the same book, algorithm 3.5).

scipy's own minimizers cannot be stopped and gone on with, as they keep their state to themselves; here it is a few arrays.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from math import inf, isfinite, sqrt

import numpy as np
from numpy.typing import DTypeLike

from convspec import optimizers
from runners.engines.engine import Array
from runners.training.gradients import Measured

Measure = Callable[[], Measured]
"""Tells the cost and its gradient at the values that the network has now."""


class Lbfgs:
    """Changes a vector of parameters, one line search at a time. `finished`: no step lowers the cost any further."""

    def __init__(self, spec: optimizers.Lbfgs, size: int, dtype: DTypeLike) -> None:
        self.spec, self.finished = spec, False
        self.moves, self.bends = np.zeros((2, spec.memory, size), dtype)
        self.remembered = 0
        self.here: Measured | None = None

    def step(self, values: Array, measure: Measure) -> Measured:
        """One step in place; what is known of where it ends. Where `measure` raises, everything is as before."""
        here = self.here
        if here is None or here.random:
            here = measure()
        if not is_finite(here):
            return here
        found = self._search(values, here, measure)
        if found is None and self.remembered:
            self.remembered = 0
            found = self._search(values, here, measure)
        self.here, self.finished = found or here, found is None
        return self.here

    def _search(self, values: Array, here: Measured, measure: Measure) -> Measured | None:
        """Goes downhill as far as is best, or nowhere."""
        slope = self._pulled(here, values)
        line = _Line(values, self._downhill(slope.gradient), lambda there: self._pulled(there, values), measure)
        try:
            found = line.search(slope)
            end = values.copy()
        finally:
            values[:] = line.start
        reached = None if found is None else self._pulled(found, end)
        if found is None or reached is None or not reached.cost < slope.cost:
            return None
        self._remember(end - values, reached.gradient - slope.gradient)
        values[:] = end
        return found

    def _remember(self, move: Array, bend: Array) -> None:
        if np.dot(move, bend) > np.finfo(bend.dtype).eps * np.dot(bend, bend):
            place = self.remembered % self.spec.memory
            self.moves[place], self.bends[place] = move, bend
            self.remembered += 1

    def _downhill(self, gradient: Array) -> Array:
        """Minus the gradient, multiplied by the inverse of the curvature that the last steps have met."""
        memory = self.spec.memory
        places = [index % memory for index in range(max(0, self.remembered - memory), self.remembered)]
        direction: Array = -gradient
        if not places:
            direction *= 1 / max(1.0, sqrt(np.dot(gradient, gradient)))
            return direction
        shares = {}
        for place in reversed(places):
            shares[place] = np.dot(self.moves[place], direction) / np.dot(self.moves[place], self.bends[place])
            direction -= shares[place] * self.bends[place]
        last = places[-1]
        direction *= np.dot(self.moves[last], self.bends[last]) / np.dot(self.bends[last], self.bends[last])
        for place in places:
            share = np.dot(self.bends[place], direction) / np.dot(self.moves[place], self.bends[place])
            direction += (shares[place] - share) * self.moves[place]
        return direction

    def _pulled(self, there: Measured, values: Array) -> Measured:
        """With weight decay: half of it times the square of the values' length joins the cost."""
        decay = self.spec.weight_decay
        if not decay:
            return there
        gradient = there.gradient + decay * values
        return there._replace(cost=there.cost + decay / 2 * float(np.dot(values, values)), gradient=gradient)

    def state(self) -> dict[str, Array]:
        """Copies of everything that the next step depends on."""
        figures: list[float] = [self.remembered, self.finished]
        filled = min(self.remembered, self.spec.memory)
        state = {"moves": self.moves[:filled].copy(), "bends": self.bends[:filled].copy()}
        if self.here is not None:
            figures += [self.here.cost, self.here.tally, self.here.random]
            state["gradient"] = self.here.gradient.copy()
        return {**state, "figures": np.array(figures, np.float64)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Goes on from a `state`."""
        remembered, finished, *here = state["figures"].tolist()
        self.remembered, self.finished = int(remembered), bool(finished)
        filled = len(state["moves"])
        self.moves[:filled], self.bends[:filled] = state["moves"], state["bends"]
        if here:
            cost, tally, random = here
            self.here = Measured(cost, state["gradient"], tally, bool(random))


class _Line:
    """The cost along a direction; each place is measured once, though cost and slope are asked for one by one."""

    def __init__(
        self, values: Array, direction: Array, pulled: Callable[[Measured], Measured], measure: Measure
    ) -> None:
        self.values, self.pulled, self.measure = values, pulled, measure
        self.start, self.direction = values.astype(np.float64), direction.astype(np.float64)
        self.last: Measured | None = None

    def at(self, place: Array) -> Measured:
        """What is measured at a place, where the values then are."""
        before = self.values.copy()
        self.values[:] = place
        if self.last is None or not np.array_equal(before, self.values):
            self.last = self.measure()
        return self.last

    def search(self, here: Measured) -> Measured | None:
        """What is measured at the best place, where the values then are; None where no place is good."""
        from scipy.optimize import line_search

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the answer tells what was not found
            length, *_ = line_search(
                self._cost, self._slope, self.start, self.direction, gfk=here.gradient, old_fval=here.cost
            )
        return self.at(self.start + length * self.direction) if length else None

    def _cost(self, place: Array) -> float:
        there = self.at(place)
        return self.pulled(there).cost if is_finite(there) else inf

    def _slope(self, place: Array) -> Array:
        return self.pulled(self.at(place)).gradient


def is_finite(there: Measured) -> bool:
    """Whether the cost and every slope are finite numbers."""
    return isfinite(there.cost) and bool(np.isfinite(there.gradient).all())
