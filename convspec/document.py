"""YAML as people mean it, with the place of every key and value."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from convspec.errors import Mark, PipelineError, Problem, problem_at
from convspec.nodes import Node, resolve

DEEPEST = 60
"""Levels of nesting beyond which a file is refused."""
MOST_VALUES = 500_000
"""Values, aliases written out, beyond which a file is refused."""
LARGEST_FILE = 32 * 1024 * 1024

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # from a command line with bytes that are no UTF-8


def parse(text: str, file: str, *, column_offset: int = 0, source: str | None = None) -> Node:
    """The one document in a YAML text. Raises PipelineError with everything that is wrong with it as YAML.

    `column_offset` and `source` place a text that is a piece of a longer line.
    """
    reader = _Reader(text, file, column_offset, source)
    node = reader.document()
    if reader.problems:
        raise PipelineError(reader.problems)
    return node


def split_lines(text: str) -> list[str]:
    """The lines of a text as YAML counts them."""
    return re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text)


class _StopError(Exception):
    """Nothing after this point can be read; the problem is noted already."""


class _Reader:
    """Builds nodes from the parser's events, which come one by one, so that depth and size stay under control."""

    def __init__(self, text: str, file: str, column_offset: int, source: str | None) -> None:
        self.text, self.file, self.column_offset = text, file, column_offset
        self.lines = [source] if source is not None else split_lines(text)
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
        half = _HALF_CHARACTER.search(self.text)
        if half is not None:
            self._stop(
                self._mark(0, half.start()), "here stands a byte that is no text in UTF-8.", "Write it in UTF-8."
            )
        try:
            for event in yaml.parse(self.text, Loader=loader):
                if not isinstance(event, yaml.StreamStartEvent):
                    yield event
        except yaml.YAMLError as error:
            from convspec.yaml_errors import explain

            line, column, message, hint = explain(error, self.text)
            self._stop(self._mark(line, column), message, hint)

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
            self._stop(mark, f"this is nested more than {DEEPEST} levels deep.", "Is a closing bracket missing?")
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
        values: dict[str, Node] = {}
        key_marks: dict[str, Mark] = {}
        merged: list[Node] = []
        last = Node(None, mark)
        while not isinstance(following := next(events), yaml.MappingEndEvent):
            is_merge = isinstance(following, yaml.ScalarEvent) and following.value == "<<" and following.implicit[0]
            key = self._node(following, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if is_merge:
                merged.append(value)
            elif not isinstance(key.value, str):
                self._wrong_key(key, following, last)
            elif key.value in values:
                line = key_marks[key.value].line
                message = f"the key {key.value} stands here a second time; the first is in line {line}."
                self._note(key.mark, message, "Keep one of the two.")
            else:
                values[key.value], key_marks[key.value] = value, key.mark
            last = value
        for value in merged:
            self._merge(value, values, key_marks)
        return Node(values, mark, key_marks)

    def _wrong_key(self, key: Node, event: yaml.Event, before: Node) -> None:
        """A key that is no word; after a number, digits are what somebody wrote behind a decimal comma."""
        got = getattr(event, "value", "") or "nothing"
        hint = "Put it in quotes, if it is meant."
        if isinstance(key.value, int) and isinstance(before.value, int):
            hint = f"If it belongs to a number, write a decimal point: {before.value}.{got}."
        if isinstance(key.value, list | dict):
            got, hint = "a list or a mapping", "Write `key: value`."
        self._note(key.mark, f"a key must be a word. Got {got}.", hint)

    def _merge(self, value: Node, values: dict[str, Node], key_marks: dict[str, Mark]) -> None:
        """`<<: *anchor` or `<<: [*one, *two]`: keys that are not there already."""
        for source in value.value if isinstance(value.value, list) else [value]:
            if not isinstance(source.value, dict):
                self._note(source.mark, "<< takes a mapping, or a list of mappings.", "")
                continue
            for key, item in source.value.items():
                if key not in values:
                    values[key], key_marks[key] = item, source.key_marks[key]

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
                f"the file holds more than {MOST_VALUES:,} values, aliases written out.",
                "Keep data in files and name them under data.",
            )

    def _check_tag(self, tag: str | None, kind: str, mark: Mark) -> None:
        if tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            written = (tag or "").replace("tag:yaml.org,2002:", "!!")
            self._note(mark, f"the tag {written} is not accepted.", "Write the value without a tag.")

    def _at(self, event: yaml.Event) -> Mark:
        begin = event.start_mark
        assert begin is not None
        return self._mark(begin.line, begin.column)

    def _mark(self, line: int, column: int) -> Mark:
        line = min(line, len(self.lines) - 1)
        source = self.lines[line]
        return Mark(self.file, line + 1, column + 1 + self.column_offset, source)

    def _note(self, mark: Mark, message: str, hint: str) -> None:
        self.problems.append(problem_at(mark, message, hint))

    def _stop(self, mark: Mark, message: str, hint: str) -> None:
        self._note(mark, message, hint)
        raise _StopError
