"""The command line is there at once: the stored page of help is the real one, and no command waits for what it does not use."""

from __future__ import annotations

import runpy
import subprocess
import sys

import pytest

from runners.cli import entry
from runners.cli.main import run_command_line
from tests.conftest import COMMAND, ROOT


def help_page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What click prints."""
    run_command_line(arguments)
    return capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []], ids=["--help", "-h", "nothing"])
def test_the_stored_page_is_what_click_prints(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    expected = help_page(capsys, "--help")
    monkeypatch.setattr(sys, "argv", ["convspec", *arguments])
    entry.main()
    assert capsys.readouterr().out == expected


def test_it_is_the_page_of_wider_terminals_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with open(entry.HELP_PAGE, encoding="utf-8") as page:  # noqa: PTH123
        assert page.read() == help_page(capsys, "--help")


def test_a_narrow_terminal_gets_a_page_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr(sys, "argv", ["convspec", "--help"])
    with pytest.raises(SystemExit) as caught:
        entry.main()
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert max(map(len, out.splitlines())) <= 50
    assert "Say everything that is wrong" in " ".join(out.split())


def test_standard_output_may_be_closed() -> None:
    command = " ".join(f"'{word}'" for word in [*COMMAND, "check", "digits"])
    done = subprocess.run(
        ["sh", "-c", f"{command} >&-"], env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_commands_start_within_their_time() -> None:
    """At most 2.5 times `python -c pass` for help, and 1.6 times the import of click, yaml and pydantic for the others."""
    measured = runpy.run_path(str(ROOT / "benchmarks" / "startup.py"))["measure"](rounds=15)
    assert measured["--help"] <= 2.5 * measured["python -c pass"]
    for command in ("check", "show", "schema"):
        assert measured[command] <= 1.6 * measured["import click, yaml, pydantic"]
