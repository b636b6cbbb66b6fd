"""The strict immutable model that every part of a pipeline file is, its fields and its rules.

It reads like a Pydantic model and Pydantic's core checks its values, but it is compiled when the first value needs it:
importing `pydantic.BaseModel` takes longer than everything else that `convspec check` does (`benchmarks/startup.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, NamedTuple, NoReturn, Self, dataclass_transform, get_args, get_origin, get_type_hints

from pydantic_core import CoreConfig, CoreSchema, PydanticCustomError, SchemaValidator, core_schema

from convspec.forms import limited, schema_of

STRICT = CoreConfig(strict=True, extra_fields_behavior="forbid", allow_inf_nan=False)
_REQUIRED: Any = object()


class Field(NamedTuple):
    """A field: its default or what makes one, its key in a file, a sentence for the reference, limits, and its type."""

    default: Any = _REQUIRED
    default_factory: Callable[[], Any] | None = None
    alias: str | None = None
    description: str = ""
    limits: Mapping[str, Any] = {}
    annotation: Any = None

    @property
    def is_required(self) -> bool:
        return self.default is _REQUIRED and self.default_factory is None

    def schema(self) -> core_schema.ModelField:
        """What Pydantic's core checks the field by."""
        schema = limited(schema_of(self.annotation), self.limits)
        if self.default_factory is not None:
            schema = core_schema.with_default_schema(schema, default_factory=self.default_factory)
        elif self.default is not _REQUIRED:
            schema = core_schema.with_default_schema(schema, default=self.default)
        return core_schema.model_field(schema, validation_alias=self.alias, metadata={"description": self.description})


def field(
    *,
    default: Any = _REQUIRED,
    default_factory: Callable[[], Any] | None = None,
    alias: str | None = None,
    description: str = "",
    **limits: Any,
) -> Any:
    """Says more of a field than its type. `limits` are those of Pydantic: ge, gt, le, lt, min_length, max_length, pattern."""
    return Field(default, default_factory, alias, description, limits)


class Rule(NamedTuple):
    """A method that holds fields against each other once each of them is right; it raises `broken`."""

    check: Callable[[Any], None]

    def schema(self, inner: CoreSchema) -> CoreSchema:
        def checked(spec: Any) -> Any:
            self.check(spec)
            return spec

        return core_schema.no_info_after_validator_function(checked, inner)


def broken(text: str, *, field: str = "", hint: str = "") -> PydanticCustomError:
    """What a rule raises: itself in words, the field that is pointed at, and what to do."""
    return PydanticCustomError("rule", "{text}", {"text": text, "field": field, "hint": hint})


def rule(check: Callable[[Any], None]) -> Rule:
    """Makes a method a rule of its class."""
    return Rule(check)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Spec:
    """A part of a pipeline file: immutable, no unknown keys, nothing converted silently (`"3"` is not 3).

    Raises pydantic_core.ValidationError where a value is wrong.
    """

    __slots__ = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")

    def __init__(self, **values: Any) -> None:
        self.validator().validate_python(values, self_instance=self)

    @classmethod
    @cache
    def fields(cls) -> Mapping[str, Field]:
        """The fields by their names in Python, those of base classes first."""
        types = get_type_hints(cls, include_extras=True).items()
        return {name: _field_of(cls, name, form) for name, form in types if get_origin(form) is not ClassVar}

    @classmethod
    def schema(cls) -> CoreSchema:
        """What Pydantic's core checks values by."""
        fields = {name: one.schema() for name, one in cls.fields().items()}
        inside = core_schema.model_fields_schema(fields, model_name=cls.__name__)
        schema: CoreSchema = core_schema.model_schema(cls, inside, config=STRICT)
        for base in reversed(cls.__mro__):
            for rule in vars(base).values():
                schema = rule.schema(schema) if isinstance(rule, Rule) else schema
        return schema

    @classmethod
    def json_schema_rules(cls) -> Mapping[str, Any]:
        """What a JSON Schema says besides the fields."""
        return {}

    @classmethod
    def key_names(cls) -> tuple[str, ...]:
        """What the fields are called in a file."""
        return tuple(field.alias or name for name, field in cls.fields().items())

    @classmethod
    def below(cls, key: str) -> type[Spec]:
        """The spec that a key of a file holds; this one where it holds none."""
        annotations = (one.annotation for name, one in cls.fields().items() if key == (one.alias or name))
        return next((spec for annotation in annotations for spec in _specs_in(annotation)), cls)

    @classmethod
    @cache
    def validator(cls) -> SchemaValidator:
        """The compiled schema."""
        return SchemaValidator(cls.schema(), STRICT)

    @classmethod
    def of(cls, value: object) -> Self:
        """The spec that a plain value spells. Raises pydantic_core.ValidationError with everything that is wrong with it."""
        spec: Self = cls.validator().validate_python(value)
        return spec

    def is_given(self, name: str) -> bool:
        """Whether a file gave the field, rather than its default."""
        given: set[str] = object.__getattribute__(self, "__pydantic_fields_set__")
        return name in given

    def plain(self) -> Any:
        """The plain value that spells the spec, every default written out, fields that are None left out."""
        values = {one.alias or name: getattr(self, name) for name, one in self.fields().items()}
        return {name: _plain(value) for name, value in values.items() if value is not None}

    def _values(self) -> tuple[Any, ...]:
        return (type(self), *(getattr(self, name) for name in self.fields()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields())
        return f"{type(self).__name__}({values})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __getstate__(self) -> dict[str, Any]:
        return vars(self)


def _field_of(cls: type[Spec], name: str, annotation: Any) -> Field:
    value = getattr(cls, name, _REQUIRED)
    return (value if isinstance(value, Field) else Field(value))._replace(annotation=annotation)


def _plain(value: Any) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.plain() if isinstance(value, Spec) else value


def _specs_in(annotation: Any) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for argument in get_args(annotation):
        yield from _specs_in(argument)
