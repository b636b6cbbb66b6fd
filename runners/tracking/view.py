"""A view of the runs below a run in MLflow's pages: the charts that compare them at a glance, named in the list of views.

It is a tag of the experiment in the form in which MLflow 3.17 keeps the views that people save themselves. That form is not
documented: where another version reads it differently, its own charts are shown.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runners.tracking import limits

TAG = "mlflow.sharedViewState."
LENGTH = 20_000
"""Characters that MLflow allows in a tag of an experiment."""

_Chart = dict[str, Any]
_COSTS = ("size/parameters", "time/training_seconds")
_OTHERS = ("accuracy", "cost", "error", "r2", "schedule", "size", "time")
"""Sections into which MLflow puts the charts that are not among ours: by what stands before the slash in a metric."""
_UNKNOWN = {"accuracy": ("error", "r2"), "error": ("accuracy",), "r2": ("accuracy",)}
"""Figures that are never there where another one is."""


@dataclass(frozen=True)
class View:
    """What is to be seen: `metric` of all runs, where more is better if it `rises`; averaged by the tag `group` if one is given;
    against each of the parameters `knobs`."""

    name: str
    metric: str
    rises: bool
    group: str = ""
    knobs: tuple[str, ...] = ()

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> View:
        return cls(**{**plain, "knobs": tuple(plain["knobs"])})


def key_of(run_id: str) -> str:
    """The key of the view of a run's children, as links hold it."""
    return f"convspec-{run_id}"


def tag_of(view: View, run_id: str, time_ms: int) -> tuple[str, str]:
    """The experiment's tag that holds the view of the children of a run; without knobs where those are too many."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(time_ms / 1000))
    envelope = {"name": f"{view.name} {when}", "createdAt": time_ms, "updatedAt": time_ms}
    for knobs in (view.knobs, ()):
        value = json.dumps(envelope | {"state": _compressed(_state(view, knobs, run_id))})
        if len(value) <= LENGTH:
            break
    return TAG + key_of(run_id), value


def _compressed(state: Mapping[str, Any]) -> str:
    text = json.dumps(state, separators=(",", ":"))
    return "deflate;" + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _state(view: View, knobs: tuple[str, ...], run_id: str) -> dict[str, Any]:
    sections, figure = _sections(view, knobs), view.metric.partition("/")[0]
    return {
        "searchFilter": f"tags.`mlflow.parentRunId` = '{run_id}'",
        "orderByKey": f"metrics.`{view.metric}`",
        "orderByAsc": not view.rises,
        "startTime": "ALL",
        "lifecycleFilter": "Active",  # as the page writes it; ACTIVE shows deleted runs
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": _columns(view, knobs),
        "compareRunCharts": [chart for name, charts in sections.items() for chart in _placed(name, charts)],
        "compareRunSections": [
            *(_section(name, is_open=True, columns=min(3, len(charts))) for name, charts in sections.items()),
            *(_section(name, is_open=False, columns=3) for name in _OTHERS if name not in _UNKNOWN.get(figure, ())),
        ],
        "isAccordionReordered": True,  # or sections are put into the order of the alphabet
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
        "useGroupedValuesInCharts": True,
        "groupBy": _grouping(view.group) if view.group else None,
    }


def _sections(view: View, knobs: tuple[str, ...]) -> dict[str, list[_Chart]]:
    """The charts by the names of their sections, the most telling first."""
    bar: list[_Chart] = [] if view.knobs else [{"type": "BAR", "metricKey": view.metric}]
    glance = {"At a glance": [*bar, *(_against(cost, view.metric) for cost in _COSTS if cost != view.metric)]}
    return ({"Knobs": [_parallel(view, knobs)]} if knobs else {}) | glance | {"Training curves": _curves(view)}


def _grouping(tag: str) -> dict[str, Any]:
    return {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": tag}]}


def _columns(view: View, knobs: tuple[str, ...]) -> list[str]:
    metrics = dict.fromkeys((view.metric, "cost/test", *_COSTS))
    tags = (view.group, "convspec.seed") if view.group else ()
    return [
        *(f"tags.`{tag}`" for tag in tags),
        *(f"params.`{limits.key(knob)}`" for knob in knobs),
        *(f"metrics.`{metric}`" for metric in metrics),
    ]


def _section(name: str, *, is_open: bool, columns: int) -> dict[str, Any]:
    known = {"uuid": name, "name": name, "display": is_open, "columns": columns}
    return {**known, "isReordered": is_open, "deleted": False, "isGenerated": True}


def _parallel(view: View, knobs: tuple[str, ...]) -> _Chart:
    parameters = [limits.key(knob) for knob in knobs]
    return {"type": "PARALLEL", "selectedParams": parameters, "selectedMetrics": [view.metric], "showAllRuns": True}


def _against(cost: str, metric: str) -> _Chart:
    axes = {"xaxis": {"key": cost, "type": "METRIC"}, "yaxis": {"key": metric, "type": "METRIC"}}
    return {"type": "SCATTER", **axes, "runsCountToCompare": 100}


def _curves(view: View) -> list[_Chart]:
    figure = view.metric.partition("/")[0]
    names = dict.fromkeys(("cost",) if figure == "size" else (figure, "cost"))
    metrics = [f"{name}/{part}" for part in ("validation", "training") for name in names]
    return [{"type": "LINE", "metricKey": one, "selectedMetricKeys": [one], **_LINE} for one in metrics]


_LINE: _Chart = {
    "lineSmoothness": 0,
    "xAxisKey": "step",
    "xAxisScaleType": "linear",
    "scaleType": "linear",
    "useGlobalXaxisKey": True,
    "useGlobalLineSmoothing": True,
    "range": {},
}


def _placed(section: str, charts: list[_Chart]) -> list[_Chart]:
    """The charts with what each needs to stand in a section."""
    own = {"metricSectionId": section, "deleted": False, "isGenerated": False}
    return [{"uuid": f"{section} {number}", **own, **chart} for number, chart in enumerate(charts, start=1)]
