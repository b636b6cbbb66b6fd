"""The delivery of the runs below a run: those that a comparison or a search consists of."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from convspec.errors import UserError
from runners.tracking import events, record
from runners.tracking.delivery import Delivery
from runners.tracking.store import PERMANENT, first_line

_log = logging.getLogger(__name__)


class Children:
    """Delivers the spools below `folder`, whose own run `parent` is delivered first."""

    def __init__(self, client: MlflowClient, folder: Path, parent: record.Record) -> None:
        self._client, self._folder, self._parent = client, folder, parent
        self._sizes: dict[str, int] = {}  # of spools that were delivered or refused as they were then
        self._refused: set[str] = set()

    def send(self) -> None:
        """Deliver what is new of each of them. Raises MlflowException or OSError where the store does not take it."""
        if not self._parent.run_id:
            return
        for folder in record.below(self._folder):
            size = (folder / events.FILE).stat().st_size
            if self._sizes.get(folder.name) != size and folder.name not in self._refused:
                self._send(folder)
                self._sizes[folder.name] = size

    def kill(self, *, orphaned: bool) -> None:
        """End the runs of trainings that were interrupted."""
        for folder in record.below(self._folder):
            known = record.load(folder)
            if known is not None and known.run_id and not known.has_ended:
                self._unless_refused(folder, known, partial(self._delivery(folder, known).kill, orphaned=orphaned))

    def _send(self, folder: Path) -> None:
        known = record.load(folder) or record.Record(self._parent.tracking_uri)
        known.attempts += folder.name not in self._sizes
        known.message = ""
        delivery = self._delivery(folder, known)
        self._unless_refused(folder, known, lambda: delivery.send(events.read(folder, known.sent)))

    def _unless_refused(self, folder: Path, known: record.Record, action: Callable[[], None]) -> None:
        """What the store never takes of one run keeps none of the others from it."""
        try:
            action()
        except UserError as problem:
            self._refuse(folder, known, str(problem))
        except MlflowException as error:
            if error.error_code not in PERMANENT:
                raise
            self._refuse(folder, known, f"The store refuses the run: {first_line(error)}")

    def _refuse(self, folder: Path, known: record.Record, reason: str) -> None:
        _log.warning("%s is refused: %s", folder.name, reason)
        known.message = reason
        known.save(folder)
        self._refused.add(folder.name)

    def _delivery(self, folder: Path, known: record.Record) -> Delivery:
        return Delivery(self._client, folder, known, {"mlflow.parentRunId": self._parent.run_id})
