"""`convspec ui`: MLflow's pages on the recorded runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click

from convspec.errors import UserError
from runners.cli.output import echo, echo_json, json_option, tracking_option


@click.command("ui")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port to listen on.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; anyone who reaches it may change runs.",
)
@tracking_option
@json_option
def command(port: int, host: str, tracking_uri: str | None, as_json: bool) -> int:
    """Open MLflow's pages on the recorded runs, until Ctrl-C."""
    from runners.tracking.orphans import sweep
    from runners.tracking.store import resolve_uri
    from runners.tracking.ui import is_free, ui_command

    home = Path.cwd()
    sweep(home)
    uri = resolve_uri(tracking_uri, home)
    address = f"http://{host}:{port}"
    if uri.startswith("http"):
        echo_json({"url": uri}) if as_json else echo(f"The store has pages of its own: {uri}")
        return 0
    if not is_free(host, port):
        raise UserError(f"{host}:{port} is taken.", hint=f"Use another: convspec ui --port {port + 1}")
    arguments, environment = ui_command(uri, host, port)
    if as_json:
        echo_json({"url": address})
    else:
        echo(f"{address}  (ready in some seconds; Ctrl-C stops it)")
    return _serve(arguments, environment)


def _serve(arguments: list[str], environment: dict[str, str]) -> int:
    """Runs the server, which is several processes, until somebody stops it; what it prints goes to standard error."""
    server = subprocess.Popen(arguments, env=environment, stdout=sys.stderr, start_new_session=True)

    def stop(number: int, frame: object) -> None:
        os.killpg(server.pid, signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    code = server.wait()
    return 0 if code in (0, -signal.SIGTERM, 128 + signal.SIGTERM) else 1
