"""`convspec ui`: MLflow's pages on the recorded runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from convspec.errors import UserError
from runners.cli.output import echo, echo_json, json_option, tracking_option


@click.command("ui")
@click.argument("what", required=False, metavar="[RUN_ID|EXPERIMENT]")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port to listen on.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; anyone who reaches it may change runs.",
)
@tracking_option
@json_option
def command(what: str | None, port: int, host: str, tracking_uri: str | None, as_json: bool) -> int:
    """Open MLflow's pages on the recorded runs, until Ctrl-C.

    With the id of a run (its start will do) or the name of an experiment, the links to the pages that show it are printed: of
    a comparison or a search also the charts of all its runs, the runs as a table, and the best of them side by side.
    """
    from runners.tracking.orphans import sweep
    from runners.tracking.pages import pages_of
    from runners.tracking.runs import open_store
    from runners.tracking.store import resolve_uri
    from runners.tracking.ui import is_free, ui_command

    home = Path.cwd()
    sweep(home)
    uri = resolve_uri(tracking_uri, home)
    has_pages = uri.startswith("http")
    address = uri if has_pages else f"http://{host}:{port}"
    pages = None if what is None else pages_of(open_store(tracking_uri, home), address, what)
    links = {} if pages is None else pages.links
    if has_pages:
        _say(uri, links, "The store has pages of its own: ", as_json=as_json)
        return 0
    if not is_free(host, port):
        if pages is None or not pages.are_served(address):
            raise UserError(f"{host}:{port} is taken.", hint=f"Use another: convspec ui --port {port + 1}")
        _say(address, links, "They are served already: ", as_json=as_json)
        return 0
    arguments, environment = ui_command(uri, host, port)
    _say(address, links, remark="  (ready in some seconds; Ctrl-C stops it)", as_json=as_json)
    return _serve(arguments, environment)


def _say(url: str, links: Mapping[str, str], before: str = "", *, remark: str = "", as_json: bool) -> None:
    if as_json:
        echo_json({"url": url, "pages": links} if links else {"url": url})
        return
    width = max(map(len, links), default=0)
    lines = [f"{name:<{width}}  {link}" for name, link in links.items()]
    echo("\n".join([f"{before}{url}{remark}", *([""] if lines else []), *lines]))


def _serve(arguments: list[str], environment: dict[str, str]) -> int:
    """Runs the server, which is several processes, until somebody stops it; what it prints goes to standard error."""
    server = subprocess.Popen(arguments, env=environment, stdout=sys.stderr, start_new_session=True)

    def stop(number: int, frame: object) -> None:
        os.killpg(server.pid, signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    code = server.wait()
    return 0 if code in (0, -signal.SIGTERM, 128 + signal.SIGTERM) else 1
