"""What every part of a pipeline file shares: the strict immutable model, common field types, and "a name alone or one key"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    Tag,
    WrapSerializer,
)
from pydantic_core import CoreSchema, PydanticCustomError

Shape = tuple[int, ...]
"""(channels, height, width) of a picture, or (values,) of a flat list."""


class Spec(BaseModel):
    """A part of a pipeline file: immutable, no unknown keys, nothing converted silently (`"3"` is not 3)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


def _whole(value: object) -> object:
    """`3.0` stands for 3, as it does in JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def tuples(value: object) -> object:
    """Lists as YAML has them, as the immutable sequences that a spec holds."""
    return tuple(tuples(item) for item in value) if isinstance(value, list | tuple) else value


def sequence(value: object) -> object:
    """A list as an immutable sequence, its items untouched."""
    return tuple(value) if isinstance(value, list) else value


Count = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
"""A whole number from 1."""
CountOrZero = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
"""A whole number from 0."""
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
"""A share of a whole: from 0, below 1."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=100)]
"""A name that can stand in a path: letters, digits, - and _, a letter first."""

Vector = Annotated[tuple[float, ...], BeforeValidator(tuples)]
Matrix = Annotated[tuple[tuple[float, ...], ...], BeforeValidator(tuples)]


def _extent_form(value: object) -> str:
    return "pair" if isinstance(value, list | tuple) else "number"


Extent = Annotated[
    Annotated[Count, Tag("number")] | Annotated[tuple[Count, Count], BeforeValidator(tuples), Tag("pair")],
    Discriminator(_extent_form),
]
"""A size, window or stride: one whole number for both directions, or [height, width]."""


def pair(extent: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of an extent."""
    return extent if isinstance(extent, tuple) else (extent, extent)


class Option(Spec):
    """One of several things, written as its name alone (`relu`) or as that one key with fields (`dropout: {rate: 0.5}`)."""

    kind: ClassVar[str]

    @classmethod
    def needs_no_fields(cls) -> bool:
        """Whether the name alone is enough."""
        return not any(field.is_required() for field in cls.model_fields.values())


def options_of(base: type[Option]) -> tuple[type[Option], ...]:
    """Every concrete option class below a base, in the order of their definition."""
    found: list[type[Option]] = [base] if "kind" in base.__dict__ else []
    for option in base.__subclasses__():
        found += options_of(option)
    return tuple(found)


class _OptionForm:
    """Describes to JSON Schema what `one_of` accepts."""

    def __init__(self, options: tuple[type[Option], ...]) -> None:
        self.options = options

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        bodies = handler(core_schema)["oneOf"]
        names = [option.kind for option in self.options if option.needs_no_fields()]
        mappings = []
        for option, body in zip(self.options, bodies, strict=True):
            value = {"anyOf": [body, {"type": "null"}]} if option.needs_no_fields() else body
            mappings.append({"properties": {option.kind: value}, "required": [option.kind]})
        alone: list[dict[str, Any]] = [{"enum": names}] if names else []
        one_key = {"type": "object", "minProperties": 1, "maxProperties": 1, "oneOf": mappings}
        return {"anyOf": [*alone, one_key]}


def one_of(base: type[Option], *, what: str) -> Any:
    """The field type for a choice among the options below `base`; `what` names them in messages."""
    options = options_of(base)
    known = {option.kind: option for option in options}

    def normalise(value: object) -> object:
        if isinstance(value, Option):
            return value
        if isinstance(value, str):
            value = {value: None}
        if not isinstance(value, Mapping) or len(value) != 1:
            raise PydanticCustomError("option_form", "a {what} is a name, or one name with its fields", {"what": what})
        kind, fields = next(iter(value.items()))
        if kind not in known:
            context = {"what": what, "kind": str(kind), "known": tuple(known)}
            raise PydanticCustomError("option_kind", "unknown {what} {kind}", context)
        return {kind: {} if fields is None else fields}

    def tag(value: object) -> str:
        return value.kind if isinstance(value, Option) else str(next(iter(value)))  # type: ignore[call-overload]

    def member(option: type[Option]) -> Any:
        def unwrap(value: object) -> object:
            return value[option.kind] if isinstance(value, Mapping) else value

        def wrap(value: Option, handler: SerializerFunctionWrapHandler) -> str | dict[str, Any]:
            fields = handler(value)
            return {option.kind: fields} if fields else option.kind

        return Annotated[option, BeforeValidator(unwrap), WrapSerializer(wrap), Tag(option.kind)]

    union = reduce(or_, (member(option) for option in options))
    return Annotated[union, Discriminator(tag), _OptionForm(options), BeforeValidator(normalise)]
