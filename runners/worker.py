"""A process that computes its part of every batch for another one, which trains: `python -m runners.worker`.

It reads one line of JSON from standard input, says `{}` when it is ready, and ends when standard input is closed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from convspec.errors import RUN_FAILED, UserError
from convspec.loading import Loaded, load_text
from runners.place import LostProcessError, Place
from runners.processes import Processes


def take_part(
    loaded: Loaded, place: Place, *, threads: int, device: str, compiled: bool, ready: Callable[[], None] = lambda: None
) -> None:
    """Computes this place's part of a run until the first process has done. Raises UserError where it cannot."""
    from runners.experiment import Experiment

    experiment = Experiment.prepare(
        loaded, threads=threads, begun="torch", device=device, compiled=compiled, processes=Processes(place)
    )
    ready()
    experiment.follow()


def follow(loaded: Loaded, place: Place, *, threads: int, device: str, compiled: bool) -> None:
    """The same for a process that torchrun started. It goes on until the first process has done, which alone is asked to stop
    though all of them are told."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    take_part(loaded, place, threads=threads, device=device, compiled=compiled)


def main() -> int:
    """Does what the line says. What goes wrong is said on standard output before it is ready, afterwards on standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = json.loads(_line())
    Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        loaded = load_text(order["pipeline"], "the pipeline", folder=Path.cwd())
        place = Place(order["rank"], order["size"], order["rank"], order["size"], Path(order["meeting"]))
        take_part(
            loaded,
            place,
            threads=order["threads"],
            device=order["device"],
            compiled=order["compiled"],
            ready=lambda: _say({}),
        )
    except LostProcessError:
        return RUN_FAILED
    except UserError as error:
        _say({"error": error.message, "hint": error.hint, "exit_code": error.exit_code})
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _line() -> bytes:
    """The first line of standard input, and nothing of what follows."""
    read = b""
    while not read.endswith(b"\n"):
        if not (byte := os.read(0, 1)):
            sys.exit(RUN_FAILED)
        read += byte
    return read


def _end_with_the_parent() -> None:
    """The parent writes no more; that nothing can be read any longer says that it has ended, or needs nothing more."""
    os.read(0, 1)
    os._exit(0)


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
