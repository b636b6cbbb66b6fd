"""Text on a run's page: Markdown that fits, with links to pages of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runners.tracking import limits, ui

TAG = "mlflow.note.content"
RUN, EXPERIMENT = "{run_id}", "{experiment_id}"
"""Marks in a text that the delivery replaces by the ids."""
_ROOM = limits.TAG_LENGTH - 400  # for ids instead of marks


def filled(text: str, known: Mapping[str, str]) -> str:
    """The text with ids in place of their marks."""
    for mark, value in known.items():
        text = text.replace(mark, value)
    return text


def family_note(description: str, markdown: str = "", *, pictures: Iterable[str] = (), file: str = "") -> str:
    """What the page of a comparison or a search says: links to charts and runs, what it is about, what came of it, and pictures.

    Of a table and of lists that would not fit the first lines stay; `file` is the artifact that has them all.
    """
    links = [
        f"[Charts]({_here(ui.view_link('', EXPERIMENT, RUN))})",
        f"[Runs]({_here(ui.runs_link('', EXPERIMENT, RUN))})",
    ]
    head = [" · ".join(links), description.strip()]
    tail = [f"![{path}](get-artifact?path={path}&run_uuid={RUN})" for path in pictures]
    taken = sum(len(part) + 2 for part in (*head, *tail))
    return "\n\n".join(part for part in (*head, shortened(markdown, _ROOM - taken, file=file), *tail) if part)


def shortened(markdown: str, most: int, *, file: str) -> str:
    """Markdown within so many characters: of each table and list the first lines, as many as fit."""
    if len(markdown) <= most:
        return markdown.strip()
    blocks = [block.split("\n") for block in markdown.strip().split("\n\n")]
    longest = max(len(block) for block in blocks)
    for lines in range(longest, 2, -1):
        kept = [[*block[:lines], *_more(block, lines)] for block in blocks]
        text = "\n\n".join("\n".join(block) for block in kept)
        if len(text) + len(file) + 20 <= most:
            return f"{text}\n\nAll of it is in {file}."
    return limits.shorten(markdown, most)


def _more(block: list[str], lines: int) -> list[str]:
    rest = len(block) - lines
    if rest <= 0:
        return []
    return [f"| ... and {rest} more |"] if block[0].startswith("|") else [f"- ... and {rest} more"]


def _here(link: str) -> str:
    """A link within the pages that are shown."""
    return link.removeprefix("/")
