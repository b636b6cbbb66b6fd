"""The pages of a run, a family and an experiment are found by what people know of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from convspec.errors import UserError
from runners.tracking import ui, view
from runners.tracking.pages import pages_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

BASE = "http://127.0.0.1:5000"


@pytest.fixture
def family(client: MlflowClient, home: Path) -> tuple[str, str, list[str]]:
    """The experiment and the run of a comparison by a figure of which less is better, and the runs below it, the best last."""
    experiment = client.create_experiment("seen", artifact_location=(home / "mlruns").as_uri())
    tags = {"convspec.kind": "comparison", "convspec.metric": "error/test", "convspec.better": "lower"}
    parent = client.create_run(experiment, run_name="seen comparison", tags=tags).info.run_id
    below = []
    for error in (0.3, 0.2, 0.1):
        below.append(client.create_run(experiment, tags={"mlflow.parentRunId": parent}).info.run_id)
        client.log_metric(below[-1], "error/test", error)
    client.log_text(parent, "", "pictures/pareto.png")
    client.log_text(parent, "", "pictures/intervals.png")
    return experiment, parent, below


def test_a_family_has_a_page_charts_a_table_a_comparison_of_the_best_and_pictures(
    client: MlflowClient, family: tuple[str, str, list[str]]
) -> None:
    experiment, parent, below = family
    client.set_experiment_tag(experiment, view.TAG + view.key_of(parent), "{}")
    pages = pages_of(client, BASE, parent[:10])
    assert list(pages.links) == ["run", "charts", "runs", "compare", "pictures"]
    assert pages.links["run"] == ui.run_link(BASE, experiment, parent)
    assert pages.links["charts"].endswith(f"compareRunsMode=CHART&viewStateShareKey=convspec-{parent}")
    assert pages.links["runs"].endswith(f"compareRunsMode=TABLE&viewStateShareKey=convspec-{parent}")
    best, middle, worst = reversed(below)
    assert f'["{best}", "{middle}", "{worst}"]' in unquote(pages.links["compare"])
    assert "/artifacts/pictures/intervals.png?" in pages.links["pictures"]


def test_a_family_without_a_view_has_its_runs_in_the_order_of_its_metric(
    client: MlflowClient, family: tuple[str, str, list[str]]
) -> None:
    links = pages_of(client, BASE, family[1]).links
    table = ui.runs_link(BASE, family[0], family[1], best_first="error/test", rises=False)
    assert (links["runs"], links["charts"]) == (table, table.replace("compareRunsMode=TABLE", "compareRunsMode=CHART"))


def test_a_run_leads_to_the_family_that_it_belongs_to(client: MlflowClient, family: tuple[str, str, list[str]]) -> None:
    experiment, parent, below = family
    links = pages_of(client, BASE, below[0]).links
    assert links["family"] == ui.run_link(BASE, experiment, parent)
    assert "/model-metrics?" in links["curves"]


def test_an_experiment_leads_to_the_charts_of_its_families(
    client: MlflowClient, family: tuple[str, str, list[str]]
) -> None:
    experiment, parent, _ = family
    links = pages_of(client, "https://ada:secret@mlflow.example/", "seen").links
    assert links["runs"] == "https://mlflow.example/#/experiments/1/runs?workflowType=machine_learning"
    assert links[f"comparison {parent[:8]}"] == ui.view_link("https://mlflow.example", experiment, parent)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seem", "There is no run and no experiment seem in the store. Did you mean seen?"),
        (
            "nothing like it",
            "There is no run and no experiment nothing like it in the store. `convspec list` shows the runs",
        ),
        ("", "There is no run and no experiment  in the store."),
        ("00000000", "There is no run 00000000 in the store."),
    ],
    ids=["near", "far", "empty", "a run"],
)
def test_what_is_not_there_is_one_message(
    client: MlflowClient, family: tuple[str, str, list[str]], text: str, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        pages_of(client, BASE, text)
    assert str(caught.value).startswith(message)


def test_where_no_server_answers_nothing_is_served(client: MlflowClient, family: tuple[str, str, list[str]]) -> None:
    assert not pages_of(client, BASE, "seen").are_served("http://127.0.0.1:1")
