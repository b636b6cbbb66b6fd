"""What the run of a whole family says of itself: the file, what it is, and at the end the table and pictures."""

from __future__ import annotations

import getpass
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from convspec.loading import Several
from convspec.searching import Searching
from runners import environment
from runners.atomic import writing
from runners.recording import PICTURES
from runners.tracking import events, record
from runners.tracking.notes import family_note
from runners.tracking.spool import Spool
from runners.tracking.view import View

if TYPE_CHECKING:
    from runners.compare.report import Report
    from runners.search.report import Report as SearchReport

Draw = Callable[[Path], Path]
"""Draws a picture into a file, and gives that back."""


class Recording:
    """Writes into the spool of a family's own run."""

    def __init__(self, spool: Spool) -> None:
        self.spool, self.description = spool, ""

    def announce(
        self,
        several: Several | Searching,
        *,
        kind: str,
        settings: Sequence[str],
        digest: str,
        view: View,
        params: Mapping[str, str],
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Says what the family is, and how its runs are shown while they are trained and afterwards."""
        self.description = several.description
        own = {
            "mlflow.source.name": several.file,
            "mlflow.source.type": "LOCAL",
            "mlflow.user": getpass.getuser(),
            "convspec.kind": kind,
            "convspec.family": digest,
            "convspec.metric": view.metric,
            "convspec.better": "higher" if view.rises else "lower",
            "convspec.environment": json.dumps(environment.describe()),
            **tags,
        }
        commit = environment.commit(Path.cwd())
        own |= {"mlflow.source.git.commit": commit} if commit else {}
        name = f"{several.experiment} {kind}"
        self.spool.start(several.experiment, name=name, description=several.description, params=params, tags=own)
        self.spool.view(view)
        self.spool.note(family_note(several.description))
        self.keep(f"{kind}.yaml", several.text)
        if settings:
            self.keep("settings.txt", " ".join(shlex.join(["--set", setting]) for setting in settings) + "\n")

    def finish(self, report: Report) -> None:
        """What a comparison found: the table for people and programs, pictures, and figures."""
        from runners.pictures import comparison

        rows = report.comparison.rows
        self.spool.tags({"convspec.best": report.comparison.best})
        means = {f"mean/{report.metric}/{row.name}": row.mean for row in rows}
        self.spool.metrics({f"best/{report.metric}": rows[0].mean, **means}, step=0)
        drawn = {f"{draw.__name__}.png": partial(draw, report) for draw in (comparison.intervals, comparison.pareto)}
        self._present("comparison", report.markdown(), report.plain(), drawn)

    def finish_search(self, report: SearchReport) -> None:
        """What a search found: the table for people and programs, and pictures."""
        from runners.pictures import search

        metric, rises = report.objectives[0]
        points, scales = report.points(), report.scales
        best = ", ".join(f"trial {trial.number}" for trial in report.best)
        self.spool.tags({"convspec.best": best, "convspec.runs": str(len(record.below(self.spool.folder)))})
        drawn = {
            "trials.png": lambda path: search.course(points, metric, path, rises=rises),
            "knobs.png": lambda path: search.knobs(points, metric, scales, path),
        }
        self._present("search", report.markdown(), report.plain(), drawn)

    def _present(self, name: str, markdown: str, plain: Mapping[str, Any], drawn: Mapping[str, Draw]) -> None:
        """What was found: as files, as what the run's page says, and the data that it was found on."""
        self.keep(f"{name}.md", markdown)
        self.keep(f"{name}.json", json.dumps(plain, indent=1))
        folder = self.spool.staging / PICTURES
        with writing(folder):
            folder.mkdir(exist_ok=True)
            pictures = [draw(folder / file) for file, draw in drawn.items()]
        for picture in pictures:
            self.spool.artifact(picture, PICTURES)
        self.spool.datasets(self._datasets())
        first = f"{PICTURES}/{next(iter(drawn))}"  # one: they would push all else out of sight
        self.spool.note(family_note(self.description, markdown, picture=first, file=f"{name}.md"))

    def _datasets(self) -> list[dict[str, Any]]:
        """What the runs below were trained and tested on, each once."""
        found = [each for folder in record.below(self.spool.folder) for each in events.datasets_of(folder)]
        return list({(each["name"], each["digest"], each["context"]): each for each in found}.values())

    def keep(self, name: str, text: str, *, folder: str = "") -> None:
        """A file of the run."""
        path = self.spool.staging / folder / name
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.spool.artifact(path, folder)
