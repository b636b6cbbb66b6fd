"""The pipelines that come with the program."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """Where they are: inside the installed package, or beside it in a checkout."""
    installed = Path(__file__).parent / "pipelines"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "pipelines"


def names() -> tuple[str, ...]:
    """Their names, sorted."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


def find(name: str) -> Path | None:
    """The file of a shipped pipeline, by its name alone."""
    return folder() / f"{name}.yaml" if name in names() else None


def purpose(name: str) -> str:
    """The first line of a shipped pipeline's header comment."""
    with (folder() / f"{name}.yaml").open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").rstrip()
