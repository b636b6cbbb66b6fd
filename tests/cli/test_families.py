"""Options of `convspec run` for files with several pipelines."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from runners.cli.families import workers_here
from tests.conftest import CommandLine

ASKED = {
    "fewer than cores": (1, 2, True, 1, ""),
    "as many as cores": (2, 2, True, 2, ""),
    "none": (None, 2, True, 2, ""),
    "more than cores": (8, 2, True, 2, "8 workers asked for; 2 cores: 2 workers.\n"),
    "more than the one core": (3, 1, True, 1, "3 workers asked for; 1 core: 1 worker.\n"),
    "of a cluster": (8, 2, False, 2, ""),
}


@pytest.mark.parametrize(("asked", "cores", "is_here", "expected", "said"), ASKED.values(), ids=ASKED)
def test_workers_beyond_the_cores_are_not_started_and_it_says_so(
    asked: int | None, cores: int, is_here: bool, expected: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert workers_here(asked, cores, is_here=is_here) == expected
    assert capsys.readouterr() == ("", said)


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
@pytest.mark.parametrize("name", ["digits_architectures", "digits_search"])
def test_an_engine_that_is_not_there_is_said_before_anything_is_begun(name: str, convspec: CommandLine) -> None:
    done = convspec("run", name, "--engine", "torch")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: The torch engine needs PyTorch, which is not installed.")
    assert not list(convspec.folder.iterdir())
