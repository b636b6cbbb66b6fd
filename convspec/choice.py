"""Choices: a field whose type stands above several specs takes any of them, named in the file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self

from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

from convspec.spec import STRICT, Spec


class Choice(Spec, ABC):
    """A spec that says its own name in the class attribute `key` is an option; one above it is the choice among those below.

    Options are compiled when a file names them: a network of three kinds of layers does not wait for all the others.
    """

    what: ClassVar[str]
    """What messages call the choice: `layer`."""
    key: ClassVar[str]
    """The class attribute that holds an option's name."""

    @classmethod
    def is_option(cls) -> bool:
        return cls.key in vars(cls)

    @classmethod
    def word(cls) -> str:
        """The option's name."""
        return str(getattr(cls, cls.key))

    @classmethod
    @cache
    def options(cls) -> Mapping[str, type[Self]]:
        """Every option, by its name, in the order of their definition."""
        found: dict[str, type[Self]] = {cls.word(): cls} if cls.is_option() else {}
        for below in cls.__subclasses__():
            found |= below.options()
        return found

    @classmethod
    def below(cls, key: str) -> type[Spec]:
        return super().below(key) if cls.is_option() else cls.options().get(key, cls)

    @classmethod
    def schema(cls) -> CoreSchema:
        if cls.is_option():
            return super().schema()
        return core_schema.no_info_plain_validator_function(cls._chosen, metadata={"choice": cls})

    @classmethod
    def _chosen(cls, value: object) -> Choice:
        if isinstance(value, cls):
            return value
        word, fields = cls._taken_apart(value)
        option = cls.options().get(word)
        if option is None:
            context = {"what": cls.what, "word": word, "key": cls.key, "known": tuple(cls.options())}
            raise PydanticCustomError("unknown_option", "there is no {what} {word}", context)
        chosen: Choice = option._by_word().validate_python({word: fields})[word]
        return chosen

    @classmethod
    @cache
    def _by_word(cls) -> SchemaValidator:
        """Checks `{word: fields}`, so that errors are placed below the word."""
        field = core_schema.typed_dict_field(cls.schema())
        return SchemaValidator(core_schema.typed_dict_schema({cls.word(): field}), STRICT)

    @classmethod
    @abstractmethod
    def _taken_apart(cls, value: object) -> tuple[str, object]:
        """An option's name and its fields, out of a file's plain value. Raises PydanticCustomError where there is no name."""


class Option(Choice):
    """Written as its name alone (`relu`), or as that one key with fields (`dropout: {rate: 0.5}`)."""

    key: ClassVar[str] = "kind"
    kind: ClassVar[str]

    @classmethod
    def needs_no_fields(cls) -> bool:
        """Whether the name alone is enough."""
        return not any(field.is_required for field in cls.fields().values())

    @classmethod
    def _taken_apart(cls, value: object) -> tuple[str, object]:
        if isinstance(value, str):
            return value, {}
        if not isinstance(value, Mapping) or len(value) != 1:
            raise PydanticCustomError(
                "option_form", "a {what} is a name, or one name with its fields", {"what": cls.what}
            )
        ((word, fields),) = value.items()
        return str(word), {} if fields is None else fields

    def plain(self) -> Any:
        fields = super().plain()
        return {self.kind: fields} if fields else self.kind


class Variant(Choice):
    """Written as a mapping that has the name under the key `key`, beside the fields (`source: digits`)."""

    @classmethod
    def key_names(cls) -> tuple[str, ...]:
        return (cls.key, *super().key_names())

    @classmethod
    def _taken_apart(cls, value: object) -> tuple[str, object]:
        if not isinstance(value, Mapping):
            raise PydanticCustomError("model_type", "a {what} is a mapping of keys to values", {"what": cls.what})
        if cls.key not in value:
            raise PydanticCustomError("option_missing", "{key} is required", {"key": cls.key})
        return str(value[cls.key]), {name: field for name, field in value.items() if name != cls.key}

    def plain(self) -> Any:
        return {self.key: self.word(), **super().plain()}
