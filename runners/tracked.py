"""One tracked run, from a checked pipeline to a result in the store."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from convspec.errors import INTERRUPTED, RUN_FAILED, UserError, out_of_memory
from convspec.loading import Loaded
from convspec.values import shown
from runners import files
from runners.atomic import WritingError
from runners.interruption import Interruption
from runners.place import LostProcessError
from runners.processes import Processes, processes
from runners.recording import COMPILED, DATA, ENGINE, Recording, figures_of_training
from runners.result import Result
from runners.tracking.events import owner_of
from runners.tracking.process import Drainer, start_drainer
from runners.tracking.reading import reader
from runners.tracking.record import folder_of
from runners.tracking.spool import Spool
from runners.tracking.store import exists

if TYPE_CHECKING:
    from runners.data import Dataset
    from runners.experiment import Evaluation, Experiment, Observer
    from runners.training.checkpoint import Checkpoint


class InterruptedRunError(UserError):
    """Somebody asked the run to stop; it is saved."""

    def __init__(self, run_id: str, resume: str, epoch: int) -> None:
        place = f"after epoch {epoch}" if epoch else "in its first epoch"
        hint = f"Go on with: {resume}" if run_id else "`convspec list` shows the run once the store can be reached."
        super().__init__(f"Interrupted {place}; everything so far is saved.", hint=hint, exit_code=INTERRUPTED)
        self.run_id = run_id


@dataclass(frozen=True)
class Request:
    """What is asked for besides the pipeline: where to keep things, threads, device, whether steps are compiled, and which run
    to go on with.

    `settings` are those that the pipeline was loaded with, `options` what else the command that resumes it must repeat.
    """

    home: Path
    tracking_uri: str
    threads: int = 1
    resume: str | None = None
    settings: tuple[str, ...] = ()
    device: str = "auto"
    compiled: bool = False
    options: tuple[str, ...] = ()


def run(
    loaded: Loaded, request: Request, observers: list[Observer], *, show: Callable[[Result], None] = lambda _: None
) -> Result:
    """Trains, evaluates and records a pipeline. `show` is given the result before it is waited for that it is recorded whole.

    Raises UserError, with the run recorded as FAILED where it had begun.
    """
    started = time.perf_counter()
    spool = _open_spool(loaded, request)
    drainer = start_drainer(spool, request.tracking_uri)
    try:
        return _Run(loaded, request, spool, drainer, started, show).go(observers)
    finally:
        drainer.close()


def _open_spool(loaded: Loaded, request: Request) -> Spool:
    if request.resume is None:
        return Spool.create(request.home, f"{loaded.pipeline.experiment}-{time.strftime('%Y%m%d-%H%M%S')}")
    folder = folder_of(request.home, request.resume)
    if folder is None:
        hint = "Only a run that was interrupted in this folder can be resumed; `convspec list` shows the runs."
        raise UserError(_why_not(request.resume, request), hint=hint)
    owner = owner_of(folder)
    if owner is not None and not owner.is_gone():
        raise UserError(
            f"Run {request.resume} is still running, in process {owner.pid} on {owner.host}.",
            hint="Wait for it to end, or stop it with Ctrl-C first.",
        )
    _check_unchanged(loaded, folder / "artifacts" / files.PIPELINE_FILE, request.resume)
    return Spool.reopen(folder)


def _why_not(run_id: str, request: Request) -> str:
    """Why there is nothing that a run could go on from, as far as a local store knows it at once."""
    uri = request.tracking_uri
    if uri.startswith("sqlite:"):
        with reader(uri, request.home) if exists(uri) else nullcontext() as runs:
            found = runs.select("run", run_id) if runs and run_id.isalnum() else []
        if not found:
            return f"There is no run {run_id} here."
        if len(found) == 1 and found[0].status == "FINISHED":
            return f"Run {run_id} is finished."
    return f"Run {run_id} has nothing to go on from in {request.home / '.convspec'}."


def _check_unchanged(loaded: Loaded, stored: Path, run_id: str) -> None:
    """A run goes on only with the pipeline that it began with."""
    if not stored.is_file():
        return
    before, now = (files.flattened(files.normalised(one)) for one in (files.read_pipeline(stored), loaded))
    changed = [
        f"{path} {before.get(path, shown(None))} then, {now.get(path, shown(None))} now"
        for path in sorted(before.keys() | now.keys())
        if before.get(path) != now.get(path)
    ]
    if changed:
        raise UserError(
            f"{loaded.file} has changed since run {run_id} began: {'; '.join(changed[:5])}.",
            hint="Change it back to go on (with the same --set), or leave out --resume to begin a new run.",
        )


class _Run:
    """The stages of one run."""

    def __init__(
        self,
        loaded: Loaded,
        request: Request,
        spool: Spool,
        drainer: Drainer,
        started: float,
        show: Callable[[Result], None],
    ) -> None:
        self.loaded, self.request, self.spool, self.drainer, self.started = loaded, request, spool, drainer, started
        self.show = show

    def go(self, observers: list[Observer]) -> Result:
        try:
            saved = self._saved()
        except UserError:
            self.spool.discard()
            raise
        compiled = self.request.compiled or bool(saved and saved.figures.get(COMPILED))
        threads, device = self.request.threads, self.request.device
        with processes(self.loaded, threads=threads, device=device, compiled=compiled) as together:
            return self._go(saved, observers, together, compiled=compiled)

    def _go(
        self, saved: Checkpoint | None, observers: list[Observer], together: Processes, *, compiled: bool
    ) -> Result:
        from runners.experiment import Experiment

        try:
            experiment = Experiment.prepare(
                self.loaded,
                threads=self.request.threads,
                begun=None if saved is None else saved.figures.get(ENGINE),
                device=self.request.device,
                compiled=compiled,
                processes=together,
            )
            checkpoint = None if saved is None else self._checked(saved, experiment.dataset)
            together.wait_until_ready()
        except UserError:
            self.spool.discard()
            raise
        recording = Recording(self.spool, self.loaded, experiment.dataset, experiment.engine)
        recording.announce(threads=self.request.threads, keep_files=self.request.resume is None)
        try:
            return self._train(experiment, checkpoint, recording, observers)
        except MemoryError as error:
            self.spool.end("FAILED", reason=f"out of memory: {error}")
            self.drainer.wait()
            raise out_of_memory(error) from None
        except WritingError as error:
            # its end cannot be written either: the delivery ends the run, which can be gone on with
            raise self._unwritable(error, experiment) from None
        except LostProcessError as error:
            raise self._lost(error, experiment, recording) from None
        except UserError as error:
            if not isinstance(error, InterruptedRunError):
                self.spool.end("FAILED", reason=str(error))
                self.drainer.wait()
            raise

    def _train(
        self, experiment: Experiment, checkpoint: Checkpoint | None, recording: Recording, observers: list[Observer]
    ) -> Result:
        from runners.training.loop import Stopped

        with Interruption() as interruption:
            try:
                weights = experiment.train([recording, *observers], stop=interruption, checkpoint=checkpoint)
            except Stopped:
                self._interrupted(experiment, recording)
            evaluation = experiment.evaluate(weights)
            content = files.weights_bytes(weights)
            recording.finish(experiment.trainer, evaluation, content, seconds=experiment.seconds)
        return self._result(experiment, evaluation, content)

    def _saved(self) -> Checkpoint | None:
        from runners.training.checkpoint import read_checkpoint

        if self.request.resume is None or not self.spool.checkpoint.is_file():
            return None
        return read_checkpoint(self.spool.checkpoint)

    def _checked(self, checkpoint: Checkpoint, dataset: Dataset) -> Checkpoint:
        """The state of training alone; it goes on only with the data that it began with."""
        if checkpoint.figures.get(DATA) != dataset.checksum:
            raise UserError(
                f"The data have changed since run {self.request.resume} began.",
                hint="Put the files back to go on, or leave out --resume to begin a new run.",
            )
        return figures_of_training(checkpoint)

    def _interrupted(self, experiment: Experiment, recording: Recording) -> None:
        assert experiment.trainer is not None
        recording.save(experiment.trainer.checkpoint())
        self.spool.end("KILLED", reason="interrupted")
        run_id = self.drainer.wait().run_id
        raise InterruptedRunError(run_id, self._resuming(experiment, run_id), experiment.trainer.progress.epoch)

    def _lost(self, error: LostProcessError, experiment: Experiment, recording: Recording) -> UserError:
        """The run has failed, but can go on from the last step that was taken."""
        if experiment.trainer is None:
            self.spool.end("FAILED", reason=str(error))
            self.drainer.wait()
            return error
        recording.save(experiment.trainer.checkpoint())
        self.spool.end("FAILED", reason=str(error))
        run_id = self.drainer.wait().run_id
        message = f"{error} Everything up to then is saved."
        return UserError(message, hint=f"Go on with: {self._resuming(experiment, run_id)}", exit_code=RUN_FAILED)

    def _unwritable(self, error: WritingError, experiment: Experiment) -> UserError:
        run_id = self.drainer.run_id()
        if run_id is None or not self.spool.checkpoint.is_file():
            return error
        hint = f"Make room there, and go on with: {self._resuming(experiment, run_id)}"
        return UserError(error.message, hint=hint, exit_code=error.exit_code)

    def _resuming(self, experiment: Experiment, run_id: str) -> str:
        """The command that goes on with the run."""
        return shlex.join(["convspec", "run", self.loaded.file, *self._options(experiment), "--resume", run_id])

    def _options(self, experiment: Experiment) -> list[str]:
        """What the command that goes on with the run has to repeat."""
        options = [word for setting in self.request.settings for word in ("--set", setting)]
        options += self.request.options
        if self.request.device != "auto":
            options += ["--device", self.request.device]
        if experiment.engine.compiled:
            options += ["--compile"]
        if experiment.engine.name != "numpy":
            options += ["--threads", str(self.request.threads)]
        return options

    def _result(self, experiment: Experiment, evaluation: Evaluation, content: bytes) -> Result:
        trainer = experiment.trainer
        metrics = dict(evaluation.metrics)
        if trainer is not None:
            metrics |= trainer.kept.metrics() | {"time/training_seconds": experiment.seconds}
        result = Result(
            run_id="",
            experiment_id="",
            metrics=metrics,
            weights_sha256=files.digest(content),
            seconds=time.perf_counter() - self.started,
            epochs=trainer.progress.epoch if trainer else 0,
            best_epoch=trainer.progress.best_epoch if trainer else 0,
            findings=evaluation.findings,
            note="",
            engine=experiment.engine.name,
            device=experiment.engine.device_name,
            engine_reason=experiment.engine.reason,
        )
        self.show(result)
        outcome = self.drainer.wait()
        return replace(
            result,
            run_id=outcome.run_id,
            experiment_id=outcome.experiment_id,
            seconds=time.perf_counter() - self.started,
            note="" if outcome.sent else outcome.message,
        )
