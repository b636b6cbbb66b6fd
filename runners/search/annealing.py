"""Simulated annealing: chains of steps to a neighbour, worse ones being taken more rarely as it gets colder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from convspec.candidates import Candidates
from convspec.knobs import Point
from convspec.search import Annealing, Search
from runners.search.optuna_study import KeptStudy, complete
from runners.search.proposals import Outcomes, Proposals
from runners.search.space import Space, space_of

NARROWEST = 0.05
"""Share of a knob's whole way that a step has at the lowest temperature, as a standard deviation."""
WIDEST = 0.3
"""The same at the first temperature."""


@dataclass(frozen=True)
class Cooling:
    """Temperatures that fall in equal ratios, as shares of the spread of the objective."""

    hot: float
    cold: float
    steps: int

    def at(self, step: int) -> float:
        """The temperature at a step, from 0."""
        return float(self.hot * (self.cold / self.hot) ** min(1.0, step / max(1, self.steps - 1)))

    def width(self, step: int) -> float:
        """How far a step leads, as a share of a knob's whole way."""
        return max(NARROWEST, WIDEST * math.sqrt(self.at(step) / self.hot))


class AnnealingSampler(BaseSampler):
    """One chain: the trials of the study are its steps in their order. `attempt` widens the steps where nearer ones were in
    vain."""

    def __init__(self, space: Space, cooling: Cooling, *, chain_seed: int, seed: int, attempt: int = 0) -> None:
        self.space, self.cooling, self.chain_seed, self.attempt = space, cooling, chain_seed, attempt
        self.chance, self.start = Random(seed), RandomSampler(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        steps = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if not steps:
            return {}
        here = self._walk(steps, rises=study.direction == StudyDirection.MAXIMIZE)
        return self._neighbour(here.params, len(steps))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.start.sample_independent(study, trial, param_name, param_distribution)

    def _walk(self, steps: list[FrozenTrial], *, rises: bool) -> FrozenTrial:
        """Where the chain stands after its steps (Metropolis et al. 1953)."""
        losses = [-_value(step) if rises else _value(step) for step in steps]
        here = 0
        for index in range(1, len(steps)):
            spread = max(losses[: index + 1]) - min(losses[: index + 1])
            worse = (losses[index] - losses[here]) / spread if spread else 0.0
            chance = Random(f"{self.chain_seed} {index}").random()
            if worse <= 0 or chance < math.exp(-worse / self.cooling.at(index)):
                here = index
        return steps[here]

    def _neighbour(self, here: Mapping[str, Any], step: int) -> dict[str, Any]:
        """The same point with one knob turned, or more of them after attempts in vain."""
        movable = [path for path, distribution in self.space.items() if not distribution.single()]
        if not movable:
            return dict(here)
        count = min(len(movable), 1 + self.attempt // (2 * len(movable)))
        turned = self.chance.sample(movable, count)
        width = min(1.0, self.cooling.width(step) * (1 + self.attempt / 20))
        return {**here, **{path: self._moved(self.space[path], here[path], width) for path in turned}}

    def _moved(self, distribution: BaseDistribution, value: Any, width: float) -> Any:
        if isinstance(distribution, CategoricalDistribution):
            return self.chance.choice([choice for choice in distribution.choices if choice != value])
        assert isinstance(distribution, IntDistribution | FloatDistribution)
        low, high = _scaled(distribution, distribution.low), _scaled(distribution, distribution.high)
        place = (_scaled(distribution, value) - low) / (high - low)
        moved = low + _reflected(place + self.chance.gauss(0, width)) * (high - low)
        number = min(max(math.exp(moved) if distribution.log else moved, distribution.low), distribution.high)
        if isinstance(distribution, FloatDistribution):
            return number
        if round(number) != value:
            return round(number)
        side = 1 if value == distribution.low or (value < distribution.high and number > value) else -1
        return value + side


def _value(trial: FrozenTrial) -> float:
    value = trial.value
    assert value is not None
    return float(value)


def _scaled(distribution: IntDistribution | FloatDistribution, value: float) -> float:
    return math.log(value) if distribution.log else float(value)


def _reflected(place: float) -> float:
    """A place beyond an end of 0 to 1 thrown back from it."""
    folded = math.fmod(abs(place), 2.0)
    return 2.0 - folded if folded > 1.0 else folded


class AnnealingProposals(Proposals):
    """Trial i is the next step of chain i % chains, and knows of the steps of its own chain alone."""

    def __init__(self, search: Search, candidates: Candidates) -> None:
        super().__init__(search, candidates)
        strategy = search.strategy
        assert isinstance(strategy, Annealing) and search.trials is not None
        self.chains, self.space = strategy.chains, space_of(candidates.knobs)
        self.study = KeptStudy(search.objectives)
        self.cooling = Cooling(strategy.hot, strategy.cold, -(-search.trials // strategy.chains))

    def is_ready(self, number: int, outcomes: Outcomes) -> bool:
        return all(earlier in outcomes for earlier in self._steps(number))

    def choose(self, number: int, attempt: int, outcomes: Outcomes) -> Point | None:
        sampler = AnnealingSampler(
            self.space,
            self.cooling,
            chain_seed=self.seed(number % self.chains, -2),
            seed=self.seed(number, attempt),
            attempt=attempt,
        )
        return self.study.ask(number, lambda: self._past(number, outcomes), sampler, self.space)

    def _past(self, number: int, outcomes: Outcomes) -> list[FrozenTrial]:
        told = [outcomes[earlier] for earlier in self._steps(number)]
        return [complete(self.space, self.points[one.number], one.values) for one in told if one.values is not None]

    def _steps(self, number: int) -> range:
        """The earlier trials of the chain that a number belongs to."""
        return range(number % self.chains, number, self.chains)
