"""The two sides of a diff: a file, a shipped pipeline, one architecture of a file, or what a run recorded."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from convspec.loading import Loaded, find, load

_ID = re.compile(r"[0-9a-f]{4,32}")


def side(word: str, tracking_uri: str | None) -> Loaded:
    """The pipeline that a word means: FILE, FILE@ARCHITECTURE, or the id of a run, whose recorded pipeline it is then.

    Raises PipelineError for everything wrong with a file, UserError where there is no such run.
    """
    if _ID.fullmatch(word) and not find(word).is_file():
        return _recorded(word, tracking_uri)
    return load(word)


def _recorded(run_id: str, tracking_uri: str | None) -> Loaded:
    from runners import files
    from runners.tracking.runs import download, find_run, open_store

    store = open_store(tracking_uri, Path.cwd())
    recorded = find_run(store, run_id)
    with TemporaryDirectory() as scratch:
        path = download(store, recorded.run_id, files.PIPELINE_FILE, Path(scratch))
        return files.read_pipeline(path)._replace(file=recorded.run_id)
