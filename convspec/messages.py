"""What the core found wrong, in a person's words: place, rule, what was got, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pydantic_core import ErrorDetails, ValidationError

from convspec.errors import Problem
from convspec.hints import counterpart, did_you_mean, nearest
from convspec.network import Location
from convspec.places import Places
from convspec.spec import Spec
from convspec.values import correction, shown

_RULES = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "model_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "no_matrix": "must be a matrix, such as [[1, -1], [-1, 1]]",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "may hold only letters, digits, - and _",
}
_EXTENT = "must be a whole number, or one for each dimension: [height, width]"
_PADDING = "must be valid, same, or a whole number of pixels (or one for each dimension)"
_TURNS = "must be a list of values, or a range such as {from: 1, to: 10}"
_FORMS = {
    "as values": _TURNS,
    "as range": _TURNS,
    "as number": _EXTENT,
    "as list": _EXTENT,
    "as rule": _PADDING,
    "as pixels": _PADDING,
    "as list of pixels": _PADDING,
}
"""Rules for values that may be written in several forms, by the name that the core gives to the form."""
_FORM_ERRORS = ("int_type", "literal_error", "too_long", "too_short", "missing", "tuple_type", "model_type")
_EXAMPLES = {
    "experiment": "Begin the file with `experiment: NAME`.",
    "data": "Say where the pictures come from: `data: {source: digits}`.",
    "network": "List the layers under `network:`, one a line, each after `- `.",
    "source": "Write `source: digits`, or another source.",
}
"""What to write where a key is missing."""

_NAMING = ("kind", "type", "layer", "name")
"""Keys under which other programs name a layer."""

_Loc = Sequence[str | int]


def problems_of(error: ValidationError, places: Places, top: type[Spec], *, rules: bool = True) -> list[Problem]:
    """What the core found wrong with a file that should spell the spec `top`, but for what only follows from another.

    `rules`: those across fields are among it.
    """
    found = error.errors(include_url=False)
    details = [one for one in found if not _follows(one, places) and (rules or one["type"] != "rule")]
    meant = [_meant(one, top) for one in details]
    left = [one for one in details if one["type"] != "missing" or one["loc"] not in meant]
    return list(dict.fromkeys(_problem(one, places, top) for one in left))


def _follows(error: ErrorDetails, places: Places) -> bool:
    """A list is reported as too short when its entries are wrong; the entries are reported themselves."""
    value = places.value(places.walk(error["loc"]))
    return error["type"] == "too_short" and isinstance(value, list) and len(value) >= error["ctx"]["min_length"]


def _meant(error: ErrorDetails, top: type[Spec]) -> tuple[str | int, ...]:
    """Where the key would stand that an unknown one was meant to be."""
    if error["type"] != "extra_forbidden":
        return ()
    *owner, word = error["loc"]
    keys = _spec_at(owner, top).key_names()
    return (*owner, counterpart(str(word), keys) or nearest(str(word), keys) or "")


def _spec_at(loc: _Loc, top: type[Spec]) -> type[Spec]:
    """The spec that a location of the core's leads to."""
    return reduce(lambda spec, step: spec.below(step) if isinstance(step, str) else spec, loc, top)


def _problem(error: ErrorDetails, places: Places, top: type[Spec]) -> Problem:
    loc, context = error["loc"], error.get("ctx") or {}
    location = places.walk(loc)
    if loc and loc[-1] == "[key]":
        rule = _rule(error["type"], context) or error["msg"].rstrip(".")
        return places.problem(location, f"{rule}. Got {shown(location[-1])}.", "Choose another name.", at_key=True)
    match error["type"]:
        case "extra_forbidden":
            hint = did_you_mean(str(location[-1]), _spec_at(loc[:-1], top).key_names(), what="Keys here")
            return places.problem(location, f"unknown key {shown(location[-1], quotes=False)}.", hint, at_key=True)
        case "missing" if isinstance(loc[-1], str):
            place = places.walk(loc, absent=True)
            return places.problem(place, "is required.", _required_hint(str(loc[-1]), _spec_at(loc[:-1], top)))
        case "unknown_option":
            return _unknown_option(location, context, places)
        case "option_form":
            return _option_form(location, context, places)
        case "option_missing":
            return _option_missing(location, context, places)
        case "rule":
            at = (*location, context["field"]) if context["field"] else location
            return places.problem(at, f"{context['text']}.", context["hint"])
    return _wrong_value(error, location, places, top)


