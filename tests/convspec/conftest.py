"""What tests of the language share: the command line without a process of its own, and a pipeline that is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import settings

from runners.cli.main import run_command_line

RIGHT = """\
experiment: right
data: {source: digits}
network:
  - convolution: {features: 8, size: 3, name: edges}
  - relu
  - pooling: {window: 2, stride: 2}
  - fully_connected: {neurons: 10}
training:
  epochs: 2
  optimizer: {adam: {learning_rate: 0.01}}
"""


# A machine may be busy: no example of Hypothesis has to be ready in time.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process."""

    def run(*arguments: str) -> Outcome:
        code = run_command_line(arguments)
        return Outcome(code, *capsys.readouterr())

    return run
