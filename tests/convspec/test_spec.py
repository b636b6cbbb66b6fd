"""The immutable model: what its constructor accepts, equality, copies, rules across fields, choices."""

from __future__ import annotations

import copy
from typing import Annotated, Any, ClassVar

import pytest
from pydantic_core import ValidationError, core_schema

from convspec.base import Count
from convspec.choice import Option, Variant
from convspec.costs import CrossEntropy
from convspec.data import DataSource, Digits, Split
from convspec.forms import Form
from convspec.layers import Convolution, Dropout, Layer, Pooling, Relu, Repeat
from convspec.optimizers import Adam, Sgd
from convspec.spec import Spec, broken, field, rule
from convspec.training import Training


class Room(Spec):
    """A room."""

    length: Count
    width: Count = field(default=2, le=9)
    label: str | None = None
    doors: tuple[Annotated[str, Form(core_schema.str_schema(max_length=3))], ...] = field(default=(), max_length=2)
    floor: int = field(default=0, alias="storey", description="Counted from the ground.")

    @rule
    def is_not_square(self) -> None:
        if self.length == self.width:
            raise broken("a room is not square", field="width", hint="Make it longer.")


class Hall(Room):
    """A room that is longer."""

    length: Count = 20
    columns: int = 0

    @rule
    def has_columns_in_pairs(self) -> None:
        if self.columns % 2:
            raise broken("columns stand in pairs")


class Drink(Option):
    what: ClassVar[str] = "drink"


class Tea(Drink):
    kind: ClassVar[str] = "tea"
    degrees: int = 80


class Order(Spec):
    drinks: tuple[Drink, ...] = (Tea(),)


class Figure(Variant):
    what: ClassVar[str] = "figure"
    key: ClassVar[str] = "form"
    form: ClassVar[str]


class Circle(Figure):
    form: ClassVar[str] = "circle"
    radius: float


def errors(spec: type[Spec], value: object) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as caught:
        spec.of(value)
    return [(one["type"], *one["loc"]) for one in caught.value.errors()]


class TestFields:
    def test_defaults(self) -> None:
        room = Room(length=3)
        assert (room.length, room.width, room.label, room.doors, room.floor) == (3, 2, None, (), 0)

    def test_the_constructor_checks(self) -> None:
        with pytest.raises(ValidationError, match="width"):
            Room(length=3, width=10)
        with pytest.raises(ValidationError, match="height"):
            Room(length=3, height=1)  # type: ignore[call-arg]

    def test_a_value_is_read_with_the_names_of_a_file(self) -> None:
        room = Room.of({"length": 3.0, "storey": 1, "doors": ["a", "b"]})
        assert (room.length, room.floor, room.doors) == (3, 1, ("a", "b"))
        assert type(room.length) is int

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({}, [("missing", "length")]),
            ({"length": "3"}, [("int_type", "length")]),
            ({"length": True}, [("int_type", "length")]),
            ({"length": 2.5}, [("int_type", "length")]),
            ({"length": 0}, [("greater_than_equal", "length")]),
            ({"length": 3, "width": 10}, [("less_than_equal", "width")]),
            ({"length": 3, "floor": 1}, [("extra_forbidden", "floor")]),
            ({"length": 3, "doors": ["a", "b", "c"]}, [("too_long", "doors")]),
            ({"length": 3, "doors": ["long"]}, [("string_too_long", "doors", 0)]),
            ({"length": 3, "doors": "a"}, [("tuple_type", "doors")]),
            ({"length": 3, "label": 3}, [("string_type", "label")]),
            ([], [("model_type",)]),
            (None, [("model_type",)]),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_what_is_wrong(self, value: object, expected: list[tuple[Any, ...]]) -> None:
        assert errors(Room, value) == expected

    def test_a_limit_of_the_field_is_added_to_those_of_its_type(self) -> None:
        assert errors(Room, {"length": 3, "width": 0}) == [("greater_than_equal", "width")]

    def test_names_in_a_file_and_descriptions(self) -> None:
        assert Room.key_names() == ("length", "width", "label", "doors", "storey")
        assert Room.fields()["floor"].description == "Counted from the ground."
        assert [name for name, one in Room.fields().items() if one.is_required] == ["length"]

    def test_a_subclass_has_the_fields_of_its_base_first_and_may_give_defaults(self) -> None:
        assert Hall.key_names() == (*Room.key_names(), "columns")
        assert Hall().length == 20

    def test_plain_values(self) -> None:
        assert Room(length=3, doors=("a",)).plain() == {"length": 3, "width": 2, "doors": ["a"], "storey": 0}


