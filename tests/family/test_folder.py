"""Families that several processes begin at once, or end while another looks."""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from convspec.errors import UserError
from runners.family import folder
from runners.family.folder import FILE, Family, Finished, Identity

IDENTITY = Identity("search", "small", "/small.yaml", "experiment: small", (), "digest")


def test_of_two_starts_at_once_one_runs_the_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest, together = folder._latest, Barrier(2)

    def slow(*given: object) -> object:
        found = latest(*given)  # type: ignore[arg-type]
        time.sleep(0.3)  # as long as both would find nothing, if they looked at once
        return found

    monkeypatch.setattr(folder, "_latest", slow)

    def start() -> Family | Finished | str:
        together.wait()
        try:
            return Family.open(tmp_path, IDENTITY, again=False)
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        found = [one.result() for one in [pool.submit(start), pool.submit(start)]]
    (refused,) = [one for one in found if isinstance(one, str)]
    assert refused.startswith("/small.yaml is running already, in process ")
    assert [isinstance(one, Family) for one in found].count(True) == 1
    assert len(list(tmp_path.glob(f".convspec/*/{FILE}"))) == 1


def finish(family: Family) -> None:
    family.finish({"text": "what came of it"})
    family.spool.start("small", name="small search", params={}, tags={})
    family.spool.end("FINISHED")


def test_a_family_that_ends_while_it_is_looked_for_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Family.open(tmp_path, IDENTITY, again=False)
    assert isinstance(running, Family)
    locked = folder._locked

    def locked_after_the_end(path: Path, identity: Identity) -> int:
        finish(running)
        os.close(running._lock)
        return locked(path, identity)

    monkeypatch.setattr(folder, "_locked", locked_after_the_end)
    found = Family.open(tmp_path, IDENTITY, again=False)
    assert found == Finished(running.folder, {"text": "what came of it"})
    with (running.folder / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it any more


def test_a_family_begun_again_leaves_what_was_before(tmp_path: Path) -> None:
    first = Family.open(tmp_path, IDENTITY, again=False)
    assert isinstance(first, Family)
    os.close(first._lock)
    going_on = Family.open(tmp_path, IDENTITY, again=False)
    assert isinstance(going_on, Family) and going_on.folder == first.folder
    os.close(going_on._lock)
    new = Family.open(tmp_path, IDENTITY, again=True)
    assert isinstance(new, Family) and new.folder != first.folder
    finish(new)
    os.close(new._lock)
    assert Family.open(tmp_path, IDENTITY, again=False) == Finished(new.folder, {"text": "what came of it"})
    third = Family.open(tmp_path, IDENTITY, again=True)
    assert isinstance(third, Family) and third.folder not in (first.folder, new.folder)


def test_a_changed_file_does_not_go_on(tmp_path: Path) -> None:
    first = Family.open(tmp_path, IDENTITY, again=False)
    assert isinstance(first, Family)
    os.close(first._lock)
    changed = Identity("search", "small", "/small.yaml", "experiment: large", (), "another digest")
    with pytest.raises(UserError, match="has changed since its search began"):
        Family.open(tmp_path, changed, again=False)
    assert isinstance(Family.open(tmp_path, IDENTITY, again=False), Family)
