"""What Pydantic found wrong, in a person's words: place, rule, what was got, what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from convspec.document import Mark, Node
from convspec.errors import Problem
from convspec.hints import did_you_mean
from convspec.network import Location, locations
from convspec.paths import format_path, value_at

_RULES = {
    "missing": "is required.",
    "int_type": "must be a whole number.",
    "float_type": "must be a number.",
    "string_type": "must be text.",
    "bool_type": "must be true or false.",
    "greater_than_equal": "must be at least {ge}.",
    "greater_than": "must be greater than {gt}.",
    "less_than_equal": "must be at most {le}.",
    "less_than": "must be less than {lt}.",
    "finite_number": "must be a finite number.",
    "literal_error": "must be {expected}.",
    "model_type": "must be a mapping of keys to values.",
    "model_attributes_type": "must be a mapping of keys to values.",
    "tuple_type": "must be a list.",
    "too_short": "must have at least {min_length} entries.",
    "too_long": "must have at most {max_length} entries.",
    "string_too_long": "must have at most {max_length} characters.",
    "string_pattern_mismatch": "may hold only letters, digits, - and _.",
    "union_tag_not_found": "is required.",
    "split_total": "{msg}; they are {total}.",
}
_HINTS = {
    "bool_type": "Write true or false, without quotes.",
    "string_type": "Put it in quotes.",
    "model_type": "Indent its keys under it.",
    "model_attributes_type": "Indent its keys under it.",
}


class Places:
    """Where the values of a file stand, by location."""

    def __init__(self, tree: Node) -> None:
        self.tree = tree
        self.plain = tree.plain()
        network = self.plain.get("network") if isinstance(self.plain, Mapping) else None
        names = locations(network)
        self.names = {location: name for name, location in reversed(names.items())}

    def problem(self, location: Location, message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """A problem at the value of a location, or at its key; a key that is missing is placed at what should hold it."""
        mark = self._mark(location, at_key=at_key)
        path = format_path(location, self.names)
        return Problem(mark.file, mark.line, mark.column, path, message, hint, mark.source)

    def _mark(self, location: Location, *, at_key: bool) -> Mark:
        """The mark of a value; of its key where asked, or where there is no value; of its owner where there is no key."""
        node = self.tree
        owner = node.mark
        for step in location:
            following = _child(node, step)
            if following is None:
                return owner
            owner = (node.key_marks or {}).get(step, following.mark)
            node = following
        return owner if at_key or node.value is None else node.mark

    def walk(self, loc: Iterable[str | int], *, absent: bool) -> Location:
        """Pydantic's location without the tags that it puts in for unions; `absent`: the last key is not in the file."""
        steps = list(loc)
        found: list[str | int] = []
        node: Node | None = self.tree
        for index, step in enumerate(steps):
            following = _child(node, step) if node is not None else None
            if following is not None:
                found.append(step)
                node = following
            elif absent and index == len(steps) - 1:
                found.append(step)
        return tuple(found)


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(step)
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


def problems_of(errors: Sequence[ErrorDetails], places: Places, fields: Mapping[str, Iterable[str]]) -> list[Problem]:
    """Pydantic's errors as problems, without those that only follow from another one.

    `fields` gives, for a kind or section, the keys that it knows.
    """
    found = [problem_of(error, places, fields) for error in errors if not _follows(error, places)]
    renamed = {
        f"{problem.path.rpartition('.')[0]}.{word}"
        for problem in found
        if problem.message.startswith("unknown key")
        for word in problem.hint.rstrip(".?").split()[-1:]
    }
    return [each for each in found if each.message != _RULES["missing"] or each.path not in renamed]


def _follows(error: ErrorDetails, places: Places) -> bool:
    """A list is reported as too short when its entries are wrong; the entries are reported themselves."""
    value = value_at(places.plain, places.walk(error["loc"], absent=False))
    return error["type"] == "too_short" and isinstance(value, list) and len(value) >= error["ctx"]["min_length"]


