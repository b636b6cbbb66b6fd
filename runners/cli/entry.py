"""Where the `convspec` command begins. `--help` is answered from a stored page, which a test holds to be the real one."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

HELP_PAGE = os.path.join(os.path.dirname(__file__), "help.txt")  # noqa: PTH118, PTH120 - pathlib takes longer to import


def main() -> None:
    """Runs the command line and exits."""
    if sys.argv[1:] in (["--help"], ["-h"], []) and _columns() >= 80:
        with open(HELP_PAGE, encoding="utf-8") as page:  # noqa: PTH123 - as above
            sys.stdout.write(page.read())
        return
    from runners.single_threaded import ONE_THREAD

    os.environ.update(ONE_THREAD)
    # Pydantic would look through every installed package for plug-ins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # A file name may hold characters that the terminal cannot show; and standard output may be closed.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - it stays open
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        from runners.cli.main import run_command_line
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run_command_line(sys.argv[1:]))


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
    except (OSError, ValueError):
        return 80
