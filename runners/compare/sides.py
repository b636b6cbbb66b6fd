"""The two sides of a diff: a file, a shipped pipeline, one architecture of a file, or what a run recorded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from convspec.errors import PipelineError, Problem, problem_at
from convspec.hints import did_you_mean
from convspec.loading import Loaded, check_tree, find, read_tree
from convspec.nodes import Node

_ID = re.compile(r"[0-9a-f]{4,32}")
_OF_A_FILE = {"network", "architectures", "seeds", "search"}
"""Keys that say which networks a file is about; one of them is left in one architecture."""


def side(word: str, tracking_uri: str | None) -> Loaded:
    """The pipeline that a word means: FILE, FILE@ARCHITECTURE, or the id of a run, whose recorded pipeline it is then.

    Raises PipelineError for everything wrong with a file, UserError where there is no such run.
    """
    file, at, architecture = word.rpartition("@") if "@" in word and not Path(word).exists() else (word, "", "")
    if not at and _ID.fullmatch(word) and not find(word).is_file():
        return _recorded(word, tracking_uri)
    return _of_file(file, architecture, word)


def _of_file(file: str, architecture: str, word: str) -> Loaded:
    tree = read_tree(file)
    several = tree.child("architectures")
    if several is None and not architecture:
        return check_tree(tree, word, folder=find(file).parent)
    names = list(several.value) if several is not None and isinstance(several.value, dict) else []
    if several is None or architecture not in names:
        raise PipelineError([_which(several or tree, file, architecture, names)])
    chosen = several.child(architecture)
    assert chosen is not None
    assert isinstance(tree.value, dict)
    values = {key: value for key, value in tree.value.items() if key not in _OF_A_FILE} | {"network": chosen}
    marks = dict(tree.key_marks) | {"network": several.key_marks.get(architecture, chosen.mark)}
    return check_tree(Node(values, tree.mark, marks), word, folder=find(file).parent)


def _which(place: Node, file: str, architecture: str, names: Sequence[str]) -> Problem:
    """What is said where an architecture is not named, or there is none of that name."""
    if not names:
        message, hint = f"there is one network, so there is no architecture {architecture}.", f"Write {file} alone."
    elif architecture:
        message, hint = f"no architecture is called {architecture}.", did_you_mean(architecture, names)
    else:
        message, hint = (
            "these are several architectures.",
            f"Name one: {' or '.join(f'{file}@{n}' for n in names[:3])}.",
        )
    return problem_at(place.mark, message, hint, path="architectures" if names else "")


def _recorded(run_id: str, tracking_uri: str | None) -> Loaded:
    from runners import files
    from runners.tracking.runs import download, find_run, open_store

    store = open_store(tracking_uri, Path.cwd())
    recorded = find_run(store, run_id)
    with TemporaryDirectory() as scratch:
        path = download(store, recorded.run_id, files.PIPELINE_FILE, Path(scratch))
        return files.read_pipeline(path)._replace(file=recorded.run_id)
