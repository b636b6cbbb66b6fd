"""The benchmarks count right: multiply-adds of a step, exponents, and what a process says of itself."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """A module of `benchmarks/`, which is no package; what it puts into the path is taken out again."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    return import_module(request.param)


@pytest.mark.parametrize("benchmark", ["contenders"], indirect=True)
def test_the_data_need_no_gradient(benchmark: ModuleType) -> None:
    """Forward 2 x 9 x 16 + 8 x 3, backward twice that, but once for the first layer; a batch of 5."""
    case = benchmark.Case("small", (1, 4, 4), 5, benchmark.stack("c2x3", "p", "f3"))
    assert benchmark.multiply_adds(case) == 5 * (2 * 288 + 3 * 24)


@pytest.mark.parametrize("benchmark", ["growth"], indirect=True)
def test_exponents_are_those_of_the_curve(benchmark: ModuleType) -> None:
    points = [benchmark.Point(n, n**2, seconds=3e-3 * n**1.5, memory=100.0 * n**3) for n in (1, 2, 4, 8, 16, 32)]
    growth = benchmark.Growth("side", "numpy", tuple(points))
    assert growth.exponents == pytest.approx(
        {"time": 1.5, "memory": 3, "time_by_multiply_adds": 0.75, "memory_by_multiply_adds": 1.5}
    )
    assert not growth.linear
    linear = [benchmark.Point(n, n, seconds=1e-3 * n, memory=50.0) for n in (1, 2, 4, 8)]
    assert benchmark.Growth("batch", "numpy", tuple(linear)).linear


@pytest.mark.parametrize("benchmark", ["memory"], indirect=True)
def test_training_is_measured_without_what_was_there_before(benchmark: ModuleType) -> None:
    """Two million weights, their gradient and Adam's two memories take 32 MiB at least; numpy itself takes more than 20."""
    case = benchmark.Case("wide", (1, 32, 32), 2, benchmark.stack("f2048", "f2"))
    found = benchmark.alone("numpy", case, threads=1, seconds=0.01)
    assert 32 * 2**20 < found.training < 100 * 2**20
    assert found.peak > found.training + 20 * 2**20
    assert found.seconds > 0
