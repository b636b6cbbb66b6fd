"""The search of a file: which knobs are turned, what for, how, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic_core import core_schema

from convspec.base import Count, CountOrZero, NotNegative, Positive
from convspec.choice import Option
from convspec.forms import Form, schema_of
from convspec.knobs import Knob, Range, Steps, size_of
from convspec.spec import Spec, broken, field, rule

Metric = Literal[
    "accuracy/validation", "cost/validation", "error/validation", "r2/validation", "accuracy/training", "cost/training",
    "error/training", "r2/training", "parameters", "multiply_adds", "time/training_seconds",
]  # fmt: skip
RISING = ("accuracy", "r2")
"""Figures that are better the higher they are."""
LARGEST = 2**63 - 1


class Objective(NamedTuple):
    """A metric, and whether more of it is better."""

    metric: str
    rises: bool


class Strategy(Option):
    """How the next trial is chosen."""

    what: ClassVar[str] = "strategy"
    weighs_several: ClassVar[bool] = True
    """Whether it can follow several objectives at once."""


class Exhaustive(Strategy):
    """Every combination, in the order of the file: the last knob turns fastest."""

    kind: ClassVar[str] = "exhaustive"


class Random(Strategy):
    """Every trial is drawn on its own; values of a list and steps of a range are equally likely (Bergstra and Bengio 2012)."""

    kind: ClassVar[str] = "random"


class Genetic(Strategy):
    """Generations: the best of all before cross and mutate (NSGA-II, Deb et al. 2002)."""

    kind: ClassVar[str] = "genetic"

    population: Count = field(default=12, ge=2, le=10_000, description="Trials of a generation.")
    crossover: NotNegative = field(default=0.9, le=1, description="Share of children that have two parents.")
    mutation: NotNegative | None = field(
        default=None,
        le=1,
        description="Chance of each knob to be drawn anew; left out, one knob of a child on average.",
    )


class Annealing(Strategy):
    """Chains of steps to a neighbour, worse ones being taken more rarely as it gets colder (Kirkpatrick et al. 1983)."""

    kind: ClassVar[str] = "annealing"
    weighs_several: ClassVar[bool] = False

    chains: Count = field(default=4, le=10_000, description="Chains beside each other, each from a random start.")
    hot: Positive = field(
        default=0.3, description="First temperature, as a share of the spread of the objective seen by the chain."
    )
    cold: Positive = field(default=0.01, description="Last temperature.")

    @rule
    def it_gets_colder(self) -> None:
        if self.cold > self.hot:
            raise broken(
                f"it gets colder. Got {self.hot:g} to {self.cold:g}", field="cold", hint="Exchange hot and cold."
            )


class Tpe(Strategy):
    """Draws where good trials are dense and bad ones are not (Bergstra et al. 2011)."""

    kind: ClassVar[str] = "tpe"

    random_trials: CountOrZero = field(default=10, description="Trials drawn at random before it begins.")


class Cma(Strategy):
    """Moves and reshapes a normal distribution (CMA-ES, Hansen 2016): for at least two knobs, all of them numbers in order."""

    kind: ClassVar[str] = "cma"
    weighs_several: ClassVar[bool] = False

    population: Count | None = field(default=None, ge=3, le=10_000, description="Trials between two moves.")


class Stopping(Option):
    """When a trial that does badly ends before its last epoch."""

    what: ClassVar[str] = "stopping"


class Median(Stopping):
    """A trial ends where its best so far is worse than the median of earlier trials at that epoch."""

    kind: ClassVar[str] = "median"

    trials: Count = field(default=5, description="Trials that have to be over before any is stopped.")
    epochs: Count = field(default=1, description="Epochs that every trial gets.")


class SuccessiveHalving(Stopping):
    """At the end of 1, 3, 9, ... epochs only the best third goes on (Li et al. 2018, asynchronous)."""

    kind: ClassVar[str] = "successive_halving"

    epochs: Count = field(default=1, description="Epochs that every trial gets.")
    factor: Count = field(default=3, ge=2, description="One of so many trials goes on, for as many times the epochs.")


class Hyperband(Stopping):
    """Successive halving in several brackets that begin to stop at different epochs (Li et al. 2018)."""

    kind: ClassVar[str] = "hyperband"

    epochs: Count = field(default=1, description="Epochs that every trial gets.")
    factor: Count = field(default=3, ge=2, description="One of so many trials goes on, for as many times the epochs.")


class Budget(Spec):
    """What candidates may cost, and what the search may cost altogether."""

    parameters: Count | None = field(
        default=None, le=LARGEST, description="Parameters of a candidate at most; larger ones cost no trial."
    )
    multiply_adds: Count | None = field(
        default=None,
        le=LARGEST,
        description="Multiply-adds of a candidate for one example at most; larger ones cost no trial.",
    )
    seconds: Positive | None = field(
        default=None, description="Seconds of training in all; no trial begins when they are used up."
    )


def _knob_form(value: object) -> str:
    return "as range" if isinstance(value, Mapping | Range) else "as values"


_values = core_schema.tuple_schema([core_schema.any_schema()], variadic_item_index=0, min_length=1, strict=False)
_knob = core_schema.tagged_union_schema({"as values": _values, "as range": schema_of(Range)}, _knob_form)
Turns = Annotated[tuple[Any, ...] | Range, Form(_knob)]
"""A list of values, whatever they are, or a range of numbers."""


def _metric_form(value: object) -> str:
    return "as metrics" if isinstance(value, list | tuple) else "as metric"


_metrics = core_schema.tuple_schema([schema_of(Metric)], variadic_item_index=0, min_length=1, strict=False)
_both = {"as metric": schema_of(Metric), "as metrics": _metrics}
Metrics = Annotated[str | tuple[str, ...], Form(core_schema.tagged_union_schema(_both, _metric_form))]
"""One metric, or a list of them."""


class Search(Spec):
    """Tries combinations of values, and keeps the best."""

    knobs: dict[str, Turns] = field(
        min_length=1,
        description="Each path of the file that is tried with several values, and these: a list, or a range "
        "`{from: 0.0001, to: 0.1, scale: log}`. A value may be anything, a list of layers too.",
    )
    maximize: Metrics | None = field(default=None, description="What should be high, or a list of such metrics.")
    minimize: Metrics | None = field(default=None, description="What should be low, or a list of such metrics.")
    trials: Count | None = field(
        default=None,
        le=1_000_000,
        description="Candidates that are trained; `exhaustive` may do without, and tries all.",
    )
    strategy: Strategy = field(default_factory=Tpe, description="How the next trial is chosen.")
    seed: CountOrZero = field(
        default=1,
        le=LARGEST,
        description="The number that choices follow from; what is trained follows from the file's own seed.",
    )
    seeds: tuple[CountOrZero, ...] | None = field(
        default=None, min_length=1, description="Each trial is trained with each of them; the objective is the mean."
    )
    budget: Budget = field(default_factory=Budget, description="What candidates and the search may cost.")
    stopping: Stopping | None = field(default=None, description="When a trial ends before its last epoch.")

    @property
    def turned(self) -> tuple[Knob, ...]:
        """The knobs in the order of the file."""
        return tuple(Knob(path, values) for path, values in self.knobs.items())

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What the search is for: at least one objective."""
        return tuple(self._objectives())

    def _objectives(self) -> Iterator[Objective]:
        for metrics, rises in ((self.maximize, True), (self.minimize, False)):
            for metric in (metrics,) if isinstance(metrics, str) else metrics or ():
                yield Objective(metric, rises)

    @rule
    def has_an_objective(self) -> None:
        if self.maximize is None and self.minimize is None:
            hint = "Write `maximize: accuracy/validation`, or `minimize: cost/validation`."
            raise broken("a search needs something to maximize or to minimize", hint=hint)

    @rule
    def objectives_differ_and_make_sense(self) -> None:
        metrics = [objective.metric for objective in self.objectives]
        for metric, rises in self.objectives:
            key, other = ("maximize", "minimize") if rises else ("minimize", "maximize")
            if metrics.count(metric) > 1:
                raise broken(f"{metric} is an objective twice", field=key, hint="Once is enough.")
            if rises != (metric.partition("/")[0] in RISING):
                better = "lower" if rises else "higher"
                raise broken(f"{metric} is better the {better} it is", field=key, hint=f"Write `{other}: {metric}`.")

    @rule
    def trials_come_to_an_end(self) -> None:
        if self.trials is not None:
            return
        if not isinstance(self.strategy, Exhaustive):
            text = f"trials is required: {self.strategy.kind} does not end by itself"
            raise broken(text, hint="Write how many candidates are trained: `trials: 50`.")

    @rule
    def exhaustive_counts_every_value(self) -> None:
        endless = next((knob.path for knob in self.turned if knob.size is None), None)
        if isinstance(self.strategy, Exhaustive) and endless is not None:
            hint = f"Give {endless} a `step:` or a list of values, or take another strategy."
            raise broken(f"exhaustive needs an end of values, and {endless} has none", field="strategy", hint=hint)

    @rule
    def cma_moves_along_numbers(self) -> None:
        if not isinstance(self.strategy, Cma):
            return
        for knob in self.turned:
            if isinstance(knob.extent, Steps) and not (knob.extent.in_order and knob.extent.size > 1):
                text = f"cma moves along numbers that rise, and the values of {knob.path} do not"
                raise broken(text, field="strategy", hint="Take tpe or genetic.")
        if len(self.turned) < 2:
            raise broken("cma needs at least two knobs", field="strategy", hint="Take tpe.")

    @rule
    def several_objectives_have_a_strategy(self) -> None:
        if len(self.objectives) > 1 and not self.strategy.weighs_several:
            text = f"{self.strategy.kind} follows one objective, and there are {len(self.objectives)}"
            hint = "Take tpe, genetic, random or exhaustive, or leave one objective."
            raise broken(text, field="strategy", hint=hint)

    @rule
    def stopping_follows_one_objective_by_epoch(self) -> None:
        if self.stopping is None:
            return
        if len(self.objectives) > 1:
            text = f"{self.stopping.kind} follows one objective, and there are {len(self.objectives)}"
            raise broken(text, field="stopping", hint="Leave out stopping, or leave one objective.")
        metric = self.objectives[0].metric
        if not metric.endswith(("/training", "/validation")):
            text = f"{self.stopping.kind} needs an objective that epochs have, and {metric} is none"
            raise broken(text, field="stopping", hint="Leave out stopping.")

    @rule
    def seeds_differ(self) -> None:
        twice = next((seed for index, seed in enumerate(self.seeds or ()) if seed in (self.seeds or ())[:index]), None)
        if twice is not None:
            raise broken(f"seed {twice} is there twice", field="seeds", hint="Once is enough.")

    @property
    def size(self) -> int | None:
        """How many combinations there are, or None where there is no end of them."""
        return size_of(self.turned)


class SearchKey(Spec):
    """The key of a file that makes it a search."""

    search: Search = field(description="Tries combinations of values of this file, and keeps the best.")
