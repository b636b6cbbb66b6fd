"""YAML as people mean it: what words mean, what is refused, and where everything stands."""

from __future__ import annotations

import math

import pytest

from convspec import document
from convspec.document import DEEPEST, parse
from convspec.errors import PipelineError, Problem
from convspec.nodes import Node

SCALARS: dict[str, object] = {
    "1": 1, "-7": -7, "+7": 7, "0": 0, "010": 10, "007": 7,
    "1.5": 1.5, "-0.5": -0.5, ".5": 0.5, "5.": 5.0, "1e-3": 0.001, "1E3": 1000.0, "1.5e+2": 150.0, "-1e-3": -0.001,
    ".inf": math.inf, "-.inf": -math.inf, "+.Inf": math.inf, "1e999": math.inf,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None, "": None,
    "yes": "yes", "no": "no", "on": "on", "Off": "Off", "y": "y", "N": "N", "nO": "nO", "tRUE": "tRUE",
    "0o17": "0o17", "0x1F": "0x1F", "0b1": "0b1", "1_000": "1_000", "1,5": "1,5", "1.2.3": "1.2.3",
    "12:30": "12:30", "12:30:45": "12:30:45", "2024-05-01": "2024-05-01", "2024-05-01 10:00:00": "2024-05-01 10:00:00",
    "=": "=", "e3": "e3", "1e": "1e", ".": ".", "-": "-", "+": "+", "inf": "inf", "nan": "nan", "infinity": "infinity",
    "none": "none", "None": "None", "nil": "nil",
    '"1"': "1", "'1.5'": "1.5", '"true"': "true", "'null'": "null", '""': "", "''": "",
    "two words": "two words", "ünï": "ünï", '"a\\tb"': "a\tb", "it's": "it's", "9" * 300: int("9" * 300), "9" * 301: 1e301,
}  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), SCALARS.items(), ids=[f"<{word[:20]}>" for word in SCALARS])
def test_a_value_means_what_people_mean(written: str, meant: object) -> None:
    value = plain(f"key: {written}") if written != "-" else {"key": parse("[-]", "f").plain()[0]}  # type: ignore[index]
    assert value == {"key": meant}
    assert type(value["key"]) is type(meant)


def test_not_a_number_is_a_number() -> None:
    value = plain("key: .NaN")["key"]
    assert isinstance(value, float) and math.isnan(value)


def plain(text: str) -> dict[str, object]:
    value = parse(text, "file.yaml").plain()
    assert isinstance(value, dict)
    return value


STRUCTURES: dict[str, tuple[str, object]] = {
    "block": ("a:\n  - 1\n  - b: 2\n", {"a": [1, {"b": 2}]}),
    "list not indented": ("a:\n- 1\n- 2\n", {"a": [1, 2]}),
    "flow": ("{a: [1, {b: 2}]}", {"a": [1, {"b": 2}]}),
    "flow over lines": ("a: [1,\n  2,\n]\n", {"a": [1, 2]}),
    "comments": ("# first\na: 1 # of a\n# last\n", {"a": 1}),
    "hash without a space": ("a: b#c\n", {"a": "b#c"}),
    "document marks": ("---\na: 1\n...\n", {"a": 1}),
    "version": ("%YAML 1.1\n---\na: 1\n", {"a": 1}),
    "folded text": ("a: >\n  one\n  two\n", {"a": "one two\n"}),
    "literal text": ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
    "number in literal text is text": ("a: |-\n  12\n", {"a": "12"}),
    "text over lines": ("a: one\n  two\n", {"a": "one two"}),
    "carriage returns": ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
    "carriage returns alone": ("a: 1\rb: 2\r", {"a": 1, "b": 2}),
    "byte order mark": ("\ufeffa: 1\n", {"a": 1}),
    "tab before a comment": ("a: 1\t# one\n", {"a": 1}),
    "quoted key": ('"a b": 1\n', {"a b": 1}),
    "quoted number as a key": ('"1": 1\n', {"1": 1}),
    "alias": ("a: &x [1, 2]\nb: *x\n", {"a": [1, 2], "b": [1, 2]}),
    "alias of a word": ("a: &x 12\nb: *x\n", {"a": 12, "b": 12}),
    "anchor defined anew": ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
    "merge": ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n", {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}),
    "merge first or last is the same": ("a: &x {p: 1}\nb: {p: 2, <<: *x}\n", {"a": {"p": 1}, "b": {"p": 2}}),
    "merge of several: the first wins": (
        "a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}\n",
        {"a": {"p": 1}, "b": {"p": 2, "q": 2}, "c": {"p": 1, "q": 2}},
    ),
    "merge into a layer": (
        "- &conv {features: 8}\n- convolution: {<<: *conv, size: 3}\n",
        [{"features": 8}, {"convolution": {"size": 3, "features": 8}}],
    ),
    "quoted << is a key like others": ("'<<': 1\n", {"<<": 1}),
    "tags of plain kinds": ("a: !!str 12\nb: !!map {c: 1}\nd: !!seq [1]\n", {"a": "12", "b": {"c": 1}, "d": [1]}),
    "nothing": ("", None),
    "only comments": ("# nothing\n", None),
    "only a word": ("word", "word"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), STRUCTURES.values(), ids=STRUCTURES)
def test_a_document_means_what_people_mean(text: str, meant: object) -> None:
    assert parse(text, "file.yaml").plain() == meant


