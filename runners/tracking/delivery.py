"""How the events of a spool become an MLflow run; sending the same events twice leaves the same run."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.version import VERSION

from convspec.errors import UserError
from runners.tracking import entities, events, flavor, limits, notes, record, store, view
from runners.tracking.events import Event

_KEY_TAG = "convspec.spool"
_MOST_TRIES = 4  # training, validation and test may each meet another run's
_TWICE = re.compile(r"UniqueViolation|UNIQUE constraint failed|Duplicate entry")
_log = logging.getLogger(__name__)


class Delivery:
    """Sends the events of one spool, and notes in its record how far it came. `tags` are given to the run when it is made."""

    def __init__(
        self,
        client: MlflowClient,
        folder: Path,
        known: record.Record,
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._tags = tags
        self._client = client
        self._folder = folder
        self._record = known

    def send(self, spooled: Iterable[tuple[Event, int]]) -> None:
        """Send events in order, figures in batches.

        Raises MlflowException or OSError where the store does not take them, UserError where it never will.
        """
        handlers: Mapping[str, Callable[[Event], None]] = {
            "owner": self._take_over,
            "start": self._start,
            "tags": lambda event: self._set_tags(event["tags"]),
            "datasets": self._keep_datasets,
            "note": self._set_note,
            "view": self._keep_view,
            "artifact": self._keep_artifact,
            "model": self._keep_model,
            "end": self._end,
        }
        figures: list[Metric] = []
        offset = self._record.sent
        for event, behind in spooled:
            if event["event"] == "metrics":
                figures += entities.metrics(event)
            else:
                self._flush(figures, offset)
                handlers[event["event"]](event)
            offset = behind
            if not figures or len(figures) >= limits.METRICS_PER_BATCH:
                self._flush(figures, offset)
        self._flush(figures, offset)

    def kill(self, *, orphaned: bool) -> None:
        """End a run whose trainer is gone without having said how it ended, at the time of its last event."""
        tags = {"convspec.reason": "the process that trained it was killed"}
        self._set_tags(tags | ({"convspec.orphaned": "true"} if orphaned else {}))
        self._terminate("KILLED", end_ms=(self._folder / events.FILE).stat().st_mtime_ns // 1_000_000)

    def _flush(self, figures: list[Metric], offset: int) -> None:
        """Send figures and forget them, and note that all up to `offset` has been sent."""
        for first in range(0, len(figures), limits.METRICS_PER_BATCH):
            self._client.log_batch(self._record.run_id, metrics=figures[first : first + limits.METRICS_PER_BATCH])
        figures.clear()
        if offset != self._record.sent:
            self._record.sent = offset
            self._record.save(self._folder)

    def _take_over(self, event: Event) -> None:
        """A run that is continued runs again, under the process that continues it."""
        if not self._record.run_id:
            return
        run = self._client.get_run(self._record.run_id)
        self._client.update_run(run.info.run_id, status="RUNNING")
        for tag in {"convspec.reason", "convspec.orphaned"} & run.data.tags.keys():
            self._client.delete_tag(run.info.run_id, tag)
        self._set_tags(self._owner_tags())
        self._record.status = "RUNNING"

    def _start(self, event: Event) -> None:
        if not self._record.run_id:
            run = self._run_of(event)
            self._record.run_id = run.info.run_id
            self._record.experiment_id = run.info.experiment_id
            self._record.artifact_uri = run.info.artifact_uri
            self._record.status = "RUNNING"
            self._record.save(self._folder)
        params = [Param(key, value) for key, value in event["params"].items()]
        self._client.log_batch(self._record.run_id, params=params)
        self._keep_datasets(event)

    def _run_of(self, event: Event) -> Run:
        """The run of a start event; an earlier sender may have made it and died before it could note so."""
        experiment_id = self._experiment(event["experiment"])
        if self._record.attempts > 1:
            found = self._client.search_runs([experiment_id], f"tags.`{_KEY_TAG}` = '{event['key']}'")
            if found:
                return found[0]
        note = {notes.TAG: event["description"]} if event["description"] else {}
        tags = event["tags"] | limits.tags(note) | self._owner_tags() | {_KEY_TAG: event["key"], **self._tags}
        return self._client.create_run(experiment_id, start_time=event["time_ms"], run_name=event["name"], tags=tags)

    def _experiment(self, name: str) -> str:
        """The id of an experiment, which is made where it is missing."""
        found = self._client.get_experiment_by_name(name)
        if found is None:
            location = store.artifact_location(self._record.tracking_uri, name)
            tags = {"mlflow.experimentKind": "custom_model_development"}  # without it the UI asks on every visit
            try:
                return str(self._client.create_experiment(name, artifact_location=location, tags=tags))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = self._client.get_experiment_by_name(name)  # another run made it in between
        address = store.redacted(self._record.tracking_uri)
        if found.lifecycle_stage != "active":
            raise UserError(
                f"The experiment {name} is deleted in {address}.",
                hint=f"Restore it with: mlflow experiments restore -x {found.experiment_id}",
            )
        by_server = found.artifact_location.startswith("mlflow-artifacts:")
        if by_server and not self._record.tracking_uri.startswith("http"):
            raise UserError(
                f"The experiment {name} keeps its files with MLflow's server, which {address} is not.",
                hint="Give the server's address with --tracking-uri, or the experiment another name.",
            )
        return str(found.experiment_id)

    def _owner_tags(self) -> dict[str, str]:
        owner = events.owner_of(self._folder)
        return owner.tags() if owner else {}

    def _set_tags(self, tags: Mapping[str, str]) -> None:
        self._client.log_batch(self._record.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def _keep_datasets(self, event: Event) -> None:
        """Two runs that are the first with a data set both try to enter it; the second finds it when it asks again."""
        datasets = [entities.dataset(each) for each in event["datasets"]]
        for left in reversed(range(_MOST_TRIES)):
            try:
                self._client.log_inputs(self._record.run_id, datasets=datasets)
                return
            except MlflowException as error:
                if not left or not _TWICE.search(str(error)):
                    raise

    def _set_note(self, event: Event) -> None:
        """The text on the run's page, with the ids that nobody knew when it was written."""
        known = {notes.RUN: self._record.run_id, notes.EXPERIMENT: self._record.experiment_id}
        self._set_tags(limits.tags({notes.TAG: notes.filled(event["text"], known)}))

    def _keep_view(self, event: Event) -> None:
        shown = view.View.of(event["view"])
        key, value = view.tag_of(shown, self._record.run_id, event["time_ms"])
        try:
            self._client.set_experiment_tag(self._record.experiment_id, key, value)
        except MlflowException as error:
            if error.error_code not in ("PERMISSION_DENIED", "INVALID_PARAMETER_VALUE"):
                raise
            _log.warning("the view of the runs is not kept: %s", store.first_line(error))

    def _keep_artifact(self, event: Event) -> None:
        path, _ = self._inside(event["file"]), self._inside(event["folder"])
        if not path.is_file():
            _log.warning("%s was removed before it could be stored", path)
            return
        self._client.log_artifact(self._record.run_id, str(path), event["folder"] or None)

    def _inside(self, name: str) -> Path:
        """A path that an event names. The spool may come from another machine, and sends no file but its own."""
        path = self._folder / name
        if "\0" in name or not path.resolve().is_relative_to(self._folder.resolve()):
            raise UserError(
                f"{self._folder / events.FILE} names {name!r}, which is outside its folder; that is not sent.",
                hint="Mend that line, or move the folder away to be rid of this message.",
            )
        return path

    def _keep_model(self, event: Event) -> None:
        run_id, folder = self._record.run_id, self._inside(event["folder"])
        model = self._model_named(event["name"])
        flavor.identify(folder, model_id=model.model_id, run_id=run_id, mlflow_version=VERSION)
        self._client.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, "READY")
        outputs = self._client.get_run(run_id).outputs
        if outputs is None or model.model_id not in {output.model_id for output in outputs.model_outputs}:
            self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=event["step"])])
        self._client.log_batch(run_id, metrics=entities.metrics(event, model_id=model.model_id))

    def _model_named(self, name: str) -> LoggedModel:
        """The run's model of that name; an earlier sender may have made it."""
        run_id, experiment_id = self._record.run_id, self._record.experiment_id
        which = f"source_run_id = '{run_id}' AND name = '{name}'"
        if self._record.attempts > 1:
            found = self._client.search_logged_models([experiment_id], filter_string=which)
            if found:
                return found[0]
        return self._client.create_logged_model(experiment_id, name=name, source_run_id=run_id, model_type="convspec")

    def _end(self, event: Event) -> None:
        if event["reason"]:
            self._set_tags({"convspec.reason": event["reason"]})
        self._terminate(event["status"], end_ms=event["time_ms"])

    def _terminate(self, status: str, *, end_ms: int) -> None:
        self._client.set_terminated(self._record.run_id, status, end_time=end_ms)
        self._record.status = status
        self._record.save(self._folder)
