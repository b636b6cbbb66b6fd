"""Any text at all as a file, any bytes, and a right file with something changed: fine, or clean problems; never an exception."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convspec.errors import PipelineError
from convspec.loading import Loaded, load, load_text
from tests.conftest import COMMAND, ROOT
from tests.convspec.conftest import RIGHT
from tests.convspec.pipelines import pipelines

WORDS = [
    "experiment", "data", "network", "training", "seed", "source", "digits", "arrays", "images", "convolution", "pooling",
    "features", "size", "window", "stride", "repeat", "times", "layers", "relu", "fully_connected", "neurons", "weights",
    "epochs", "optimizer", "adam", "sgd", "name", "null", "~", "true", "no", "1", "0", "-3", "2.5", "1e400", ".nan", "9" * 400,
    "[", "]", "{", "}", ":", ": ", ",", "- ", "-", "\n", "\n  ", "\n    ", "#", "'", '"', "&a", "*a", "<<", "!x", "%", "@",
    "|", ">", "?", "---", "...", "\t", "\r", "\ufeff", "\x85", "\0", "ü", "\U0001f600",
]  # fmt: skip


def check(text: str) -> None:
    """The text is fine, or everything that is wrong with it is said properly."""
    try:
        loaded = load_text(text, "any.yaml", folder=Path("/nowhere"))
    except PipelineError as error:
        assert_clean(error, text)
    else:
        assert isinstance(loaded, Loaded)


def assert_clean(error: PipelineError, text: str) -> None:
    assert error.exit_code == 2
    assert error.problems
    for problem in error.problems:
        assert problem.file == "any.yaml"
        assert (
            1
            <= problem.line
            <= text.count("\n")
            + text.count("\r")
            + text.count("\x85")
            + text.count("\u2028")
            + text.count("\u2029")
            + 1
        )
        assert problem.column >= 1
        assert problem.message.endswith((".", "?")) and len(problem.message) < 1500
        assert "\n" not in f"{problem.message}{problem.hint}{problem.path}"
        assert "Input should" not in problem.message  # Pydantic's own words
    assert "Traceback" not in str(error)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check(text)


@given(st.lists(st.sampled_from(WORDS), max_size=60).map("".join))
@example(text="[" * 1000)
@example(text="{" * 1000)
@example(text="a: &a [*a]")
@example(text='"two\\nlines": 1')
@example(text="experiment: 1\ndata:\n  source: [1]\nnetwork: {1: 2}\n")
def test_any_row_of_words_of_the_language(text: str) -> None:
    check(text)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """The right file with a few pieces deleted, exchanged or put in."""
    text = RIGHT
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + draw(st.one_of(st.just(""), st.sampled_from(WORDS), st.text(max_size=3))) + text[end:]
    return text


@given(damaged())
def test_a_right_file_with_something_changed(text: str) -> None:
    check(text)


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=3)), inner, max_size=3),
    ),
    max_leaves=6,
)


@given(pipelines, st.data())
def test_a_right_pipeline_with_any_value_anywhere(pipeline: dict[str, Any], data: st.DataObject) -> None:
    import json

    owner: Any = pipeline
    while True:
        key = data.draw(st.sampled_from(list(owner) if isinstance(owner, dict) else range(len(owner))))
        if not (isinstance(owner[key], dict | list) and owner[key] and data.draw(st.booleans())):
            break
        owner = owner[key]
    owner[key] = data.draw(values)
    check(json.dumps(pipeline))


@given(content=st.binary(max_size=200))
@example(content=b"\xff\xfe\x00")
@example(content=b"a: \xc3")
def test_any_bytes(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        load(path)
    except PipelineError as error:
        assert error.exit_code == 2 and error.problems


@given(st.text(max_size=40), st.sampled_from(["", "training.", "network.", "network[0].", "network.edges.", "data."]))
def test_any_setting(text: str, start: str) -> None:
    try:
        load_text(RIGHT, "right.yaml", folder=Path("/nowhere"), settings=[start + text])
    except PipelineError as error:
        assert error.exit_code == 2 and error.problems


@pytest.mark.slow
@settings(max_examples=20_000)
@given(damaged())
def test_a_right_file_with_something_changed_very_often(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        bytes(range(256)),
        b"[" * 100_000,
        "ü: \x1b[31m".encode(),
        RIGHT.encode("utf-16"),
        RIGHT.encode(),
    ],
    ids=["empty", "zeros", "binary", "brackets", "escape", "utf-16", "right"],
)
def test_as_a_process_of_its_own(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "any.yaml").write_bytes(content)
    done = subprocess.run(
        [*COMMAND, "check", "any.yaml"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0 if content == RIGHT.encode() else 2, b"")
    assert b"\x1b" not in done.stdout
    assert done.stdout.decode().splitlines()[-1] == ("any.yaml: fine" if done.returncode == 0 else "1 problem")


def test_a_name_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    (tmp_path / "ü.yaml").write_text(RIGHT, encoding="utf-8")
    environment = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*COMMAND, "check", "ü.yaml"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"\\xfc.yaml: fine\n")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have such names")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "check", b"\xff.yaml"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, b"")
    assert b"there is no such file" in done.stdout
