"""A file is written whole or not at all, and what fails says so in one message."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from convspec.errors import RUN_FAILED, UserError
from runners.atomic import write_whole, writing


def test_the_new_content_stands_in_place_of_the_old_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"old and longer")
    write_whole(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_content_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"old")

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_cannot_be_written_is_said_with_place_reason_and_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught, writing(tmp_path / "spool"):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    hint = "Make room there, or run from a folder that can be written."
    assert str(caught.value) == f"The run cannot be recorded in {tmp_path / 'spool'}: Read-only file system. {hint}"
    assert caught.value.exit_code == RUN_FAILED
