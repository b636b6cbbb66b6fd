"""`convspec tea` from the outside: tables, JSON, the picture, and what is said where it cannot be written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runners.cli.main import run_command_line
from tests.conftest import ROOT, CommandLine


def test_it_prints_a_table_for_each_landscape_and_the_assumptions(convspec: CommandLine) -> None:
    done = convspec("tea", "--picture", "tea.png")
    assert (done.code, done.err) == (0, "")
    assert "one valley, best at 62 °C, from 20 °C\n" in done.out
    assert "a second valley, best at 62 °C, from 20 °C\n" in done.out
    assert len(re.findall(r"^exhaustive search +201  62\.0 °C +0\.0 °C +0\.000 +201 +100%$", done.out, re.M)) == 2
    assert re.search(r"^gradient descent +16  12\.5 °C +49\.5 °C +0\.416 +24 +76%$", done.out, re.M)
    assert re.search(r"^gradient descent +the slope shows the way: it is smooth; there is one valley$", done.out, re.M)
    assert done.out.endswith("picture  tea.png\n")
    assert (convspec.folder / "tea.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_shows_what_it_prints(convspec: CommandLine) -> None:
    page = (ROOT / "docs" / "tea.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```\n(.*?)```", page, flags=re.DOTALL)
    assert convspec("tea").out == shown


def test_json_is_one_object(convspec: CommandLine) -> None:
    found = convspec("tea", "--json", "--starts", "20", "--start", "90", "--picture", "tea.png").json
    assert (found["start"], found["starts"]) == (90, 20)
    assert list(found["landscapes"]) == ["one valley", "a second valley"]
    for landscape in found["landscapes"].values():
        assert list(landscape["ways"]) == list(found["assumptions"])
        assert landscape["ways"]["exhaustive search"] == {
            "tries": 201,
            "temperature": 62,
            "off": 0,
            "lost": pytest.approx(0, abs=1e-8),
            "mean_tries": 201,
            "share_found": 1,
        }
    assert (convspec.folder / "tea.png").is_file()


@pytest.mark.parametrize(("name", "begins"), [("tea.svg", b"<?xml"), ("tea.PDF", b"%PDF-")])
def test_a_picture_is_of_the_kind_that_its_name_says(
    name: str, begins: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["tea", "--starts", "5", "--picture", name]) == 0
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--start", "101"], "101"),
        (["--starts", "0"], "0"),
        (["--seed", "-1"], "-1"),
        (["--picture", "nowhere/tea.png"], "nowhere/tea.png: there is no folder nowhere. Make it, or write"),
        (["--picture", "tea.xyz"], "tea.xyz: the name of a picture must end with .png, .svg, .pdf. Got .xyz. Name it"),
        (["--picture", "tea"], "tea: the name of a picture must end with .png, .svg, .pdf. Got none. Name it tea.png."),
    ],
    ids=["start", "starts", "seed", "folder", "kind", "no kind"],
)
def test_wrong_words_are_one_message(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["tea", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
