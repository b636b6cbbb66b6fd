"""YAML as people mean it, with the place of every key and value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from convspec.errors import PipelineError, Problem

DEEPEST = 60
"""Levels of nesting beyond which a file is refused."""
MOST_VALUES = 500_000
"""Values, aliases written out, beyond which a file is refused."""
LARGEST_FILE = 32 * 1024 * 1024

Scalar = str | int | float | bool | None

_NULL = re.compile(r"(?:~|null|Null|NULL|)$")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"[-+]?[0-9]+$")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


@dataclass(frozen=True)
class Mark:
    """A place: file, line and column from 1, and the text of the line."""

    file: str
    line: int
    column: int
    source: str


@dataclass(frozen=True)
class Node:
    """A value and where it begins. A mapping keeps the mark of each key; `value` holds nodes in a list or a dict."""

    value: Scalar | list[Node] | dict[Scalar, Node]
    mark: Mark
    key_marks: dict[Scalar, Mark] | None = None

    def plain(self) -> object:
        """The value without its marks, as Python has it."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return self.value


def resolve(text: str) -> Scalar:
    """What an unquoted word means: only true and false are booleans; no octals, sexagesimals or dates."""
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    if _INT.match(text) and len(text) <= 300:
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    special = _SPECIAL.get(text.lower())
    return float(special) if special else text


def parse(text: str, file: str, *, column_offset: int = 0, source: str | None = None) -> Node:
    """The one document in a YAML text. Raises PipelineError with everything that is wrong with it as YAML.

    `column_offset` and `source` place a text that is a piece of a longer line.
    """
    reader = _Reader(text, file, column_offset, source)
    node = reader.document()
    if reader.problems:
        raise PipelineError(reader.problems)
    return node


class _StopError(Exception):
    """Nothing after this point can be read; the problem is noted already."""


