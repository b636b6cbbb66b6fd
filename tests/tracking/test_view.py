"""The charts of a family are kept as MLflow's pages keep the views of people. `tests/family/test_browser.py` looks at them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from runners.tracking import record, view
from runners.tracking.spool import Spool
from runners.tracking.view import View

if TYPE_CHECKING:
    from mlflow import MlflowClient

COMPARISON = View("digits comparison", "accuracy/test", True, group="convspec.architecture")
SEARCH = View("digits search", "cost/validation", False, knobs=("network.edges.features", "network[0].size"))


def state_of(value: str) -> Any:
    """What a page unpacks from a tag."""
    kind, packed = json.loads(value)["state"].split(";")
    assert kind == "deflate"
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_a_view_is_named_and_dated() -> None:
    key, value = view.tag_of(COMPARISON, "abc", 1_700_000_000_000)
    assert key == "mlflow.sharedViewState.convspec-abc"
    envelope = json.loads(value)
    assert envelope["name"].startswith("digits comparison 2023-11-1")
    assert (envelope["createdAt"], envelope["updatedAt"]) == (1_700_000_000_000, 1_700_000_000_000)


def test_a_comparison_is_shown_by_architecture() -> None:
    state = state_of(view.tag_of(COMPARISON, "abc", 0)[1])
    assert state["searchFilter"] == "tags.`mlflow.parentRunId` = 'abc'"
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`accuracy/test`", False)
    keys = [{"mode": "tag", "groupByData": "convspec.architecture"}]
    assert state["groupBy"] == {"aggregateFunction": "average", "groupByKeys": keys}
    charts = state["compareRunCharts"]
    assert [chart["type"] for chart in charts] == ["BAR", "SCATTER", "SCATTER", "LINE", "LINE", "LINE", "LINE"]
    assert charts[1]["xaxis"]["key"] == "size/parameters"
    assert [chart["metricKey"] for chart in charts[3:]] == [
        "accuracy/validation", "cost/validation", "accuracy/training", "cost/training",
    ]  # fmt: skip
    assert state["selectedColumns"][:3] == [
        "tags.`convspec.architecture`",
        "tags.`convspec.seed`",
        "metrics.`accuracy/test`",
    ]


def test_a_search_is_shown_by_its_knobs() -> None:
    state = state_of(view.tag_of(SEARCH, "abc", 0)[1])
    assert (state["groupBy"], state["orderByAsc"]) == (None, True)
    first = state["compareRunCharts"][0]
    assert (first["type"], first["metricSectionId"]) == ("PARALLEL", "Knobs")
    assert first["selectedParams"] == ["network.edges.features", "network_0_.size"]
    assert first["selectedMetrics"] == ["cost/validation"]
    assert state["compareRunSections"][0]["columns"] == 1
    lines = [chart["metricKey"] for chart in state["compareRunCharts"] if chart["type"] == "LINE"]
    assert lines == ["cost/validation", "cost/training"]


def test_where_size_is_the_aim_it_is_not_held_against_itself() -> None:
    charts = state_of(view.tag_of(View("small", "size/parameters", False), "abc", 0)[1])["compareRunCharts"]
    assert [chart["xaxis"]["key"] for chart in charts if chart["type"] == "SCATTER"] == ["time/training_seconds"]


def test_every_chart_stands_in_a_section_and_has_a_name_of_its_own() -> None:
    for one in (COMPARISON, SEARCH):
        state = state_of(view.tag_of(one, "abc", 0)[1])
        sections = [section["uuid"] for section in state["compareRunSections"]]
        charts = state["compareRunCharts"]
        assert {chart["metricSectionId"] for chart in charts} <= set(sections)
        assert len({chart["uuid"] for chart in charts}) == len(charts)


def test_a_view_fits_into_a_tag_however_many_knobs_there_are() -> None:
    knobs = tuple(zlib.crc32(str(number).encode()).to_bytes(4, "big").hex() * 20 for number in range(4000))
    value = view.tag_of(View("many", "accuracy/test", True, knobs=knobs), "abc", 0)[1]
    assert len(value) <= 20_000
    assert state_of(value)["compareRunCharts"][0]["type"] == "SCATTER"


def test_a_spool_delivers_a_view_a_note_and_data(
    client: MlflowClient, spool: Spool, start: Callable[..., None], deliver: Callable[..., record.Record]
) -> None:
    start(description="as it began")
    spool.view(SEARCH)
    spool.note("run {run_id} of {experiment_id}")
    spool.datasets([{"name": "digits", "digest": "d1", "source": "digits", "source_type": "local", "context": "test",
                     "schema": {}, "profile": {"examples": 3}}])  # fmt: skip
    spool.end("FINISHED")
    known = deliver(spool.folder)
    deliver(spool.folder, offset=0)  # sent twice, it is there once
    run = client.get_run(known.run_id)
    assert run.data.tags["mlflow.note.content"] == f"run {known.run_id} of {known.experiment_id}"
    assert [(each.dataset.name, each.tags[0].value) for each in run.inputs.dataset_inputs] == [("digits", "test")]
    tags = client.get_experiment(known.experiment_id).tags
    assert (
        state_of(tags[f"mlflow.sharedViewState.convspec-{known.run_id}"])["compareRunCharts"][0]["type"] == "PARALLEL"
    )


def test_a_store_that_does_not_allow_views_gets_the_rest(
    client: MlflowClient,
    spool: Spool,
    start: Callable[..., None],
    deliver: Callable[..., record.Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

    def refuse(*arguments: object) -> None:
        raise MlflowException("no", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(client, "set_experiment_tag", refuse)
    start()
    spool.view(COMPARISON)
    spool.end("FINISHED")
    assert client.get_run(deliver(spool.folder).run_id).info.status == "FINISHED"
