"""Imports run one way, and the commands that answer at once import nothing heavy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

HEAVY = ("numpy", "scipy", "sklearn", "matplotlib", "mlflow", "torch", "rich", "PIL", "safetensors", "optuna")

ONLY = {
    "mlflow": ("runners/tracking/",),
    "matplotlib": ("runners/pictures/",),
    "torch": ("runners/engines/torch/",),
    "click": ("runners/cli/",),
    "rich": ("runners/cli/",),
    "sklearn": ("runners/data/",),
    "optuna": ("runners/search/",),
    "yaml": ("convspec/", "runners/tracking/"),
    "ray": ("runners/family/gateway.py",),
    "pydantic_core": ("convspec/",),
}
"""Where alone a library may be imported."""

NEVER = {
    "convspec/": ("runners", "click", "pydantic", *HEAVY),
    "runners/engines/": ("runners.training", "runners.tracking", "runners.data", "runners.pictures"),
    "runners/data/": ("runners.training", "runners.tracking", "runners.engines", "runners.pictures"),
    "runners/training/": ("runners.tracking", "runners.pictures"),
    "runners/pictures/": ("runners.training", "runners.tracking", "runners.engines"),
    "runners/": ("runners.cli",),
}  # fmt: skip
"""What a folder must not import; `runners/` means all of it but the command line itself."""


def sources() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT)) for folder in ("convspec", "runners") for path in (ROOT / folder).rglob("*.py")
    )


def imported(source: str) -> Iterator[str]:
    """Every module that a file imports anywhere, within functions too; names taken from a package count as modules."""
    for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: imports are written in full"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_part(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("source", sources())
def test_a_file_imports_only_what_its_folder_may(source: str) -> None:
    modules = set(imported(source))
    for library, folders in ONLY.items():
        if any(is_part(module, library) for module in modules):
            assert source.startswith(folders), f"{library} is imported in {folders} only"
    for folder, forbidden in NEVER.items():
        if source.startswith(folder) and not (folder == "runners/" and source.startswith("runners/cli/")):
            assert not [module for module in modules for other in forbidden if is_part(module, other)]


def test_engines_have_the_same_names_as_layers() -> None:
    families = {path.name for path in (ROOT / "convspec" / "layers").glob("*.py")} - {"__init__.py", "repeat.py"}
    for engine in ("numpy", "torch"):
        assert families <= {path.name for path in (ROOT / "runners" / "engines" / engine).glob("*.py")}


AT_ONCE = {
    "help": ["--help"],
    "check": ["check", "digits"],
    "check of a wrong file": ["check", str(ROOT / "tests" / "convspec" / "wrong" / "words_of_keras.yaml")],
    "show": ["show", "digits"],
    "diff": ["diff", "digits", "lenet_5"],
    "check of a search": ["check", "digits_search"],
    "show a search": ["show", "digits_search"],
    "schema": ["schema"],
    "list": ["list", "--help"],
    "sync": ["sync", "--help"],
    "new": ["new", "mine.yaml"],
    "an unknown command": ["chekc"],
}
COUNTS = """
import sys, runners.cli.entry as entry
try:
    entry.main()
except SystemExit:
    pass
print(*sys.modules, sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", AT_ONCE.values(), ids=AT_ONCE)
def test_what_answers_at_once_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", COUNTS, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stderr.splitlines())
    assert "runners.cli.entry" in loaded
    assert not loaded & {*HEAVY, "pydantic.main", "importlib.metadata"}
    if arguments == ["--help"]:
        assert not loaded & {"click", "yaml", "pydantic_core", "pathlib"}