class _Reader:
    """Builds nodes from the parser's events, which come one by one, so that depth and size stay under control."""

    def __init__(self, text: str, file: str, column_offset: int, source: str | None) -> None:
        self.text, self.file, self.column_offset = text, file, column_offset
        self.lines = [source] if source is not None else re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text)
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Node, int] | None] = {}
        self.values = 0

    def document(self) -> Node:
        top = Node(None, self._mark(0, 0))
        try:
            events = self._events()
            if isinstance(next(events), yaml.DocumentStartEvent):
                top = self._node(next(events), events, 1)
                next(events)
                self._only_document(next(events))
        except _StopError:
            pass
        return top

    def _events(self) -> Iterator[yaml.Event]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            for event in yaml.parse(self.text, Loader=loader):
                if not isinstance(event, yaml.StreamStartEvent):
                    yield event
        except yaml.MarkedYAMLError as error:
            where = error.problem_mark or error.context_mark
            line, column = (where.line, where.column) if where else (0, 0)
            self._stop(
                self._mark(line, column),
                f"is not valid YAML: {error.problem}.",
                _yaml_hint(error.problem or ""),
            )
        except yaml.YAMLError as error:
            self._unreadable(error)

    def _unreadable(self, error: yaml.YAMLError) -> None:
        position = getattr(error, "position", 0)
        before = self.text[:position] if isinstance(position, int) else ""
        line = before.count("\n")
        mark = self._mark(line, len(before) - (before.rfind("\n") + 1))
        self._stop(mark, "holds a character that YAML does not allow.", "A pipeline is a text file in UTF-8.")

    def _only_document(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._stop(
                self._at(event),
                "a second YAML document begins here.",
                "One file is one pipeline: remove `---`.",
            )

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        mark = self._at(event)
        if depth > DEEPEST:
            self._stop(mark, f"is nested more than {DEEPEST} levels deep.", "")
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, mark)
        before = self.values
        self._count(1, mark)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self.anchors[anchor] = None
        node = self._fresh(event, events, depth, mark)
        if anchor:
            self.anchors[anchor] = (node, self.values - before)
        return node

    def _fresh(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int, mark: Mark) -> Node:
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.SequenceStartEvent):
            self._check_tag(tag, "seq", mark)
            items: list[Node] = []
            while not isinstance(following := next(events), yaml.SequenceEndEvent):
                items.append(self._node(following, events, depth + 1))
            return Node(items, mark)
        if isinstance(event, yaml.MappingStartEvent):
            self._check_tag(tag, "map", mark)
            return self._mapping(events, depth, mark)
        assert isinstance(event, yaml.ScalarEvent)
        self._check_tag(tag, "str", mark)
        plain = event.implicit[0] and tag is None
        return Node(resolve(event.value) if plain else event.value, mark)

    def _mapping(self, events: Iterator[yaml.Event], depth: int, mark: Mark) -> Node:
        values: dict[Scalar, Node] = {}
        key_marks: dict[Scalar, Mark] = {}
        merged: list[Node] = []
        while not isinstance(following := next(events), yaml.MappingEndEvent):
            is_merge = isinstance(following, yaml.ScalarEvent) and following.value == "<<" and following.implicit[0]
            key_node = self._node(following, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if is_merge:
                merged.append(value)
                continue
            key = key_node.value
            if isinstance(key, list | dict):
                self._note(key_node.mark, "a key must be a word.", "")
            elif key in values:
                self._note(key_node.mark, f"the key {key} stands here a second time.", "Keep one of the two.")
            else:
                values[key], key_marks[key] = value, key_node.mark
        for value in merged:
            self._merge(value, values, key_marks)
        return Node(values, mark, key_marks)

    def _merge(self, value: Node, values: dict[Scalar, Node], key_marks: dict[Scalar, Mark]) -> None:
        """`<<: *anchor` or `<<: [*one, *two]`: keys that are not there already."""
        for source in value.value if isinstance(value.value, list) else [value]:
            if not isinstance(source.value, dict):
                self._note(source.mark, "<< takes a mapping, or a list of mappings.", "")
                continue
            for key, item in source.value.items():
                if key not in values:
                    values[key], key_marks[key] = item, (source.key_marks or {})[key]

    def _aliased(self, event: yaml.AliasEvent, mark: Mark) -> Node:
        known = self.anchors.get(event.anchor or "")
        if known is None:
            self._stop(mark, f"*{event.anchor} has no anchor &{event.anchor} before it.", "")
            raise AssertionError
        node, size = known
        self._count(size, mark)
        return node

    def _count(self, values: int, mark: Mark) -> None:
        self.values += values
        if self.values > MOST_VALUES:
            self._stop(
                mark,
                f"holds more than {MOST_VALUES:,} values.",
                "Keep data in files and name them under data.",
            )

    def _check_tag(self, tag: str | None, kind: str, mark: Mark) -> None:
        if tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            self._note(mark, f"the tag {tag} is not accepted.", "Write the value without a tag.")

    def _at(self, event: yaml.Event) -> Mark:
        begin = event.start_mark
        assert begin is not None
        return self._mark(begin.line, begin.column)

    def _mark(self, line: int, column: int) -> Mark:
        line = min(line, len(self.lines) - 1)
        source = self.lines[line]
        return Mark(self.file, line + 1, column + 1 + self.column_offset, source)

    def _note(self, mark: Mark, message: str, hint: str) -> None:
        self.problems.append(Problem(mark.file, mark.line, mark.column, "", message, hint, mark.source))

    def _stop(self, mark: Mark, message: str, hint: str) -> None:
        self._note(mark, message, hint)
        raise _StopError


def _yaml_hint(problem: str) -> str:
    for words, hint in (
        (
            "character that cannot start any token",
            "Indent with spaces, not tabs; put text with @, `, % or & in quotes.",
        ),
        (
            "mapping values are not allowed",
            "Is the line above indented alike, and is there one `: ` only on this line?",
        ),
        ("expected ',' or '}'", "Is a comma or a closing } missing?"),
        ("expected ',' or ']'", "Is a comma or a closing ] missing?"),
        ("expected '-' indicator", "Every entry of a list begins with `- `, at the same indentation."),
        ("expected key", "Is this line indented like its neighbours?"),
        ("could not find expected ':'", "Is a colon and a space missing after the key?"),
        ("unexpected end of stream", "Is a closing quote missing?"),
    ):
        if words in problem:
            return hint
    return "Check the indentation and punctuation of this line and the one above."
