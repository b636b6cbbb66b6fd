"""What a comparison and a search have in common while they run: their place, their delivery, and the ways in which they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from convspec.errors import INTERRUPTED, RUN_FAILED, UserError
from convspec.loading import Loaded, Several, find
from convspec.searching import Searching
from runners import files
from runners.atomic import WritingError
from runners.family.folder import Family, Finished, Identity
from runners.family.recording import Recording
from runners.family.request import Request
from runners.family.site import Site, open_site
from runners.family.task import Task
from runners.family.workforce import OnEpoch, Workforce
from runners.interruption import Interruption
from runners.tracking.process import Drainer, start_drainer
from runners.tracking.view import View


@dataclass(frozen=True)
class Found:
    """What came of a family in a folder. `report` is what its report's `plain` says, `text` what a terminal shows; `known` where
    it was finished before."""

    run_id: str
    experiment_id: str
    report: dict[str, Any]
    text: str
    folder: Path
    seconds: float
    known: bool = False
    note: str = ""

    @classmethod
    def before(cls, finished: Finished) -> Self:
        """What was found before is found again, without training."""
        recorded = finished.delivered()
        report, text = dict(finished.report["plain"]), finished.report["text"]
        note = "" if recorded.sent else recorded.message
        return cls(recorded.run_id, recorded.experiment_id, report, text, finished.folder, 0.0, known=True, note=note)


def identity(kind: str, several: Several | Searching, settings: Sequence[str], parts: Sequence[object]) -> Identity:
    """What a family is recognised by, where `parts` are all that decides about its outcome."""
    place, digest = str(find(several.file).resolve()), files.digest(repr(parts).encode())
    return Identity(kind, several.experiment, place, several.text, tuple(settings), digest)


class Running:
    """A family that this process runs, with its delivery and the place where it is trained."""

    def __init__(
        self,
        several: Several | Searching,
        request: Request,
        family: Family,
        site: Site,
        drainer: Drainer,
        started: float,
    ) -> None:
        self.several, self.request, self.family, self.site = several, request, family, site
        self.drainer, self.started = drainer, started
        self.recording = Recording(family.spool)

    def announce(
        self, view: View, *, params: Mapping[str, str], tags: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Says in the family's own run what it is, and how its runs are shown."""
        known, settings = self.family.identity, self.request.settings
        self.recording.announce(
            self.several, kind=known.kind, settings=settings, digest=known.digest, view=view, params=params, tags=tags
        )

    @contextmanager
    def workforce(self, on_epoch: OnEpoch = lambda *_: True) -> Iterator[Workforce]:
        """The workers, which Ctrl-C stops. An error that ends them all is the reason for which the family's run failed."""
        site = self.site
        try:
            with (
                Interruption() as stop,
                Workforce(
                    self.family.folder, workers=site.workers, start=site.start, on_epoch=on_epoch, stop=stop
                ) as workforce,
            ):
                yield workforce
        except WritingError:
            raise
        except UserError as error:
            self._end("FAILED", str(error))
            raise

    def task(
        self,
        key: str,
        loaded: Loaded,
        *,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, str] = MappingProxyType({}),
        asks: bool = False,
    ) -> Task:
        """One training of the family."""
        return Task(
            key,
            self.several.experiment,
            files.pipeline_text(loaded),
            self.several.file,
            name,
            tags={**tags, "convspec.family": self.family.identity.digest},
            params=dict(params),
            threads=self.request.threads,
            device=self.request.device,
            asks=asks,
        )

    def finish(self, report: Mapping[str, Any], text: str, *, show: Callable[[str], None]) -> Found:
        """Keeps what was found; `show` is given the text before it is waited for that it is recorded whole."""
        self.family.finish({"plain": report, "text": text})
        self.family.spool.end("FINISHED")
        show(text)
        recorded = self.drainer.wait()
        note = "" if recorded.sent else recorded.message
        seconds, folder = time.perf_counter() - self.started, self.family.folder
        return Found(recorded.run_id, recorded.experiment_id, dict(report), text, folder, seconds, note=note)

    def interrupted(self, done: str) -> UserError:
        """What is told where somebody interrupted when so much was done."""
        self._end("KILLED", "interrupted")
        return UserError(
            f"Interrupted with {done} done; everything so far is saved.",
            hint="Go on with the same command.",
            exit_code=INTERRUPTED,
        )

    def fruitless(self, error: UserError, reasons: Iterable[str], hint: str) -> UserError:
        """What is told where nothing came of any training, for such reasons as are given."""
        self._end("FAILED", str(error))
        return UserError(error.message, hint=" ".join([*list(reasons)[:3], hint]), exit_code=RUN_FAILED)

    def _end(self, status: Literal["FAILED", "KILLED"], reason: str) -> None:
        self.family.spool.end(status, reason=reason)
        self.drainer.wait()


@contextmanager
def opened(several: Several | Searching, known: Identity, request: Request) -> Iterator[Running | Finished]:
    """The family that is recognised by this, begun or gone on with, or what came of it where it is finished.

    Raises UserError where it cannot be run here; where nothing more can be written, whatever is under way is saved before.
    """
    started = time.perf_counter()
    family = Family.open(request.home, known, again=request.again)
    if isinstance(family, Finished):
        yield family
        return
    with open_site(request, family) as site:
        drainer = start_drainer(family.spool, request.tracking_uri)
        try:
            yield Running(several, request, family, site, drainer, started)
        except WritingError as error:
            # its end cannot be written either: the delivery, which nobody waits for, ends its run as one that was killed
            hint = "Make room there, and go on with the same command; nothing is lost that was saved."
            raise UserError(error.message, hint=hint, exit_code=error.exit_code) from None
        finally:
            drainer.close()
