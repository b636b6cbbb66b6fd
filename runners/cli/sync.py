"""`convspec sync`: sends what could not be sent to the store while it was trained."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convspec.errors import RUN_FAILED
from runners.cli.output import echo, echo_error, echo_json, json_option

if TYPE_CHECKING:
    from runners.tracking.backlog import Delivered

_WAYS_OUT = "Run `convspec sync` again once the store is back, or send all to another: convspec sync --tracking-uri URI"


@click.command("sync")
@click.option(
    "--tracking-uri",
    metavar="URI",
    help="Send everything to this store, whichever it was meant for.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0, max=86_400),
    default=60,
    show_default=True,
    help="Seconds to go on trying where a store is away.",
)
@json_option
def command(tracking_uri: str | None, patience: float, as_json: bool) -> int:
    """Send what this folder's runs could not send while their store was away.

    Training never waits for the store. What a store does not have yet lies in `.convspec`, and this sends it, to the
    store that each run was meant for. Of a run that finished, nothing is left there afterwards; one that did not keeps
    its checkpoint. A comparison or a search keeps a small folder with what was found, without the files of its runs.
    """
    from runners.tracking.backlog import sync
    from runners.tracking.store import check, resolve_uri

    home = Path.cwd()
    redirect = resolve_uri(tracking_uri, home) if tracking_uri else None
    if redirect is not None:
        check(redirect)
    found = []
    for one in sync(home, default_uri=resolve_uri(None, home), redirect=redirect, patience=patience):
        found.append(one)
        echo_error(str(one)) if as_json or one.reason else echo(str(one))
    left = [one for one in found if one.reason and not one.tended]
    if as_json:
        echo_json(
            {
                "sent": [_plain(one) for one in found if not one.reason],
                "kept": [_plain(one) for one in found if one.reason],
            }
        )
    elif not found:
        echo("Nothing is left to be sent.")
    if left:
        echo_error(_WAYS_OUT)
    return RUN_FAILED if left else 0


def _plain(one: Delivered) -> dict[str, Any]:
    return {
        "folder": str(one.folder),
        "run_id": one.run_id or None,
        "tracking_uri": one.tracking_uri,
        "status": one.status or None,
        **asdict(one.sent),
        **({"reason": one.reason} if one.reason else {}),
    }