class TestRules:
    def test_a_broken_rule_is_an_error_of_the_whole(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Room.of({"length": 2})
        (one,) = caught.value.errors()
        assert (one["type"], one["loc"], one["msg"]) == ("rule", (), "a room is not square")
        assert one["ctx"] == {"text": "a room is not square", "field": "width", "hint": "Make it longer."}

    def test_rules_come_after_the_fields(self) -> None:
        assert errors(Room, {"length": 2, "label": 3}) == [("string_type", "label")]

    def test_rules_of_the_base_hold_too(self) -> None:
        assert errors(Hall, {"length": 2}) == [("rule",)]
        with pytest.raises(ValidationError, match="columns stand in pairs"):
            Hall(columns=3)


class TestIdentity:
    def test_nothing_can_be_changed(self) -> None:
        room = Room(length=3)
        with pytest.raises(AttributeError, match="Room is immutable"):
            room.length = 4  # type: ignore[misc]

    def test_equal_values_are_equal_and_have_the_same_hash(self) -> None:
        assert Room(length=3) == Room.of({"length": 3, "width": 2})
        assert hash(Room(length=3)) == hash(Room(length=3, width=2))
        assert Room(length=3) != Room(length=4)
        assert Room(length=20) != Hall()
        assert Room(length=3) != {"length": 3}

    @pytest.mark.parametrize(
        "spec", [Room(length=3), Training(epochs=2), Repeat(times=2, layers=(Relu(), Dropout(rate=0.1)))]
    )
    def test_copies_are_equal(self, spec: Spec) -> None:
        assert copy.copy(spec) == copy.deepcopy(spec) == spec

    def test_it_shows_what_it_is(self) -> None:
        assert repr(Dropout(rate=0.1)) == "Dropout(name=None, rate=0.1)"


class TestChoices:
    def test_a_name_alone_a_key_with_nothing_and_a_key_with_fields(self) -> None:
        values: list[Any] = ["relu", {"relu": None}, {"relu": {}}]
        for value in values:
            assert Layer.of(value) == Relu()
        assert Layer.of({"dropout": {"rate": 0.1}}) == Dropout(rate=0.1)

    def test_an_option_is_written_with_fields_only_where_it_has_any(self) -> None:
        assert Relu().plain() == "relu"
        assert Relu(name="first").plain() == {"relu": {"name": "first"}}
        assert Digits().plain() == {"source": "digits", "split": {"validation": 0.1, "test": 0.2}}

    def test_specs_stand_for_themselves(self) -> None:
        training = Training(epochs=1, optimizer=Sgd(momentum=0.5), cost=CrossEntropy())
        assert training.optimizer == Sgd(momentum=0.5)
        assert Repeat(times=1, layers=(Relu(),)).layers == (Relu(),)

    def test_a_spec_of_another_choice_does_not(self) -> None:
        with pytest.raises(ValidationError, match="optimizer"):
            Training(epochs=1, optimizer=Relu())  # type: ignore[arg-type]

    def test_errors_are_placed_below_the_name(self) -> None:
        assert errors(Layer, {"convolution": {"features": 0}}) == [
            ("greater_than_equal", "convolution", "features"),
            ("missing", "convolution", "size"),
        ]
        assert errors(DataSource, {"source": "digits", "split": {"test": 2}}) == [
            ("less_than", "digits", "split", "test")
        ]

    def test_errors_of_all_entries_of_a_list_are_found(self) -> None:
        value = {
            "times": 1,
            "layers": ["reul", {"dropout": {"rate": 2}}, [], {"repeat": {"times": 0, "layers": ["x"]}}],
        }
        found = [one for one in errors(Repeat, value) if one[0] != "too_short"]
        assert found == [
            ("unknown_option", "layers", 0),
            ("less_than", "layers", 1, "dropout", "rate"),
            ("option_form", "layers", 2),
            ("greater_than_equal", "layers", 3, "repeat", "times"),
            ("unknown_option", "layers", 3, "repeat", "layers", 0),
        ]

    @pytest.mark.parametrize("value", ["relu", [], None, 3])
    def test_a_source_is_a_mapping(self, value: object) -> None:
        assert errors(DataSource, value) == [("model_type",)]

    def test_a_new_option_is_known_once_its_class_is_there(self) -> None:
        assert Order.of({"drinks": ["tea", {"tea": {"degrees": 70}}]}).drinks == (Tea(), Tea(degrees=70))
        assert Order().drinks == (Tea(),)

    def test_a_new_variant_too(self) -> None:
        assert Figure.of({"form": "circle", "radius": 2}) == Circle(radius=2.0)
        assert Circle(radius=2.0).plain() == {"form": "circle", "radius": 2.0}

    def test_the_specs_of_a_file_are_found_by_its_keys(self) -> None:
        assert Training.below("optimizer").below("adam") is Adam
        assert Layer.below("repeat").below("layers").below("pooling") is Pooling
        assert DataSource.below("digits").below("split") is Split
        assert Convolution.below("size") is Convolution
