"""What is told to a person whose input is wrong: problems with a place, a rule, what was got and a way out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

WRONG_INPUT = 2
RUN_FAILED = 1
INTERRUPTED = 130


class UserError(Exception):
    """Something that whoever runs the program can cause and can mend: one message, one hint, one exit code.

    `exit_code` is 2 where the input is wrong and 1 where a run failed.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = WRONG_INPUT) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


def out_of_memory(error: MemoryError) -> UserError:
    """What is told where a network outgrows the memory."""
    return UserError(
        f"The memory of this machine does not suffice: {error}.",
        hint="`convspec show` says what each layer takes; use fewer features or neurons, or a smaller batch.",
        exit_code=RUN_FAILED,
    )


class Mark(NamedTuple):
    """A place: file, line and column from 1, and the text of the line."""

    file: str
    line: int
    column: int
    source: str


class Problem(NamedTuple):
    """One thing wrong with a pipeline file. Lines and columns count from 1; 0 says that there is no place in the file."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""
    source: str = ""

    def plain(self) -> dict[str, str | int]:
        """The problem for `--json`."""
        keys = ("file", "line", "column", "path", "message", "hint")
        return {key: getattr(self, key) for key in keys}

    def __str__(self) -> str:
        """`FILE:LINE:COLUMN  PATH  message hint`, then the source line with a caret under the place."""
        file = _printable(self.file)
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        head = "  ".join(part for part in (place, self.path, f"{self.message} {self.hint}".rstrip()) if part)
        if not self.source:
            return head
        text, column = _excerpt(self.source, self.column)
        return f"{head}\n    {text}\n    {' ' * (column - 1)}^"


def problem_at(mark: Mark, message: str, hint: str = "", *, path: str = "") -> Problem:
    """A problem at a place of a file; whatever a file put into its words is kept to one line."""
    return Problem(
        mark.file, mark.line, mark.column, _line(path, 200), _line(message, 1000), _line(hint, 500), mark.source
    )


class PipelineError(UserError):
    """Every problem of one pipeline file, sorted by place; at one place they keep their order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def _excerpt(source: str, column: int, *, width: int = 100) -> tuple[str, int]:
    """The part of a source line around a column that fits a terminal, and the column within it."""
    text = _printable(source)
    if len(text) <= width:
        return text.rstrip(), column
    start = max(0, column - width // 2)
    return text[start : start + width].rstrip(), column - start


def _line(text: str, most: int) -> str:
    text = _printable(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
