"""A PostgreSQL server of one folder, by the programs that Debian installs: made, started and stopped without containers."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convspec.errors import RUN_FAILED, UserError

NAME = "convspec"
"""The user, and the database, that belong to the store."""
ACCOUNT = "postgres"
MOST_CONNECTIONS = 200
"""More than MLflow's server takes (see `server.py`), for whoever comes past it."""
_INSTALL = "Install it (Debian: apt-get install postgresql), or put its programs on PATH."


@dataclass(frozen=True)
class PostgreSQL:
    """The server whose files lie in `folder`; it listens on the loopback interface alone, and wants a password."""

    folder: Path
    programs: Path

    @classmethod
    def of(cls, folder: Path) -> PostgreSQL:
        """The server of a folder. Raises UserError where PostgreSQL is not installed, or cannot run as this user."""
        programs = find_programs()
        if programs is None:
            raise UserError("PostgreSQL is not installed.", hint=_INSTALL)
        if os.geteuid() == 0 and not _has_account():
            raise UserError(f"PostgreSQL does not run as root, and there is no user {ACCOUNT}.", hint=_INSTALL)
        return cls(folder, programs)

    @property
    def data(self) -> Path:
        """Where the database itself lies."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "postgresql.log"

    def make(self, password_file: Path) -> str:
        """Make an empty database where there is none yet, and the password of its user; gives that password."""
        if self.data.is_dir() and not password_file.exists():
            raise UserError(f"{password_file}, with the password of the database, is missing.", hint="Put it back.")
        if not password_file.exists():
            password_file.touch(mode=0o600)
            password_file.write_text(secrets.token_urlsafe(24))
        password = password_file.read_text().strip()
        if not self.data.is_dir():
            self._claim_folder()
            self._make_data(password)
        return password

    def start(self, port: int, password: str) -> None:
        """Start the server, and wait until it answers."""
        options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c max_connections={MOST_CONNECTIONS}"
        done = self._run("pg_ctl", "start", "-w", "-D", str(self.data), "-l", str(self.log), "-o", options)
        if done.returncode:
            raise UserError(
                f"PostgreSQL did not start: {last_line(self.log)}", hint=f"See {self.log}.", exit_code=RUN_FAILED
            )
        asked = ("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", NAME, NAME)
        made = self._run(*asked, environment={"PGPASSWORD": password})
        if made.returncode and "already exists" not in made.stderr:
            raise UserError(f"The database could not be made: {made.stderr.strip()}", exit_code=RUN_FAILED)

    def stop(self) -> None:
        """Stop the server; transactions under way are rolled back. Raises UserError where it does not stop."""
        done = self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.data))
        if done.returncode and self.is_running():
            raise UserError(f"PostgreSQL does not stop: {done.stderr.strip()}", exit_code=RUN_FAILED)

    def is_running(self) -> bool:
        """Whether the server runs."""
        return self.data.is_dir() and self._run("pg_ctl", "status", "-D", str(self.data)).returncode == 0

    def _claim_folder(self) -> None:
        """The folder belongs to whom the server runs as, who must be able to reach it."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() != 0:
            return
        shutil.chown(self.folder, ACCOUNT, ACCOUNT)
        entering = ["test", "-w", str(self.folder)]
        if subprocess.run(entering, user=ACCOUNT, group=ACCOUNT, extra_groups=[]).returncode:
            raise UserError(
                f"PostgreSQL runs as user {ACCOUNT}, who may not enter {self.folder.parent}.",
                hint="Use another folder (/var/lib/convspec, say), or `chmod o+x` each one above it.",
            )

    def _make_data(self, password: str) -> None:
        """Made beside its place and moved there whole, so that an interruption leaves nothing half made."""
        draft, word = self.folder / "data.new", self.folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        word.touch(mode=0o600)
        word.write_text(password)
        if os.geteuid() == 0:
            shutil.chown(word, ACCOUNT, ACCOUNT)
        kind = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={NAME}")
        try:
            done = self._run("initdb", *kind, f"--pwfile={word}", "-D", str(draft))
        finally:
            word.unlink()
        if done.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise UserError(f"The database could not be made in {self.folder}: {reason[0]}", exit_code=RUN_FAILED)
        draft.rename(self.data)

    def _run(
        self, program: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        account = ACCOUNT if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        # what a server inherits stays open as long as it runs; so a file takes what is said, not a pipe
        with (self.folder / "programs.log").open("w+", errors="replace") as said:
            done = subprocess.run(
                [str(self.programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", **(environment or {})},
                user=account,
                group=account,
                extra_groups=[] if account else None,
            )
            said.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, "", said.read())


def find_programs() -> Path | None:
    """Where PostgreSQL's programs are, the newest version's where there are several; None where it is not installed."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(debian, key=lambda path: [int(number) for number in re.findall(r"\d+", path.parts[4])])
    if newest:
        return newest[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def last_line(log: Path) -> str:
    """The last thing that a program said."""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _has_account() -> bool:
    return any(entry.pw_name == ACCOUNT for entry in pwd.getpwall())
