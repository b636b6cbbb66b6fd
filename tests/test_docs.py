"""The pages say what is true: the README's file is right, its commands exist, the reference is current."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from convspec.candidates import survey
from convspec.loading import load, load_all_text, load_text
from convspec.search import Strategy
from convspec.searching import Searching
from runners.cli.main import COMMANDS
from runners.experiment import Experiment

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
(PIPELINE,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL))


def test_the_pipeline_in_the_readme_is_the_shipped_one_in_twenty_lines() -> None:
    assert len(PIPELINE.splitlines()) <= 20
    shown, shipped = load_text(PIPELINE, "README.md", folder=ROOT).pipeline, load("digits").pipeline
    assert (shown.data, shown.network, shown.training, shown.seed) == (
        shipped.data,
        shipped.network,
        shipped.training,
        shipped.seed,
    )


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^convspec (\w+)", SHELL, flags=re.MULTILINE))))
def test_every_command_in_the_readme_exists(command: str) -> None:
    assert command in COMMANDS


def test_every_command_is_in_the_readme() -> None:
    assert set(re.findall(r"^convspec (\w+)", SHELL, flags=re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([\w-]+)", SHELL, flags=re.MULTILINE))))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\((docs/[^)]+)\)", README))
def test_every_link_in_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link).is_file()


SEARCHING = (ROOT / "docs" / "searching.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", SEARCHING, flags=re.DOTALL))
def test_the_searches_in_the_docs_are_right(text: str) -> None:
    found = load_all_text(text, "searching.md", folder=ROOT)
    assert isinstance(found, Searching)
    share = survey(found.candidates).valid
    assert share > 0


def test_every_strategy_is_in_the_table() -> None:
    assert re.findall(r"^\| `(\w+)` \|", SEARCHING, flags=re.MULTILINE) == list(Strategy.options())


def test_the_pipeline_that_tells_numbers_does_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (pipeline,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "ink.py").write_text(code)
    runpy.run_path(str(tmp_path / "ink.py"))
    experiment = Experiment.prepare(load_text(pipeline, "ink.yaml", folder=tmp_path), threads=1)
    metrics = experiment.evaluate(experiment.train([], stop=lambda: False)).metrics
    assert metrics["error/test"] < 0.1
    assert metrics["r2/test"] > 0.9


def test_the_reference_is_what_the_specs_say() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "reference.py"))["page"]()
    assert (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8") == page, "run: python docs/reference.py"
