"""The runs below a run are delivered each by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE

from runners.tracking import record
from runners.tracking.children import Children
from runners.tracking.spool import Spool

Start = Callable[..., None]
Deliver = Callable[..., record.Record]


@pytest.fixture
def children(client: MlflowClient, spool: Spool, start: Start, deliver: Deliver) -> Children:
    """A delivered parent with two finished runs below it, `a` and `b`, of which nothing is sent."""
    start()
    for key in "ab":
        folder = spool.folder / record.CHILDREN / key
        folder.mkdir(parents=True)
        child = Spool.at(folder)
        child.start("digits", name=key, params={}, tags={})
        child.end("FINISHED")
    return Children(client, spool.folder, deliver(spool.folder))


@pytest.fixture
def refuse(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the store refuse, with an error code, to make the run called `a`."""
    create = client.create_run

    def begin(code: int) -> None:
        def answer(*values: str, run_name: str, **others: object) -> Run:
            if run_name == "a":
                raise MlflowException("no such run, please", code)
            return create(*values, run_name=run_name, **others)

        monkeypatch.setattr(client, "create_run", answer)

    return begin


def test_a_run_that_the_store_refuses_keeps_none_of_the_others_from_it(
    children: Children, spool: Spool, refuse: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(INVALID_PARAMETER_VALUE)
    children.send()
    refused, taken = (record.load(folder) for folder in record.below(spool.folder))
    assert refused is not None
    assert taken is not None
    assert (refused.run_id, refused.message) == ("", "The store refuses the run: no such run, please")
    assert (taken.status, taken.message) == ("FINISHED", "")
    assert record.refusal(spool.folder) == "a: The store refuses the run: no such run, please"
    children.kill(orphaned=True)


def test_a_store_that_is_away_for_a_while_refuses_nothing(
    children: Children, spool: Spool, refuse: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(TEMPORARILY_UNAVAILABLE)
    with pytest.raises(MlflowException):
        children.send()
    monkeypatch.undo()
    children.send()
    assert [known.status for folder in record.below(spool.folder) if (known := record.load(folder))] == [
        "FINISHED",
        "FINISHED",
    ]
    assert record.refusal(spool.folder) == ""
