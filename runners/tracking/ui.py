"""MLflow's user interface on a store: the server's command, and links that open on the right page."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

from runners.tracking import database, view
from runners.tracking.store import SETTINGS

_TRAINING: Mapping[str, str] = {"workflowType": "machine_learning"}
"""Without it a browser that is new to MLflow shows the part of its pages that is about language models."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((host, port))
            return True
    return False


def ui_command(uri: str, host: str = "127.0.0.1", port: int = 5000) -> tuple[list[str], dict[str, str]]:
    """The command and environment of a server for the store at `uri`: one worker, no job runner, half a gigabyte.

    More workers are slower for one person. The address goes through the environment, as it may hold a password.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", host, "--port", str(port)]
    scripts = str(Path(sys.executable).parent)  # MLflow starts its web server by name
    environment = {
        **os.environ,
        **SETTINGS,
        "PYTHONSAFEPATH": "1",  # no module of the folder in which it is started is taken for one of MLflow's
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    if uri.startswith("sqlite:"):
        environment["MLFLOW_DEFAULT_ARTIFACT_ROOT"] = (database.path_of(uri).parent / "mlruns").as_uri()
    return command, environment


def run_link(base: str, experiment_id: str, run_id: str, *, page: str = "") -> str:
    """The page of one run, or one of the pages below it, such as `model-metrics` or `artifacts/FILE`."""
    below = f"/{quote(page)}" if page else ""
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}{below}?{urlencode(_TRAINING)}"


def experiment_link(base: str, experiment_id: str) -> str:
    """The runs of an experiment as a table, in the part of the UI that is for training."""
    return _runs(base, experiment_id, {})


def runs_link(base: str, experiment_id: str, parent_id: str, *, best_first: str = "", rises: bool = True) -> str:
    """The runs below a run as a table, in the order of the metric `best_first`, the largest first where it `rises`."""
    asked = {"searchFilter": f"tags.`mlflow.parentRunId` = '{parent_id}'", "compareRunsMode": "TABLE"}
    if best_first:
        asked |= {"orderByKey": f"metrics.`{best_first}`", "orderByAsc": str(not rises).lower()}
    return _runs(base, experiment_id, asked)


def view_link(base: str, experiment_id: str, parent_id: str, *, mode: str = "CHART") -> str:
    """The runs below a run as its view shows them; anything else in the link would take the place of what that says."""
    return _runs(base, experiment_id, {"compareRunsMode": mode, "viewStateShareKey": view.key_of(parent_id)})


def compare_link(base: str, experiment_ids: Sequence[str], run_ids: Sequence[str]) -> str:
    """Several runs side by side."""
    runs, experiments = (quote(json.dumps(list(ids))) for ids in (run_ids, experiment_ids))
    return f"{base.rstrip('/')}/#/compare-runs?runs={runs}&experiments={experiments}&{urlencode(_TRAINING)}"


def _runs(base: str, experiment_id: str, asked: Mapping[str, str]) -> str:
    query = urlencode({**_TRAINING, **asked}, quote_via=quote, safe="{}")  # the marks of `notes` stay as they are
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"