REFUSED: dict[str, tuple[str, list[tuple[int, int, str]]]] = {
    "keys twice": (
        "a: 1\nb: 2\na: 3\nb: 4\n",
        [
            (3, 1, "the key a stands here a second time; the first is in line 1."),
            (4, 1, "the key b stands here a second time; the first is in line 2."),
        ],
    ),
    "key twice in different quotes": ("{a: 1, 'a': 2}", [(1, 8, "the key a stands here a second time; the first is in line 1.")]),
    "number as a key": ("a:\n  1: x\n", [(2, 3, "a key must be a word. Got 1.")]),
    "truth as a key": ("true: x\n", [(1, 1, "a key must be a word. Got true.")]),
    "no key": ("{: x}\n", [(1, 2, "a key or a value is missing before this.")]),
    "nothing as a key": ("~: x\n", [(1, 1, "a key must be a word. Got ~.")]),
    "list as a key": ("[a]: x\n", [(1, 1, "a key must be a word. Got a list or a mapping.")]),
    "tags": (
        "a: !!float 1\nb: !mine {}\n",
        [(1, 4, "the tag !!float is not accepted."), (2, 4, "the tag !mine is not accepted.")],
    ),
    "unknown alias": ("a: *x\n", [(1, 4, "*x has no anchor &x before it.")]),
    "alias of itself": ("a: &x [*x]\n", [(1, 8, "*x has no anchor &x before it.")]),
    "merge of a word": ("<<: word\n", [(1, 5, "<< takes a mapping, or a list of mappings.")]),
    "merge of words": ("<<: [{a: 1}, word]\n", [(1, 14, "<< takes a mapping, or a list of mappings.")]),
    "second document": ("a: 1\n---\nb: 2\n", [(2, 1, "a second YAML document begins here.")]),
    "tab as indentation": ("a:\n\tb: 1\n", [(2, 1, "a tab stands where YAML wants spaces.")]),
    "bell": ("a: 1\nb: \a\n", [(2, 4, "here stands a character that YAML does not allow.")]),
    "null character": ("a: x\0y\n", [(1, 5, "here stands a character that YAML does not allow.")]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_yaml_or_we_do_not_allow_is_placed(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert [(one.line, one.column, one.message) for one in problems(text)] == expected


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(PipelineError) as caught:
        parse(text, "file.yaml")
    return caught.value.problems


def test_nesting_has_an_end() -> None:
    parse("[" * DEEPEST + "]" * DEEPEST, "file.yaml")
    (problem,) = problems("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))
    assert (problem.column, problem.message) == (DEEPEST + 1, "this is nested more than 60 levels deep.")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_very_deep_nesting_is_refused_like_any_other(opening: str) -> None:
    assert len(problems(opening * 100_000)) == 1


def test_aliases_count_as_if_they_were_written_out() -> None:
    levels = [
        f"{name}: &{name} [{', '.join(f'*{below}' for _ in range(10))}]"
        for below, name in zip("abcdef", "bcdefg", strict=True)
    ]
    (problem,) = problems("\n".join(["a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", *levels]))
    assert problem.message == "the file holds more than 500,000 values, aliases written out."


def test_values_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_VALUES", 100)
    parse(f"[{'1,' * 99}]", "file.yaml")
    (problem,) = problems(f"[{'1,' * 100}]")
    assert problem.column == 2 * 100
    assert problem.message == "the file holds more than 100 values, aliases written out."


class TestMarks:
    def node(self, text: str, *steps: str | int) -> Node:
        node = parse(text, "file.yaml")
        for step in steps:
            following = node.child(step)
            assert following is not None
            node = following
        return node

    def test_values_and_keys_have_lines_columns_and_the_text_of_the_line(self) -> None:
        text = "a: 1\nnetwork:\n  - relu\n  - pooling: {window: 2}\n"
        assert self.node(text, "network", 0).mark == ("file.yaml", 3, 5, "  - relu")
        assert self.node(text, "network", 1, "pooling", "window").mark == (
            "file.yaml",
            4,
            23,
            "  - pooling: {window: 2}",
        )
        assert self.node(text, "network", 1, "pooling").key_marks["window"][1:3] == (4, 15)

    def test_columns_count_characters_not_bytes(self) -> None:
        assert self.node("{ä: ö, b: 1}", "b").mark[1:3] == (1, 11)

    def test_lines_end_as_yaml_says(self) -> None:
        assert self.node("a: 1\r\nb: 2\rc: 3\nd: 4\n", "d").mark == ("file.yaml", 4, 4, "d: 4")

    def test_a_value_that_is_not_there_stands_behind_its_key(self) -> None:
        assert self.node("a:\nb: 1\n", "a").mark[1:3] == (1, 3)

    def test_an_alias_has_the_place_of_what_it_repeats(self) -> None:
        assert self.node("a: &x {p: 1}\nb: *x\n", "b", "p").mark[1:3] == (1, 11)

    def test_merged_keys_have_the_place_where_they_are_written(self) -> None:
        assert self.node("a: &x {p: 1}\nb: {<<: *x}\n", "b").key_marks["p"][1:3] == (1, 8)

    def test_a_text_at_hand_stands_in_the_line_that_it_was_taken_from(self) -> None:
        node = parse("[1, 2]", "--set", column_offset=5, source="size=[1, 2]").child(1)
        assert node is not None
        assert node.mark == ("--set", 1, 10, "size=[1, 2]")