def _required_hint(key: str, spec: type[Spec]) -> str:
    descriptions = {field.alias or name: field.description for name, field in spec.fields().items()}
    return _EXAMPLES.get(key) or descriptions.get(key, "")


def _unknown_option(location: Location, context: Mapping[str, Any], places: Places) -> Problem:
    """A layer, source, cost or optimizer that there is not; its name is a value, or the one key of a mapping."""
    word, key, value = context["word"], context["key"], places.value(location)
    written = value[key] if isinstance(value, Mapping) and key in value and key != word else word
    message = f"there is no {context['what']} {shown(written, quotes=False)}."
    hint = did_you_mean(word, context["known"], what=f"There are the {context['what']}s")
    if not isinstance(value, Mapping):
        return places.problem(location, message, hint)
    if key in value and key != word:
        return places.problem((*location, key), message, hint)
    if word in _NAMING:
        hint = f"Write `{shown(value[word], quotes=False)}` alone: its name is enough."
    return places.problem((*location, word), message, hint, at_key=True)


def _option_form(location: Location, context: Mapping[str, Any], places: Places) -> Problem:
    value, what = places.value(location), context["what"]
    example = "Write `- relu`, or `- dropout: {rate: 0.5}`." if what == "layer" else f"Write `{what}: NAME`."
    if isinstance(value, Mapping) and len(value) > 1:
        first, second = list(value)[:2]
        example = f"Indent {second} under {first}, or write `{first}: {{{second}: ...}}`."
        if first in _NAMING:
            example = f"Write `{shown(value[first], quotes=False)}: {{{second}: ...}}`: its name is the key."
    return places.problem(location, f"must be one {what}. Got {shown(value)}.", example)


def _option_missing(location: Location, context: Mapping[str, Any], places: Places) -> Problem:
    """The key that names the option is not there; perhaps another key was meant to be it."""
    key, value = context["key"], places.value(location)
    words = list(value) if isinstance(value, Mapping) else []
    meant = next((word for word in words if counterpart(word, [key]) or nearest(word, [key])), None)
    if meant is None:
        return places.problem((*location, key), "is required.", _EXAMPLES.get(key, ""))
    return places.problem((*location, meant), f"unknown key {meant}.", did_you_mean(meant, [key]), at_key=True)


def _wrong_value(error: ErrorDetails, location: Location, places: Places, top: type[Spec]) -> Problem:
    kind, loc, value = error["type"], error["loc"], places.value(location)
    form = _FORMS.get(str(loc[-2] if kind == "missing" else loc[-1])) if kind in _FORM_ERRORS else None
    rule = form or _rule(kind, error.get("ctx") or {}) or error["msg"].rstrip(".")
    if value is None:
        hint = _required_hint(str(location[-1]), _spec_at(loc[:-1], top))
    elif kind == "model_type" and form is None:
        hint = _mapping_hint(str(location[-1]), value, _spec_at(loc, top))
    else:
        hint = correction(kind, value, error.get("ctx") or {}, pairs=form is not None)
    return places.problem(location, f"{rule}. Got {shown(value)}.", hint)


def _rule(kind: str, context: Mapping[str, Any]) -> str:
    limits = {name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in context.items()}
    if kind == "literal_error":
        limits["expected"] = limits["expected"].replace("'", "")
    if kind == "too_short" and context["min_length"] == 1:
        return "must not be empty"
    if kind == "string_pattern_mismatch" and context["pattern"].startswith("^[A-Za-z]["):
        return "must begin with a letter and hold only letters, digits, - and _"
    return _RULES.get(kind, "").format(**limits)


def _mapping_hint(key: str, value: object, spec: type[Spec]) -> str:
    """What to write where a mapping belongs."""
    keys = [each for each in spec.key_names() if each != "name"]
    if isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value):
        return "Leave out the dashes: they are for lists."
    first, _, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if first in keys and rest[:1].strip():
        return f"A space is missing after the colon: `{first}: {rest}`."
    if not keys:
        return f"Write `{key}` alone."
    example = shown(value, quotes=False) if isinstance(value, str | int | float) else "..."
    return f"Write `{key}: {{{_first(spec, keys)}: {example}}}`."


def _first(spec: type[Spec], keys: Sequence[str]) -> str:
    """The key that a lone value is most likely meant for: the first that is required."""
    required = [field.alias or name for name, field in spec.fields().items() if field.is_required]
    return required[0] if required else keys[0]
