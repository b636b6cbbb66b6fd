"""What a search found, as files that run on their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convspec.designations import explained
from convspec.loading import Loaded
from convspec.pipeline import Pipeline
from runners import files
from runners.atomic import write_whole, writing
from runners.family.recording import Recording

if TYPE_CHECKING:
    from runners.search.course import Course, Trial

BEST_FILE = "best.yaml"


def keep_best(best: Sequence[Trial], course: Course, recording: Recording, *, seed: int) -> None:
    """Writes the best pipeline, and with several objectives every one of the front, with this seed."""
    path = recording.spool.folder / BEST_FILE
    for index, trial in enumerate(best):
        text = _pipeline_of(trial, course, seed=seed)
        if index == 0:
            with writing(path):
                write_whole(path, text.encode())
            recording.keep(BEST_FILE, text)
        if len(best) > 1:
            recording.keep(f"trial-{trial.number}.yaml", text, folder="front")


def _pipeline_of(trial: Trial, course: Course, *, seed: int) -> str:
    assert trial.end is not None and trial.end.values is not None
    search, file = course.searching.search, course.searching.file
    choice, values = trial.candidate.choice, trial.end.values
    figures = [f"{value:,.0f}" if value.is_integer() else f"{value:g}" for value in values]
    reached = [f"{one.metric} {figure}" for one, figure in zip(search.objectives, figures, strict=True)]
    lines = [
        f"# Trial {trial.number} of {len(course.trials)} of the search in {file}: {', '.join(reached)}.",
        *(f"#   {one.path}: {explained(one, choice[one.path])}" for one in search.turned if one.path in choice),
    ]
    return "\n".join([*lines, files.pipeline_text(with_seed(trial.candidate.loaded, seed))])


def with_seed(loaded: Loaded, seed: int) -> Loaded:
    """The same pipeline with another seed."""
    if loaded.pipeline.seed == seed:
        return loaded
    return loaded._replace(pipeline=Pipeline.of({**loaded.pipeline.plain(), "seed": seed}))
