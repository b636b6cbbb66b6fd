"""Which values of a file a type accepts, as the schema that Pydantic's core checks them by."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from pydantic_core import CoreSchema, core_schema

_PLAIN: dict[object, CoreSchema] = {
    bool: core_schema.bool_schema(),
    float: core_schema.float_schema(),
    int: core_schema.int_schema(),
    str: core_schema.str_schema(),
}


class Form:
    """Says which values of a file a type accepts, where the type alone does not: `Annotated[int, Form(SCHEMA)]`."""

    def __init__(self, schema: CoreSchema) -> None:
        self.schema = schema


class _Checked(Protocol):
    """A class that brings its own schema."""

    def schema(self) -> CoreSchema: ...


def schema_of(annotation: Any) -> CoreSchema:
    """What Pydantic's core checks values of a type by; lists of a file become tuples, mappings stay what they are."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        (form,) = annotation.__metadata__
        assert isinstance(form, Form)
        return form.schema
    if origin is Literal:
        return core_schema.literal_schema(list(arguments))
    if origin is tuple:
        items = [schema_of(item) for item in arguments if item is not Ellipsis]
        last = 0 if Ellipsis in arguments else None
        return core_schema.tuple_schema(items, variadic_item_index=last, strict=False)
    if origin is dict:
        keys, values = (schema_of(argument) for argument in arguments)
        return core_schema.dict_schema(keys, values)
    if origin in (Union, UnionType):
        (inner,) = (one for one in arguments if one is not NoneType)
        return core_schema.nullable_schema(schema_of(inner))
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    checked: _Checked = annotation
    return checked.schema()


def limited(schema: CoreSchema, limits: Mapping[str, Any]) -> CoreSchema:
    """The schema with limits put where the value itself is checked, inside of what wraps it."""
    if not limits:
        return schema
    if "schema" in schema:
        return {**schema, "schema": limited(schema["schema"], limits)}
    return {**schema, **limits}
