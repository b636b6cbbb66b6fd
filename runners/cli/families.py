"""How `convspec run` runs a file that holds several pipelines or a search, and what it prints of either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convspec.errors import UserError
from runners.cli.output import echo, echo_error, program, see_it

if TYPE_CHECKING:
    from convspec.loading import Several
    from convspec.searching import Searching
    from runners.family.request import Nodes, Request
    from runners.family.running import Found


def run_several(found: Several | Searching, request: Request, *, dry_run: bool, as_json: bool) -> None:
    """Trains what a file with several pipelines, or a search, asks for; or says what that would be."""
    from convspec.loading import Several
    from runners.cli.comparisons import run_comparison
    from runners.cli.dry import run_dry
    from runners.cli.searches import run_search

    if not isinstance(found, Several) and found.base.pipeline.processes > 1:
        what = "Several processes share the training of one run, and a search has many."
        raise UserError(what, hint="Leave processes out; --workers trains runs at once.")
    if dry_run:
        run_dry(found, request, as_json=as_json)
        return
    if request.nodes is None:
        _check_engines(found, request.device)
    _say_what_was_before(found, request)
    if isinstance(found, Several):
        run_comparison(found, request, as_json=as_json)
    else:
        run_search(found, request, as_json=as_json)


def _check_engines(found: Several | Searching, device: str) -> None:
    """Raises UserError, before anything is begun, where an engine or a device that is asked for is not there."""
    from convspec.loading import Several
    from runners.engines.choice import choose

    for loaded in [member.loaded for member in found.members] if isinstance(found, Several) else [found.base]:
        choose(loaded.pipeline, loaded.plan, device=device)


def _say_what_was_before(found: Several | Searching, request: Request) -> None:
    """Says that the file has changed since it gave something, and what else of this folder is recorded only now."""
    from convspec.loading import Several
    from runners.family import comparison, search
    from runners.family.folder import changed_since, unfinished
    from runners.tracking.orphans import sweep

    if isinstance(found, Several):
        identity = comparison.identity_of(found, request.settings)
    else:
        identity = search.identity_of(found, request.settings)
    if not request.again and (changed := changed_since(request.home, identity, file=found.file)):
        echo_error(changed)
    for orphan in sweep(request.home, but=unfinished(request.home, identity)):
        echo_error(str(orphan))


def plain(found: Found, **more: object) -> dict[str, object]:
    """What came of a family for `--json`, with what there is of its kind alone."""
    return {
        "run_id": found.run_id or None,
        "experiment_id": found.experiment_id or None,
        **found.report,
        **more,
        "seconds": found.seconds,
        "note": found.note,
    }


def print_end(found: Found, request: Request, *, again: str, best: str = "") -> None:
    """Where what was found is, and how it is looked at; `again` is what --again does, `best` the file that runs on its own."""
    if found.known:
        echo(f"\nNothing was trained: this is what the same file gave before. --again {again}.")
    seconds = "" if found.known else f"  ({found.seconds:.1f} s in all)"
    echo((f"\nbest  {best}" if best else "") + f"\nrun   {found.run_id or 'not recorded yet'}{seconds}")
    if found.note:
        echo_error(found.note)
    if found.run_id:
        run_it = f"Run it:   {program()} run {best}\n" if best else ""
        echo(f"\n{run_it}{see_it(found.run_id, request.tracking_uri)}")


def check_options(**given: object) -> None:
    """Raises UsageError for an option that is not for several pipelines."""
    for name, value in given.items():
        if value:
            raise click.UsageError(f"--{name} is for a single run; this file holds several.")


def check_single(**given: object) -> None:
    """Raises UsageError for an option that is not for a single run."""
    for name, value in given.items():
        if value:
            option = name.replace("_", "-")
            raise click.UsageError(
                f"--{option} is for a file with several pipelines or a search; this one is a single run."
            )


def workers_here(asked: int | None, cores: int, *, is_here: bool) -> int:
    """How many workers there are on this machine; where they train (`is_here`), it says so if more were asked for."""
    count = min(asked or cores, cores)
    if is_here and asked is not None and asked > count:
        echo_error(f"{asked} workers asked for; {cores} core{'s' * (cores > 1)}: {count} worker{'s' * (count > 1)}.")
    return count


def nodes_of(on: str | None, *, cpus: int | None, gpus: float | None, workers: int | None, device: str) -> Nodes | None:
    """The cluster that options ask for, if they do. Raises UsageError or UserError where they do not fit together."""
    if on is None:
        for name, value in (("cpus", cpus), ("gpus", gpus)):
            if value is not None:
                raise click.UsageError(f"--{name} says what each run takes of a cluster, which --on ray asks for.")
        return None
    if device == "cuda" and not gpus:
        raise click.UsageError("--device cuda on a cluster needs --gpus: a run sees no GPU that it does not ask for.")
    from runners.family.request import Nodes

    return Nodes.of(on, cpus=cpus or 1, gpus=gpus or 0, workers=workers or 0)
