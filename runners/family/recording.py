"""What the run of a whole family says of itself: the file, what it is, and at the end the table and pictures."""

from __future__ import annotations

import getpass
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convspec.loading import Several
from convspec.searching import Searching
from runners import environment
from runners.recording import PICTURES
from runners.tracking.spool import Spool

if TYPE_CHECKING:
    from runners.compare.report import Report
    from runners.search.report import Report as SearchReport


class Recording:
    """Writes into the spool of a family's own run."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool

    def announce(
        self,
        several: Several | Searching,
        *,
        kind: str,
        settings: Sequence[str],
        digest: str,
        params: Mapping[str, str],
    ) -> None:
        """Says what the family is."""
        tags = {
            "mlflow.source.name": several.file,
            "mlflow.source.type": "LOCAL",
            "mlflow.user": getpass.getuser(),
            "convspec.kind": kind,
            "convspec.family": digest,
            "convspec.environment": json.dumps(environment.describe()),
        }
        commit = environment.commit(Path.cwd())
        tags |= {"mlflow.source.git.commit": commit} if commit else {}
        name = f"{several.experiment} {kind}"
        self.spool.start(several.experiment, name=name, description=several.description, params=params, tags=tags)
        self.keep(f"{kind}.yaml", several.text)
        if settings:
            self.keep("settings.txt", " ".join(shlex.join(["--set", setting]) for setting in settings) + "\n")

    def finish(self, report: Report) -> None:
        """What a comparison found: the table for people and programs, and pictures."""
        from runners.pictures import comparison

        self.keep("comparison.md", report.markdown())
        self.keep("comparison.json", json.dumps(report.plain(), indent=1))
        folder = self.spool.staging / PICTURES
        folder.mkdir(exist_ok=True)
        for draw in (comparison.intervals, comparison.pareto):
            self.spool.artifact(draw(report, folder / f"{draw.__name__}.png"), PICTURES)

    def finish_search(self, report: SearchReport) -> None:
        """What a search found: the table for people and programs, and pictures."""
        from runners.pictures import search

        self.keep("search.md", report.markdown())
        self.keep("search.json", json.dumps(report.plain(), indent=1))
        folder = self.spool.staging / PICTURES
        folder.mkdir(exist_ok=True)
        metric, rises = report.objectives[0]
        points = report.points()
        self.spool.artifact(search.course(points, metric, folder / "trials.png", rises=rises), PICTURES)
        self.spool.artifact(search.knobs(points, metric, report.scales, folder / "knobs.png"), PICTURES)

    def keep(self, name: str, text: str, *, folder: str = "") -> None:
        """A file of the run."""
        path = self.spool.staging / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.spool.artifact(path, folder)
