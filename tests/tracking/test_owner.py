"""A dead trainer is told from a living one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from runners.tracking.owner import Owner


def _owner_of(child: subprocess.Popen[bytes]) -> Owner:
    assert child.stdout is not None
    host, boot_id, pid, start = child.stdout.readline().decode().split()
    return Owner(host, boot_id, int(pid), start)


SAY_OWNER = """
import time
from runners.tracking.owner import Owner
owner = Owner.current()
print(owner.host, owner.boot_id, owner.pid, owner.pid_start, flush=True)
time.sleep(60)
"""


def test_this_process_is_there() -> None:
    assert not Owner.current().is_gone()


@pytest.mark.parametrize("reaped", [False, True], ids=["zombie", "reaped"])
def test_a_killed_process_is_gone_before_and_after_its_parent_notices(reaped: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", SAY_OWNER], stdout=subprocess.PIPE) as child:
        owner = _owner_of(child)
        assert not owner.is_gone()
        child.kill()
        if reaped:
            child.wait()
        else:
            assert child.stdout is not None
            child.stdout.read()  # ends when the process has closed its files, just before it is a zombie
            while not owner.is_gone():
                pass
        assert owner.is_gone()


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"pid_start": "1"}, True),
        ({"boot_id": "before-the-restart"}, True),
        ({"host": "another-host", "pid_start": "1"}, False),
    ],
    ids=["number used again", "machine restarted", "another host is not judged"],
)
def test_what_else_says_that_it_is_gone(change: dict[str, str], gone: bool) -> None:
    assert replace(Owner.current(), **change).is_gone() is gone  # type: ignore[arg-type]


def test_tags_name_an_owner_and_others_name_none() -> None:
    assert Owner.from_tags(Owner.current().tags()) == Owner.current()
    assert Owner.from_tags({"mlflow.user": "ada"}) is None
    assert Owner.from_tags({"convspec.host": "here", "convspec.pid": "none"}) is None
