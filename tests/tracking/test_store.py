"""Which store is meant, that a fresh one is made whole, and what is said of one that cannot be used."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from convspec.errors import UserError
from runners.tracking import database, store, template

Python = Callable[..., subprocess.Popen[str]]

OPEN_EIGHT_TIMES_AT_ONCE = """
import os, sys
from runners.tracking import drain
from runners.tracking.store import open_client
drain._lighten()
import mlflow.store.tracking.sqlalchemy_store  # once, rather than in each of the eight
for number in range(8):
    if os.fork() == 0:
        try:
            experiment = open_client(sys.argv[1]).create_experiment(f"experiment-{number}")
            os.write(1, f"{experiment}\\n".encode())
        finally:
            os._exit(0)
for _ in range(8):
    os.wait()
"""
CHECK_AS_NOBODY = """
import os, sys
from convspec.errors import UserError
from runners.tracking.store import check
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)  # nothing is read-only for root
try:
    check(sys.argv[1])
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("option", "variable", "expected"),
    [
        (None, "", "sqlite:////work/mlflow.db"),
        (None, "http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////data/runs.db", "http://127.0.0.1:5000", "sqlite:////data/runs.db"),
        ("postgresql+psycopg2://u:p@db/runs", "", "postgresql+psycopg2://u:p@db/runs"),
    ],
    ids=["default", "variable", "option wins", "database"],
)
def test_the_option_comes_before_the_variable_and_the_default(
    option: str | None, variable: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
    assert store.resolve_uri(option, Path("/work")) == expected


def test_a_relative_file_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert store.resolve_uri("sqlite:///runs.db", Path("/work")) == f"sqlite:///{tmp_path}/runs.db"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("mlruns", "mlruns is a folder; MLflow no longer keeps runs in folders. Write sqlite:///FILE instead."),
        ("file:///x", "file:///x is a folder; MLflow no longer keeps runs in folders. Write sqlite:///FILE instead."),
        ("sqlite://", "sqlite:// names no file. An SQLite store is written sqlite:///FILE."),
        (
            "sqlite:////data/50%/x.db",
            "MLflow reads % and ? in the path of a store, /data/50%/x.db, as something else. ",
        ),
        ("ftp://u:secret@x", "The store ftp://u:***@x is of an unknown kind. Known are sqlite:///FILE, "),
    ],
    ids=["folder", "file", "memory", "per cent", "scheme"],
)
def test_an_address_that_mlflow_keeps_no_runs_at_is_one_message(uri: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        store.resolve_uri(uri, Path("/work"))
    assert str(caught.value).startswith(message)


def test_a_fresh_store_names_no_folder_of_another(home: Path, uri: str) -> None:
    client = store.open_client(uri)
    assert [found.name for found in client.search_experiments()] == ["Default"]
    with closing(sqlite3.connect(home / "mlflow.db")) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("name", ["with space", "grün#1"], ids=["space", "letters"])
def test_a_store_can_lie_in_a_folder_with_an_unusual_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    uri = store.resolve_uri(None, folder)
    client = store.open_client(uri)
    experiment = client.create_experiment("digits", artifact_location=store.artifact_location(uri, "digits"))
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "hello", "hello.txt")
    assert (folder / "mlflow.db").is_file()
    assert (folder / "mlruns" / "digits" / run_id / "artifacts" / "hello.txt").read_text() == "hello"


@pytest.mark.parametrize("damage", ["cut", "not a store", "of another schema"])
def test_a_kept_store_that_does_not_fit_is_not_used(damage: str, cache: Path, uri: str) -> None:
    store.open_client(uri)  # makes sure that one is kept
    (kept,) = (cache / "convspec").iterdir()
    version = kept.name.removeprefix("mlflow-").removesuffix(".db.gz")
    schema = database.Schema(frozenset(), database.contents(database.path_of(uri)).revision)
    whole = kept.read_bytes()
    assert template._kept(version, schema) == gzip.decompress(whole)
    try:
        if damage == "of another schema":
            schema = database.Schema(frozenset(), "ffffffffffff")
        else:
            kept.write_bytes(whole[:5000] if damage == "cut" else gzip.compress(b"not a store"))
        assert template._kept(version, schema) is None
    finally:
        kept.write_bytes(whole)


