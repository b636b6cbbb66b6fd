"""Costs, optimizers and schedules beside PyTorch's own, where PyTorch is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convspec.costs import Absolute, Cost, CrossEntropy, Huber, Squared
from convspec.optimizers import Adam, AdamW, Optimizer, RmsProp, Sgd
from convspec.schedules import Constant, Cosine, OneCycle, Schedule, StepWise, WarmUp
from runners.training.costs import batch_function, mean_cost
from runners.training.gradients import shorten
from runners.training.optimizers import optimizer
from runners.training.schedules import Length, share_at

torch = pytest.importorskip("torch")
functional = torch.nn.functional
CLASSES = 4


def one_hot(truth: Any) -> Any:
    return functional.one_hot(truth, CLASSES).double()


COSTS: dict[str, tuple[Cost, Callable[[Any, Any], Any]]] = {
    "cross_entropy": (CrossEntropy(), functional.cross_entropy),
    "class_weights": (
        CrossEntropy(class_weights=(1.0, 2.0, 0.5, 3.0)),
        lambda votes, truth: functional.cross_entropy(votes, truth, torch.tensor([1.0, 2.0, 0.5, 3.0]).double()),
    ),
    "label_smoothing": (
        CrossEntropy(label_smoothing=0.2),
        lambda votes, truth: functional.cross_entropy(votes, truth, label_smoothing=0.2),
    ),
    "both": (
        CrossEntropy(class_weights=(1.0, 2.0, 0.5, 3.0), label_smoothing=0.2),
        lambda votes, truth: functional.cross_entropy(
            votes, truth, torch.tensor([1.0, 2.0, 0.5, 3.0]).double(), label_smoothing=0.2
        ),
    ),
    "squared": (Squared(), lambda votes, truth: CLASSES * functional.mse_loss(votes, one_hot(truth))),
    "absolute": (Absolute(), lambda votes, truth: CLASSES * functional.l1_loss(votes, one_hot(truth))),
    "huber": (Huber(delta=0.6), lambda votes, truth: CLASSES * functional.huber_loss(votes, one_hot(truth), delta=0.6)),
}


@pytest.mark.parametrize(("cost", "reference"), COSTS.values(), ids=COSTS)
def test_costs_and_gradients(cost: Cost, reference: Callable[[Any, Any], Any]) -> None:
    generator = np.random.default_rng(0)
    votes, truth = generator.standard_normal((9, CLASSES)), generator.integers(0, CLASSES, 9)
    theirs = torch.tensor(votes, requires_grad=True)
    expected = reference(theirs, torch.tensor(truth))
    expected.backward()
    assert mean_cost(cost, votes, truth) == pytest.approx(expected.item(), rel=1e-12)
    each, gradient = batch_function(cost, truth)(votes, truth)
    assert each.mean() == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient / 9, theirs.grad.numpy(), rtol=1e-10, atol=1e-14)


OPTIMIZERS: dict[str, tuple[Optimizer, Callable[[Any], Any]]] = {
    "sgd": (Sgd(weight_decay=0.1), lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=0.1)),
    "nesterov": (
        Sgd(momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
    "rmsprop": (RmsProp(weight_decay=0.1), lambda p: torch.optim.RMSprop(p, weight_decay=0.1)),
    "rmsprop with momentum": (
        RmsProp(momentum=0.8, beta=0.9, epsilon=1e-3),
        lambda p: torch.optim.RMSprop(p, momentum=0.8, alpha=0.9, eps=1e-3),
    ),
    "adam": (Adam(weight_decay=0.1), lambda p: torch.optim.Adam(p, weight_decay=0.1)),
    "adamw": (AdamW(weight_decay=0.1), lambda p: torch.optim.AdamW(p, weight_decay=0.1)),
    "adamw as it comes": (AdamW(), torch.optim.AdamW),
}


@pytest.mark.parametrize("clip", [None, 3.0])
@pytest.mark.parametrize(("spec", "make"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_thirty_steps_of_optimizers(spec: Optimizer, make: Callable[[Any], Any], clip: float | None) -> None:
    generator = np.random.default_rng(0)
    values = generator.standard_normal(40)
    parameter = torch.nn.Parameter(torch.tensor(values))
    ours, theirs = optimizer(spec, 40, np.float64), make([parameter])
    for gradient in generator.standard_normal((30, 40)):
        parameter.grad = torch.tensor(gradient)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([parameter], clip)
            shorten(gradient, clip)
        theirs.step()
        ours.update(values, gradient)
    np.testing.assert_allclose(values, parameter.detach().numpy(), rtol=1e-11 if clip is None else 1e-5)


schedulers = torch.optim.lr_scheduler
LENGTH = Length(steps=60, epoch=6)


def behind_a_rise(steps: int) -> Callable[[Any], Any]:
    def make(one: Any) -> Any:
        rise = schedulers.LinearLR(one, start_factor=1 / steps, total_iters=steps - 1)
        rest = schedulers.CosineAnnealingLR(one, T_max=60 - steps)
        return schedulers.SequentialLR(one, [rise, rest], milestones=[steps])

    return make


SCHEDULES: dict[str, tuple[Schedule, Callable[[Any], Any]]] = {
    "constant": (Constant(), lambda one: schedulers.ConstantLR(one, factor=1)),
    "step": (StepWise(every=3, factor=0.5), lambda one: schedulers.StepLR(one, step_size=18, gamma=0.5)),
    "cosine": (Cosine(final=0.1), lambda one: schedulers.CosineAnnealingLR(one, T_max=60, eta_min=0.02)),
    "one_cycle": (OneCycle(), lambda one: schedulers.OneCycleLR(one, 0.2, total_steps=60, cycle_momentum=False)),
    "one_cycle elsewhere": (
        OneCycle(peak=0.6, initial=0.1, final=0.001),
        lambda one: schedulers.OneCycleLR(
            one, 0.2, total_steps=60, pct_start=0.6, div_factor=10, final_div_factor=100, cycle_momentum=False
        ),
    ),
    "warm_up": (Cosine(warm_up=WarmUp(steps=7)), behind_a_rise(7)),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in")
@pytest.mark.parametrize(("schedule", "make"), SCHEDULES.values(), ids=SCHEDULES)
def test_every_learning_rate_of_schedules(schedule: Schedule, make: Callable[[Any], Any]) -> None:
    one = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    theirs, rates = make(one), []
    for _ in range(LENGTH.steps):
        rates.append(one.param_groups[0]["lr"])
        one.step()
        theirs.step()
    ours = [0.2 * share_at(schedule, step, LENGTH) for step in range(LENGTH.steps)]
    assert ours == pytest.approx(rates, rel=1e-9)
