"""Which part of a store breaks first when many nodes send trials to it, and at what rate.

    python benchmarks/scale.py [--stores sqlite,postgresql,server] [--nodes 1,4,16,100] [--trials 200] [--fill 10000]

One real training makes a spool. Each node is a process that sends copies of it, with the code that sends real ones: a run, its
parameters and data sets, one batch of figures for each epoch, files, pictures, the model. `--trials` are shared among the
nodes. What the store does not take at once is tried again, as in a real run, for up to five minutes. Processor time is counted
for the nodes, the server and PostgreSQL apart, as all of them share this machine.
`--fill` puts so many runs into the databases first, by copying rows. Needs PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracking import Store, running_store

from convspec.loading import load
from runners import files
from runners.experiment import Experiment
from runners.recording import Recording
from runners.tracking import drain, events, record
from runners.tracking.spool import Spool

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 300.0
HEAD = (
    "| store | nodes | trials | trials/s | figures/s | seconds a trial: median, 95 % "
    "| processor, ms a trial: nodes | server | PostgreSQL | connections | tried again | errors |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)
TABLES = ("runs", "metrics", "latest_metrics", "params", "tags")


def template(home: Path, epochs: int) -> Path:
    """The spool of a real training, of which nothing has been sent."""
    loaded = load("digits", (f"training.epochs={epochs}", "engine=numpy"))
    experiment = Experiment.prepare(loaded, threads=1)
    spool = Spool.create(home, "template")
    recording = Recording(spool, loaded, experiment.dataset, experiment.engine)
    recording.announce(threads=1, keep_files=True)
    weights = experiment.train([recording], stop=lambda: False)
    evaluation = experiment.evaluate(weights)
    recording.finish(experiment.trainer, evaluation, files.weights_bytes(weights), seconds=experiment.seconds)
    spool.checkpoint.unlink()
    return spool.folder


def batches(folder: Path) -> Iterator[list[tuple[events.Event, int]]]:
    """The events of a spool as a slow training would leave them: the figures of each epoch by themselves."""
    batch: list[tuple[events.Event, int]] = []
    for event, offset in events.read(folder):
        batch.append((event, offset))
        if event["event"] == "metrics":
            yield batch
            batch = []
    yield batch


def send(source: Path, home: Path, uri: str, *, name: str, parent: str) -> int:
    """Send one trial as the delivering process would; how often it had to try again."""
    from runners.tracking.delivery import Delivery
    from runners.tracking.store import open_client

    folder = Path(tempfile.mkdtemp(dir=home))
    shutil.copytree(source, folder, dirs_exist_ok=True)
    spool = folder / events.FILE
    lines = [json.loads(line) for line in spool.read_text().splitlines()]
    for event in lines:
        if event["event"] == "start":
            event |= {"key": os.urandom(16).hex(), "name": name, "tags": event["tags"] | {"mlflow.parentRunId": parent}}
    spool.write_text("".join(json.dumps(event) + "\n" for event in lines))
    delivery = Delivery(open_client(uri), folder, record.Record(uri, attempts=1))
    again = sum(send_patiently(lambda batch=batch: delivery.send(iter(batch))) for batch in batches(folder))
    shutil.rmtree(folder)
    return again


def send_patiently(action: Callable[[], object]) -> int:
    """Tries until the store takes it, as the delivering process does; how often it had to try again."""
    from mlflow.exceptions import MlflowException

    from runners.tracking.database import StoreAwayError

    deadline, delay, again = time.monotonic() + PATIENCE_SECONDS, 0.5, 0
    while True:
        try:
            action()
        except (MlflowException, StoreAwayError, OSError):
            if time.monotonic() > deadline:
                raise
        else:
            return again
        time.sleep(delay)
        delay, again = min(2 * delay, 10.0), again + 1


def node(number: int, trials: int, *, source: Path, home: Path, uri: str, pipes: tuple[int, int]) -> None:
    """Send so many trials once all are told to begin; tell how long each took, the processor time, and what went wrong."""
    from mlflow.exceptions import MlflowException

    from convspec.errors import UserError
    from runners.tracking.store import open_client

    started, said = pipes
    taken, wrong, again = [], [], 0
    try:
        again += send_patiently(lambda: open_client(uri).search_experiments(max_results=1))
    except (MlflowException, UserError) as error:
        wrong.append(f"{type(error).__name__}: {str(error).splitlines()[0][:160]}")
    os.write(said, b"ready\n")
    os.read(started, 1)  # ends when the other end is closed
    busy = time.process_time()
    for trial in range(trials):
        began = time.perf_counter()
        try:
            again += send(source, home, uri, name=f"node-{number}-trial-{trial}", parent="0" * 32)
            taken.append(round(time.perf_counter() - began, 4))
        except (MlflowException, UserError, OSError) as error:
            wrong.append(f"{type(error).__name__}: {str(error).splitlines()[0][:160]}")
    # short, as what is longer than a page may be torn apart by what others write
    os.write(said, (json.dumps([taken, Counter(wrong), time.process_time() - busy, again]) + "\n").encode())


class Nodes:
    """Processes that are ready to send trials; `go` lets them: seconds of each trial, errors, their processor time."""

    def __init__(self, nodes: int, trials: int, **where: Any) -> None:
        self._nodes = nodes
        waiting, self._starting = os.pipe()
        listening, said = os.pipe()
        for number in range(nodes):
            if os.fork() == 0:
                try:
                    os.close(self._starting)
                    share = trials // nodes + (number < trials % nodes)
                    node(number, share, pipes=(waiting, said), **where)
                finally:
                    os._exit(0)
        os.close(said)
        self._lines = os.fdopen(listening)
        for _ in range(nodes):
            self._lines.readline()

    def go(self) -> tuple[list[float], Counter[str], float, int]:
        os.close(self._starting)
        results = [json.loads(line) for line in self._lines]
        for _ in range(self._nodes):
            os.wait()
        taken, wrong, busy, again = zip(*results, strict=True)
        return list(chain.from_iterable(taken)), sum(map(Counter, wrong), Counter()), sum(busy), sum(again)


def apart(action: Callable[[], float | None]) -> float:
    """What an action gives, in a process of its own: connections do not survive a fork."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writing, str(action() or 0.0).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.wait()
    with os.fdopen(reading) as said:
        return float(said.read() or "nan")