def test_without_room_for_a_cache_the_store_is_made_all_the_same(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert len(store.open_client(uri).search_experiments()) == 1


def test_eight_processes_that_use_a_fresh_store_first_all_get_it(
    uri: str, home: Path, tmp_path: Path, python: Python, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cold"))
    out, _ = python(OPEN_EIGHT_TIMES_AT_ONCE, uri).communicate()
    assert sorted(out.split()) == [str(number) for number in range(1, 9)]
    with closing(sqlite3.connect(home / "mlflow.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _text(path: Path) -> None:
    path.write_text("these are notes, and not a database\n")


def _torn(path: Path) -> None:
    _foreign(path)
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))  # behind the header


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_text, "{path} is not an SQLite database. Name another store with --tracking-uri, or move this file away."),
        (_torn, "The SQLite database {path} cannot be read: "),
        (_foreign, "{path} is an SQLite database, but no store of MLflow's. Name another store"),
        (Path.mkdir, "{path} is a folder, not an SQLite database."),
    ],
    ids=["text", "damaged", "another program's", "folder"],
)
def test_a_file_that_is_no_store_is_one_message_and_stays_as_it_is(
    spoil: Callable[[Path], None], message: str, uri: str, home: Path
) -> None:
    path = home / "mlflow.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UserError) as caught:
        store.open_client(uri)
    assert str(caught.value).startswith(message.format(path=path))
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_missing_folder_is_one_message(home: Path) -> None:
    with pytest.raises(UserError, match=r"^There is no folder .*/away for the store runs\.db\. Make it first\.$"):
        store.open_client(f"sqlite:///{home / 'away' / 'runs.db'}")


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("17e22815139b", "was made by an older version of MLflow. Copy the file somewhere safe, then run: mlflow db"),
        ("ffffffffffff", "was made by a newer version of MLflow. Install the version that made it, or name another"),
    ],
    ids=["older", "newer"],
)
def test_a_store_of_another_version_is_not_touched(revision: str, message: str, uri: str, home: Path) -> None:
    store.open_client(uri)
    with closing(sqlite3.connect(home / "mlflow.db")) as file:
        file.execute("UPDATE alembic_version SET version_num = ?", [revision])
        file.commit()
    with pytest.raises(UserError) as caught:
        store.open_client(uri)
    assert message in str(caught.value)


def test_the_revisions_are_those_that_alembic_finds() -> None:
    import mlflow
    from alembic.script import ScriptDirectory

    package = Path(mlflow.__file__).parent
    scripts = ScriptDirectory(str(package / "store" / "db_migrations"))
    schema = database.Schema.of(package)
    assert schema.head == scripts.get_current_head()
    assert schema.revisions == {script.revision for script in scripts.walk_revisions()}


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_store_that_may_not_be_written_is_one_message(what: str, tmp_path: Path, python: Python) -> None:
    folder = Path("/tmp") / f"convspec-{tmp_path.parent.name}-{os.getpid()}-{what}"  # others may not enter tmp_path
    folder.mkdir()
    try:
        path = folder / "mlflow.db"
        if what == "file":
            path.touch(mode=0o444)
        folder.chmod(0o777 if what == "file" else 0o555)
        out, error = python(CHECK_AS_NOBODY, f"sqlite:///{path}").communicate()
    finally:
        shutil.rmtree(folder)
    assert error == ""
    hint = "Change its permissions, or name another store with --tracking-uri."
    assert out.strip() == f"The store {path} cannot be written. {hint}"


def test_a_server_that_does_not_answer_is_away() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(database.StoreAwayError, match=rf"^The store http://127\.0\.0\.1:{port} does not answer: "):
        store.open_client(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "is no MLflow server. Look at its address in a browser, or name another store with --tracking-uri."),
        (501, "is no MLflow server. Look at its address in a browser, or name another store with --tracking-uri."),
        (401, "wants a name and a password. MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, say"),
        (403, "does not allow it. MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, say"),
    ],
    ids=["not found", "not implemented", "not authenticated", "forbidden"],
)
def test_a_server_that_refuses_is_one_message(status: int, message: str) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(status)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(UserError) as caught:
            store.open_client(uri)
        server.shutdown()
    assert str(caught.value).startswith(f"The store {uri} {message}")


def test_a_database_server_that_does_not_answer_is_away_at_once_and_its_password_is_not_shown() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(database.StoreAwayError) as caught:
        store.open_client(f"postgresql://ada:secret@127.0.0.1:{port}/runs")
    assert (
        str(caught.value)
        == f"The store postgresql://ada:***@127.0.0.1:{port}/runs does not answer: Connection refused."
    )


USE_AND_CLOSE = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute("CREATE TABLE another (name TEXT)")
store.commit()
store.close()
"""


def test_looking_into_a_store_does_not_give_up_the_locks_of_a_connection_of_the_same_process(
    home: Path, python: Python
) -> None:
    """Whoever closes last removes the log; removed under an open connection, the store would be damaged."""
    path = home / "mlflow.db"
    with closing(sqlite3.connect(path)) as held:
        held.execute("PRAGMA journal_mode = WAL")
        held.execute("CREATE TABLE one (name TEXT)")
        held.commit()
        assert database.contents(path).tables == {"one"}
        assert python(USE_AND_CLOSE, path).wait(timeout=60) == 0
        assert (home / "mlflow.db-wal").exists()
        assert database.contents(path).tables == {"one", "another"}
