"""The files of a training as they travel between machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from convspec.errors import UserError
from runners.family import parcel
from runners.family.parcel import Packing, unpack


def fill(folder: Path) -> None:
    (folder / "artifacts").mkdir(parents=True)
    (folder / "model" / "data").mkdir(parents=True)
    for name in ("spool.jsonl", "checkpoint.safetensors", "log", "lock", "artifacts/plan.json", "model/data/weights"):
        (folder / name).write_text(name)
    (folder / ".checkpoint.safetensors.17").write_text("half of a checkpoint")
    (folder / "artifacts" / ".plan.json.17").write_text("half of a plan")


def test_what_is_packed_on_one_machine_is_the_same_on_another(tmp_path: Path) -> None:
    fill(tmp_path / "here")
    packed = Packing(tmp_path / "here").pack()
    assert sorted(packed) == [
        "artifacts/plan.json", "checkpoint.safetensors", "log", "model/data/weights", "spool.jsonl",
    ]  # fmt: skip
    unpack(packed, tmp_path / "there")
    assert Packing(tmp_path / "there").pack() == packed
    assert (tmp_path / "there" / "model" / "data" / "weights").read_text() == "model/data/weights"


def test_only_what_has_changed_travels_again(tmp_path: Path) -> None:
    fill(tmp_path)
    packing = Packing(tmp_path)
    packing.pack()
    assert packing.pack() == {}
    with (tmp_path / "spool.jsonl").open("a") as spool:
        spool.write(" and more")
    assert packing.pack() == {"spool.jsonl": b"spool.jsonl and more"}


def test_the_outcome_is_written_behind_everything_that_belongs_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(parcel, "write_whole", lambda path, _: written.append(path.relative_to(tmp_path).as_posix()))
    names = ("result.json", "checkpoint.safetensors", "spool.jsonl", "artifacts/plan.json", "model/MLmodel", "log")
    unpack(dict.fromkeys(names, b""), tmp_path)
    assert written[-3:] == ["spool.jsonl", "checkpoint.safetensors", "result.json"]
    assert set(written) == set(names)


@pytest.mark.parametrize(
    "name",
    [
        "../result.json",
        "/etc/passwd",
        "artifacts/../../other/result.json",
        "artifacts/../result.json",
        "artifacts//plan.json",
        "./result.json",
        "artifacts",
        "artifacts/.hidden",
        "artifacts/a\nb",
        "lock",
        "run.json",
        "family.json",
        "elsewhere/file",
        "link/file",
        "artifacts/link/file",
        "",
    ],
)
def test_a_file_that_is_none_of_a_training_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "child"
    (folder / "artifacts").mkdir(parents=True)
    for link in (folder / "link", folder / "artifacts" / "link"):
        link.symlink_to(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=r"A node of the cluster sent a file that is none of a training: "):
        unpack({"log": b"said", name: b"content"}, folder)
    assert sorted(tmp_path.rglob("*")) == before