def processor_seconds(session: int = 0, parent: int = 0) -> float:
    """Processor time of the processes of a session, or of a process and its children, ended ones included."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = rest.rpartition(")")[2].split()
        if (session and int(fields[3]) == session) or (parent and parent in (int(pid), int(fields[1]))):
            ticks += sum(int(field) for field in fields[11 : 15 if int(pid) == parent else 13])
    return ticks / TICKS


class Watch:
    """The processor time of a server and its database, and the most connections that the database had."""

    def __init__(self, store: Store) -> None:
        self.server = int(json.loads((store.folder / "server.pid").read_text())["pid"])
        self.postgresql = int((store.folder / "database/data/postmaster.pid").read_text().split()[0])
        self.address = database_address(store)
        self.most, self._over = 0, threading.Event()

    def __enter__(self) -> Watch:
        self._before = self._now()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.seconds = [now - then for now, then in zip(self._now(), self._before, strict=True)]

    def _now(self) -> tuple[float, float]:
        return processor_seconds(session=self.server), processor_seconds(parent=self.postgresql)

    def _look(self) -> None:
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as connection:
            while not self._over.wait(0.2):
                row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL").fetchone()
                self.most = max(self.most, int(row[0]) - 1 if row else 0)


def database_address(store: Store, name: str = "convspec") -> str:
    """The address of the server's database, or of another, which is `direct` for nodes that use no server."""
    password = (store.folder / "password").read_text()
    return f"postgresql://convspec:{password}@127.0.0.1:{store.ports[1]}/{name}"


def make_database(store: Store) -> str:
    """A new database beside the server's."""
    import psycopg

    with psycopg.connect(database_address(store), autocommit=True) as connection:
        connection.execute("CREATE DATABASE direct")
    return database_address(store, "direct")


def size(store: Store, sqlite: Path) -> dict[str, int]:
    """Bytes of PostgreSQL's databases and of SQLite's, and runs in the server's."""
    import psycopg

    with psycopg.connect(database_address(store), autocommit=True) as connection:
        both = "pg_database_size('convspec') + pg_database_size('direct')"
        found = connection.execute(f"SELECT {both}, (SELECT count(*) FROM runs)").fetchone()
    assert found is not None
    files = sum(path.stat().st_size for path in sqlite.parent.glob(f"{sqlite.name}*"))
    return {"postgresql": int(found[0]), "runs": int(found[1]), "sqlite": files}


