"""Which of MLflow's pages show a run, a family of runs or an experiment."""

from __future__ import annotations

import difflib
import re
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import URLError

from convspec.errors import UserError
from runners.tracking import runs, ui, view

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

MOST_COMPARED, MOST_FAMILIES = 20, 5
"""Runs side by side on one page, and families of an experiment that are named."""
_PICTURES = "pictures"


@dataclass(frozen=True)
class Pages:
    """Links by what they show. A server has them if its answer to `question`, a path, holds `answer`."""

    links: dict[str, str]
    question: str
    answer: str

    def are_served(self, base: str) -> bool:
        """Whether there is a server at an address which has the same store."""
        try:
            with urllib.request.urlopen(f"{base}/api/2.0/mlflow/{self.question}", timeout=10) as answer:
                return self.answer in answer.read().decode("utf-8", "replace")
        except (URLError, OSError):
            return False


def pages_of(client: MlflowClient, base: str, text: str) -> Pages:
    """The pages of the experiment with this name, or of the run whose id begins so; `base` is the address of the server.

    Raises UserError where there is neither.
    """
    base = re.sub(r"//[^/@]*@", "//", base)  # a name and a password are for requests alone
    experiment = client.get_experiment_by_name(text) if text else None
    if experiment is not None and experiment.lifecycle_stage == "active":
        question, answer = f"experiments/get?experiment_id={experiment.experiment_id}", experiment.artifact_location
        return Pages(_of_experiment(client, base, experiment), question, answer)
    if not re.fullmatch("[0-9a-f]{1,32}", text):
        raise _unknown(client, text)
    run = runs.find_run(client, text)
    links = _of_family(client, base, run) if run.is_family else _of_run(client, base, run)
    return Pages(links, f"runs/get?run_id={run.run_id}", run.run_id)


def _of_run(client: MlflowClient, base: str, run: runs.RecordedRun) -> dict[str, str]:
    place = (base, run.experiment_id, run.run_id)
    links = {
        "run": ui.run_link(*place),
        "curves": ui.run_link(*place, page="model-metrics"),
        **_pictures(client, base, run),
    }
    parent = run.tags.get("mlflow.parentRunId")
    return links | ({"family": ui.run_link(base, run.experiment_id, parent)} if parent else {})


def _of_family(client: MlflowClient, base: str, run: runs.RecordedRun) -> dict[str, str]:
    place = (base, run.experiment_id, run.run_id)
    metric, rises = run.tags.get("convspec.metric", ""), run.tags.get("convspec.better") != "lower"
    table = ui.runs_link(*place, best_first=metric, rises=rises)
    has_view = view.TAG + view.key_of(run.run_id) in client.get_experiment(run.experiment_id).tags
    children = runs.children(client, run, most=MOST_COMPARED, best_first=metric, rises=rises)
    if has_view:
        shown = {"charts": ui.view_link(*place), "runs": ui.view_link(*place, mode="TABLE")}
    else:
        shown = {"charts": table.replace("Mode=TABLE", "Mode=CHART"), "runs": table}
    links = {"run": ui.run_link(*place), **shown}
    if len(children) > 1:
        links["compare"] = ui.compare_link(base, [run.experiment_id], children)
    return links | _pictures(client, base, run)


def _of_experiment(client: MlflowClient, base: str, experiment: Experiment) -> dict[str, str]:
    links = {"runs": ui.experiment_link(base, experiment.experiment_id)}
    for run in runs.families(client, experiment.experiment_id, MOST_FAMILIES):
        links[f"{run.tags['convspec.kind']} {run.run_id[:8]}"] = ui.view_link(
            base, experiment.experiment_id, run.run_id
        )
    return links


def _pictures(client: MlflowClient, base: str, run: runs.RecordedRun) -> dict[str, str]:
    """The first of a run's pictures, from which the page leads to the others."""
    found = sorted(item.path for item in client.list_artifacts(run.run_id, _PICTURES))
    return {"pictures": ui.run_link(base, run.experiment_id, run.run_id, page=f"artifacts/{found[0]}")} if found else {}


def _unknown(client: MlflowClient, text: str) -> UserError:
    names = [str(experiment.name) for experiment in client.search_experiments()]
    near = difflib.get_close_matches(text, names, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`convspec list` shows the runs of the store."
    return UserError(f"There is no run and no experiment {text} in the store.", hint=hint)
