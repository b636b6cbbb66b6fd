"""Text on a run's page: Markdown that fits, with links to pages of its own."""

from __future__ import annotations

from collections.abc import Mapping

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


def family_note(description: str, markdown: str = "", *, picture: str = "", file: str = "") -> str:
    """What the page of a comparison or a search says: what is asked, links to charts and runs, what came of it, a picture.

    Of a table and of lists that would not fit the first lines stay; `file` is the artifact that has them all.
    """
    charts, table = (ui.view_link("", EXPERIMENT, RUN, mode=mode).removeprefix("/") for mode in ("CHART", "TABLE"))
    heading, found = _parts(markdown)
    first = " · ".join([*heading, f"[Charts of its runs]({charts})", f"[Table of its runs]({table})"])
    last = [description.strip(), f"![{picture}](get-artifact?path={picture}&run_uuid={RUN})" if picture else ""]
    taken = sum(len(part) + 2 for part in (first, *last))
    parts = [first, shortened(found, _ROOM - taken, file=file), *last]
    return "\n\n".join(part for part in parts if part)


def _parts(markdown: str) -> tuple[list[str], str]:
    """The heading as bold text, as a run's page shows a few lines at first, and the rest with room between columns, for which
    that page leaves none."""
    lines = markdown.strip().split("\n")
    heading = [f"**{lines.pop(0)[2:]}**"] if lines[0].startswith("# ") else []
    spaced = [
        line.replace(" | ", "&ensp; | ") if line.startswith("| ") and "---" not in line else line for line in lines
    ]
    return heading, "\n".join(spaced).strip()


def shortened(markdown: str, most: int, *, file: str) -> str:
    """Markdown within so many characters: of each table and list the first lines, as many as fit."""
    if len(markdown) <= most:
        return markdown
    blocks = [block.split("\n") for block in markdown.split("\n\n")]
    for lines in range(max(map(len, blocks)), 2, -1):
        text = "\n\n".join("\n".join([*block[:lines], *_more(block, lines)]) for block in blocks)
        if len(text) + len(file) + 20 <= most:
            return f"{text}\n\nAll of it is in {file}."
    return limits.shorten(markdown, max(1, most))


def _more(block: list[str], lines: int) -> list[str]:
    rest = len(block) - lines
    if rest <= 0:
        return []
    return [f"| ... and {rest} more |"] if block[0].startswith("|") else [f"- ... and {rest} more"]
