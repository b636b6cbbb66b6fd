"""What an error of the YAML parser means to the person who wrote the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import yaml

from convspec.document import split_lines

_FALLBACK = "Check the indentation and punctuation of this line and the one above."


class Explanation(NamedTuple):
    """Where it is (line and column from 0), what is wrong, and what to do."""

    line: int
    column: int
    message: str
    hint: str


def explain(error: yaml.YAMLError, text: str) -> Explanation:
    """The place, rule and way out for an error of the parser in a text."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return _forbidden_character(error, text)
    at = _place(error.problem_mark)
    begin = _place(error.context_mark) if error.context_mark else at
    problem, lines = error.problem or "", split_lines(text)
    for words, describe in _DESCRIPTIONS:
        if words in problem:
            return describe(at, begin, lines)
    return Explanation(*at, f"is not valid YAML: {problem}.", _FALLBACK)


_Place = tuple[int, int]


def _place(mark: yaml.Mark | None) -> _Place:
    return (mark.line, mark.column) if mark else (0, 0)


def _rest(place: _Place, lines: Sequence[str]) -> str:
    """The text of a line from a place on."""
    line, column = place
    return lines[line][column:] if line < len(lines) else ""


def _forbidden_character(error: yaml.YAMLError, text: str) -> Explanation:
    position = getattr(error, "position", 0)
    before = text[:position] if isinstance(position, int) else ""
    column = len(before) - (before.rfind("\n") + 1)
    message = "here stands a character that YAML does not allow."
    return Explanation(before.count("\n"), column, message, "A pipeline is a text file in UTF-8.")


def _no_beginning(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    character = _rest(at, lines)[:1]
    if character == "\t":
        return Explanation(*at, "a tab stands where YAML wants spaces.", "Indent with spaces only.")
    return Explanation(*at, f"a value cannot begin with {character}.", "Put the text in quotes.")


def _tab(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    return Explanation(*at, "a tab stands where YAML wants spaces.", "Indent with spaces only.")


def _second_colon(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    key, colon, value = _rest((at[0], 0), lines).partition(": ")
    if colon and len(key) < at[1]:
        hint = f'Write `{key.strip()}: "{value.strip()}"`.'
        return Explanation(*at, "a text with a colon in it must stand in quotes.", hint)
    message = "this line is indented deeper than the one above, which has a value already."
    return Explanation(*at, message, "Indent keys that belong together alike.")


def _not_closed(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    opening = _rest(begin, lines)[:1]
    closing = {"{": "}", "[": "]"}.get(opening, "}")
    if at[0] == begin[0]:
        hint = "Write {key: value, key: value} or [value, value]."
        return Explanation(*at, f"a comma or a closing {closing} is missing before this.", hint)
    return Explanation(*begin, f"the {opening} that opens here is not closed.", f"Close it with {closing}.")


def _no_value(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    if _rest(begin, lines)[:1] in ("{", "[") and not _rest(at, lines):
        return _not_closed((at[0] + 1, 0), begin, lines)
    return Explanation(*at, "a key or a value is missing before this.", "Write it, or leave out what announces it.")


def _no_colon(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    word = _rest(begin, lines).strip()
    if re.match(r"-[^\s-]", word):
        return Explanation(*begin, "a space is missing after the dash.", f"Write `- {word[1:]}`.")
    joined = re.match(r"([A-Za-z_]+):(\S.*)", word)
    if joined:
        hint = f"Write `{joined[1]}: {joined[2]}`."
        return Explanation(*begin, "a space is missing after the colon.", hint)
    hint = f"Write `- {word}` in a list, or `{word}: VALUE` in a mapping."
    return Explanation(*begin, "a dash is missing before this, or a colon after it.", hint)


def _no_end(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    quote = _rest(begin, lines)[:1]
    return Explanation(*begin, f"the {quote} that opens here is not closed.", f"Put a {quote} at the end of the text.")


def _stray_line(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    message = f"this does not fit what began in line {begin[0] + 1}."
    return Explanation(*at, message, "Indent what belongs together alike; begin each entry of a list with `- `.")


def _escape(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    message = "in double quotes a backslash begins an escape, and this is none."
    return Explanation(*at, message, "Use single quotes.")


def _list_in_line(at: _Place, begin: _Place, lines: Sequence[str]) -> Explanation:
    return Explanation(*at, "a list cannot begin here.", "Put the `- ` on the next line, indented.")


_DESCRIPTIONS = (
    ("cannot start any token", _no_beginning),
    ("tab character", _tab),
    ("mapping values are not allowed", _second_colon),
    ("expected ',' or", _not_closed),
    ("did not find expected node content", _no_value),
    ("could not find expected ':'", _no_colon),
    ("unexpected end of stream", _no_end),
    ("did not find expected key", _stray_line),
    ("expected '-' indicator", _stray_line),
    ("unknown escape character", _escape),
    ("sequence entries are not allowed", _list_in_line),
)
"""Words of libyaml's messages, and what explains them."""