def problem_of(error: ErrorDetails, places: Places, fields: Mapping[str, Iterable[str]]) -> Problem:
    """One of Pydantic's errors as a problem."""
    kind = error["type"]
    location = places.walk(error["loc"], absent=kind == "missing")
    context = dict(error.get("ctx") or {})
    if kind == "extra_forbidden":
        known = fields.get(_owner(error["loc"]), ())
        hint = did_you_mean(str(location[-1]), known)
        return places.problem(location, f"unknown key {location[-1]}.", hint, at_key=True)
    if kind in ("option_form", "option_kind"):
        return _option_problem(kind, location, context, places)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _source_problem(location, context, places, required=kind == "union_tag_not_found")
    if kind == "missing":
        return places.problem(location, _RULES[kind], _required_hint(location))
    rule = _RULES.get(kind, error["msg"].rstrip(".") + ".")
    limits = {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}
    message = rule.format(**{**limits, "msg": error["msg"]})
    value = value_at(places.plain, location)
    hint = _value_hint(kind, value, context)
    if kind == "literal_error" and location[-1] == "padding":
        hint = f"{hint} A whole number stands for that many pixels.".lstrip()
    return places.problem(location, f"{message} Got {shown(value)}.", hint)


def _owner(loc: tuple[str | int, ...]) -> str:
    """The section, kind or source that a wrong key stands in."""
    words = [str(step) for step in loc[:-1] if isinstance(step, str)]
    return words[-1] if words else ""


def _required_hint(location: Location) -> str:
    examples = {
        "experiment": "Begin the file with `experiment: NAME`.",
        "data": "Say where the pictures come from: `data: {source: digits}`.",
        "network": "List the layers under `network:`, one a line, each after `- `.",
        "source": "Write `source: digits`, or another source.",
    }
    return examples.get(str(location[-1]), "") if location else ""


def _option_problem(kind: str, location: Location, context: Mapping[str, Any], places: Places) -> Problem:
    value = value_at(places.plain, location)
    what = context["what"]
    if kind == "option_kind":
        word = context["kind"]
        written = value_at(places.plain, location)
        at_key = isinstance(written, Mapping)
        place = (*location, word) if at_key else location
        message = f"there is no {what} {shown(word, quotes=False)}."
        return places.problem(place, message, did_you_mean((word.split() or [word])[0], context["known"]), at_key=True)
    message = f"must be the name of one {what}, or that name with its fields. Got {shown(value)}."
    hint = f"Write `{'- ' if what == 'layer' else what + ': '}NAME`, or `NAME: {{...}}`."
    if isinstance(value, Mapping) and len(value) > 1:
        first, second = list(value)[:2]
        hint = f"Indent {second} under {first}, or write `{first}: {{{second}: ...}}`."
    return places.problem(location, message, hint)


def _source_problem(location: Location, context: Mapping[str, Any], places: Places, *, required: bool) -> Problem:
    place = (*location, "source")
    if required:
        return places.problem(place, "is required.", _required_hint(place))
    known = [tag.strip().strip("'") for tag in str(context["expected_tags"]).split(",")]
    word = str(context["tag"])
    return places.problem(place, f"there is no source {shown(word, quotes=False)}.", did_you_mean(word, known))


def _value_hint(kind: str, value: object, context: Mapping[str, Any]) -> str:
    if kind == "literal_error" and isinstance(value, str):
        known = [word.strip().strip("'") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        hint = did_you_mean(value, known)
        return "" if hint.startswith("There are") else hint
    if kind in ("int_type", "float_type") and isinstance(value, str):
        return _number_hint(value)
    return _HINTS.get(kind, "")


def _number_hint(value: str) -> str:
    bare = value.replace("_", "").replace(",", "").strip()
    if bare.isdigit():
        return f"Write {bare}, without quotes."
    sides = value.lower().replace("*", "x").split("x")
    if len(sides) == 2 and all(side.strip().isdigit() for side in sides):
        return f"Write [{sides[0].strip()}, {sides[1].strip()}]."
    return ""


def shown(value: object, *, quotes: bool = True) -> str:
    """A value as it stands in the file, cut to a length that fits a line."""
    text = json.dumps(value, ensure_ascii=False, default=str) if quotes or not isinstance(value, str) else value
    text = "nothing" if value is None else text
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 60 else f"{text[:57]}..."