def fill(store: Store, runs: int) -> float:
    """Copy the rows of the runs of PostgreSQL's store until there are as many; seconds of a search by parent then."""
    import psycopg

    with psycopg.connect(database_address(store), autocommit=True) as connection:
        have = connection.execute("SELECT count(*) FROM runs").fetchone()
        copies = -(-runs // int(have[0])) - 1 if have else 0
        connection.execute("SET session_replication_role = replica")  # in any order, whatever refers to what
        for table in TABLES:
            query = (
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public'"
            )
            columns = [str(row[0]) for row in connection.execute(query, [table])]
            values = ["md5(run_uuid || copy)" if column == "run_uuid" else column for column in columns]
            connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
                f"FROM {table}, generate_series(1, {copies}) AS copy"
            )
        connection.execute("ANALYZE")
    return apart(lambda: search_seconds(store))


def search_seconds(store: Store) -> float:
    """Seconds for the best hundred trials of one search, by way of the server."""
    from runners.tracking.store import open_client

    client = open_client(f"http://127.0.0.1:{store.ports[0]}")
    experiments = [client.get_experiment_by_name("digits").experiment_id]
    which = f"tags.`mlflow.parentRunId` = '{'0' * 32}'"
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        client.search_runs(experiments, which, max_results=100, order_by=["metrics.`accuracy/test` DESC"])
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def measure(kind: str, uri: str, nodes: int, trials: int, *, store: Store, source: Path, home: Path) -> None:
    figures = sum(len(event["values"]) for event, _ in events.read(source) if event["event"] == "metrics")
    ready = Nodes(nodes, trials, source=source, home=home, uri=uri)
    with Watch(store) as watch:
        began = time.perf_counter()
        taken, wrong, busy, again = ready.go()
        seconds = time.perf_counter() - began
    sent = max(1, len(taken))
    each = [f"{1000 * one / sent:.0f}" for one in (busy, *watch.seconds)]
    ordered = sorted(taken) or [0.0]
    print(
        f"| {kind} | {nodes} | {len(taken)} | {len(taken) / seconds:.2f} | {len(taken) * figures / seconds:.0f} "
        f"| {statistics.median(ordered):.2f}, {ordered[int(0.95 * (len(ordered) - 1))]:.2f} | {' | '.join(each)} "
        f"| {watch.most} | {again} | {wrong.total()} |",
        flush=True,
    )
    for said, count in wrong.most_common(3):
        print(f"    {count} x {said}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", default="sqlite,postgresql,server")
    parser.add_argument("--nodes", default="1,4,16,100")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--fill", type=int, default=0)
    given = parser.parse_args()
    with running_store() as store, tempfile.TemporaryDirectory() as scratch:
        source = template(Path(scratch), given.epochs)
        uris = {
            "sqlite": f"sqlite:///{scratch}/mlflow.db",
            "postgresql": make_database(store),
            "server": f"http://127.0.0.1:{store.ports[0]}",
        }
        drain._lighten()
        from runners.tracking.store import open_client

        for uri in uris.values():
            apart(lambda uri=uri: open_client(uri) and None)
        begin(store, Path(scratch), source)
        if given.fill:
            Nodes(1, 10, source=source, home=Path(scratch), uri=uris["server"]).go()
            print(f"{given.fill} runs: {fill(store, given.fill):.2f} s for the best hundred", flush=True)
        print(HEAD)
        for kind in given.stores.split(","):
            before = size(store, Path(scratch) / "mlflow.db")
            for nodes in map(int, given.nodes.split(",")):
                measure(kind, uris[kind], nodes, given.trials, store=store, source=source, home=Path(scratch))
            after = size(store, Path(scratch) / "mlflow.db")
            print(f"{kind}: {json.dumps({name: after[name] - before[name] for name in after})} more", flush=True)


def begin(store: Store, scratch: Path, source: Path) -> None:
    kept = sum(path.stat().st_size for path in source.rglob("*") if path.is_file() and path.name != events.FILE)
    lines = (source / events.FILE).read_text().count("\n")
    print(f"a trial: {lines} events, {(source / events.FILE).stat().st_size} bytes of them, {kept} bytes of files")


if __name__ == "__main__":
    main()
