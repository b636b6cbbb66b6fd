"""The JSON Schema of a pipeline file, which accepts and rejects what a spec does, but for rules across fields."""

from __future__ import annotations

from typing import Any

from pydantic_core import CoreSchema

from convspec.choice import Choice, Option
from convspec.spec import Spec

_TYPES = {"int": "integer", "float": "number", "str": "string", "bool": "boolean"}
_LIMITS = {
    "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
    "pattern": "pattern", "min_length": "minLength", "max_length": "maxLength",
}  # fmt: skip
_LIST_LIMITS = {"min_length": "minItems", "max_length": "maxItems"}

Json = dict[str, Any]


def json_schema_of(spec: type[Spec]) -> Json:
    """The JSON Schema (draft 2020-12) of the plain values that spell a spec."""
    definitions: Json = {}
    schema = {**_object_of(spec, definitions), **spec.json_schema_rules()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": definitions}


def _object_of(spec: type[Spec], definitions: Json) -> Json:
    """A spec as an object; where it is a variant, its name is one of the keys."""
    properties: Json = {}
    if issubclass(spec, Choice) and not issubclass(spec, Option):
        properties[spec.key] = {"const": spec.word()}
    required = list(properties)
    for name, field in spec.fields().items():
        core: Any = field.schema()["schema"]
        key = field.alias or name
        properties[key] = {"description": field.description, **_value(core, definitions)}
        required += [key] if field.is_required else []
    return {
        "description": _first_paragraph(spec),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _value(core: Any, definitions: Json) -> Json:
    """What Pydantic's core checks a value by, as JSON Schema."""
    match core:
        case {"type": "model", "cls": spec}:
            return _object_of(spec, definitions)
        case {"type": "function-plain", "metadata": {"choice": choice}}:
            return _reference(choice, definitions)
        case {"type": "default", "schema": inner}:
            default = {"default": core["default"]} if core.get("default") is not None else {}
            return {**_value(inner, definitions), **default}
        case {"type": "function-before" | "function-after" | "function-wrap", "schema": inner}:
            return _value(inner, definitions)
        case {"type": "nullable", "schema": inner}:
            return {"anyOf": [_value(inner, definitions), {"type": "null"}]}
        case {"type": "tagged-union", "choices": forms}:
            return {"anyOf": [_value(form, definitions) for form in forms.values()]}
        case {"type": "literal", "expected": words}:
            return {"enum": words}
        case {"type": "tuple", "items_schema": items}:
            return _list(core, [_value(item, definitions) for item in items])
        case {"type": "dict", "keys_schema": keys, "values_schema": values}:
            return _mapping(core, _value(keys, definitions), _value(values, definitions))
    kind = {"type": _TYPES[core["type"]]} if core["type"] in _TYPES else {}
    return {**kind, **{_LIMITS[name]: core[name] for name in _LIMITS if name in core}}


def _list(core: CoreSchema, items: list[Json]) -> Json:
    if core.get("variadic_item_index") is None:
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    limits = {_LIST_LIMITS[name]: core[name] for name in _LIST_LIMITS if name in core}
    return {"type": "array", "items": items[0], **limits}


def _mapping(core: Any, keys: Json, values: Json) -> Json:
    least = {"minProperties": core["min_length"]} if "min_length" in core else {}
    return {"type": "object", "propertyNames": keys, "additionalProperties": values, **least}


def _reference(choice: type[Choice], definitions: Json) -> Json:
    """A reference, as layers may hold layers; the definition is written when the choice is first met."""
    if choice.what not in definitions:
        definitions[choice.what] = {}
        definitions[choice.what] = _choice(choice, definitions)
    return {"$ref": f"#/$defs/{choice.what}"}


def _choice(choice: type[Choice], definitions: Json) -> Json:
    options = choice.options()
    objects = {word: _object_of(option, definitions) for word, option in options.items()}
    if not issubclass(choice, Option):
        return {"oneOf": list(objects.values())}
    alone = [word for word, option in options.items() if issubclass(option, Option) and option.needs_no_fields()]
    properties = {word: {"anyOf": [one, {"type": "null"}]} if word in alone else one for word, one in objects.items()}
    one_key = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"anyOf": [{"enum": alone}, {**one_key, "minProperties": 1, "maxProperties": 1}]}


def _first_paragraph(spec: type[Spec]) -> str:
    return " ".join((spec.__doc__ or "").split("\n\n")[0].split())
