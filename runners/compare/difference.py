"""What differs between two plans: layers side by side, settings by their paths, totals with their ratios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from convspec.layers.layer import by
from convspec.loading import Loaded
from convspec.plan import LayerPlan
from runners.report import describe_layer

TOTALS = ("parameters", "multiply_adds", "activation_bytes")
_WITHIN = ("name", "layers", "branches")
"""Fields of a layer that are told elsewhere: as its name, and as layers of their own."""


class Change(NamedTuple):
    """A setting that differs; None where one side does not have it."""

    path: str
    a: str | None
    b: str | None


class Standing(NamedTuple):
    """A layer and how deep within others it stands."""

    plan: LayerPlan
    depth: int

    @property
    def settings(self) -> dict[str, str]:
        """Its fields, flat."""
        plain = self.plan.layer.plain()
        fields = next(iter(plain.values())) if isinstance(plain, Mapping) else {}
        return _flat({name: value for name, value in fields.items() if name not in _WITHIN})

    @property
    def given(self) -> dict[str, str]:
        """Those of its fields that the file gives."""
        layer = self.plan.layer
        names = {one.alias or name for name, one in layer.fields().items() if layer.is_given(name)}
        return {path: value for path, value in self.settings.items() if path.partition(".")[0] in names}


@dataclass(frozen=True)
class Pairing:
    """A layer of one side beside its counterpart, or alone."""

    a: Standing | None
    b: Standing | None

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The settings that differ where both sides have the layer."""
        if self.a is None or self.b is None:
            return ()
        return _changes(self.a.settings, self.b.settings)

    @property
    def change(self) -> str:
        """`same`, `changed`, `removed` (a alone has it) or `added` (b alone)."""
        if self.a is None or self.b is None:
            return "added" if self.a is None else "removed"
        return "same" if not self.changes and self._figures(self.a) == self._figures(self.b) else "changed"

    def plain(self) -> dict[str, Any]:
        """The pairing for `--json`."""
        a, b = (None if one is None else describe_layer(one.plan) for one in (self.a, self.b))
        return {"change": self.change, "a": a, "b": b, "settings": [change._asdict() for change in self.changes]}

    @staticmethod
    def _figures(one: Standing) -> tuple[object, ...]:
        plan = one.plan
        return plan.input_shape, plan.output_shape, plan.parameter_count, plan.multiply_adds


@dataclass(frozen=True)
class Difference:
    """Two pipelines side by side, called `a` and `b`."""

    a: Loaded
    b: Loaded

    @cached_property
    def settings(self) -> tuple[Change, ...]:
        """What differs beside the network, `path` as in the file."""
        return _changes(*(_flat(_beside_the_network(one)) for one in (self.a, self.b)))

    @cached_property
    def layers(self) -> tuple[Pairing, ...]:
        """All layers in order, those within a layer before it."""
        return tuple(_aligned(*(list(_standing(one.plan.layers)) for one in (self.a, self.b))))

    def total(self, name: str) -> tuple[int, int, float | None]:
        """One of `TOTALS` of each side, and the second by the first, where that is not 0."""
        a, b = (getattr(one.plan, name.replace("parameters", "parameter_count")) for one in (self.a, self.b))
        return a, b, b / a if a else None

    def plain(self) -> dict[str, Any]:
        """The difference for `--json`."""
        totals = {name: dict(zip(("a", "b", "ratio"), self.total(name), strict=True)) for name in TOTALS}
        return {
            "a": self.a.file,
            "b": self.b.file,
            "same": not self.settings and all(pairing.change == "same" for pairing in self.layers),
            "settings": [change._asdict() for change in self.settings],
            "layers": [pairing.plain() for pairing in self.layers],
            "input_shapes": [by(one.plan.data.shape) for one in (self.a, self.b)],
            "totals": totals,
        }


def _aligned(a: Sequence[Standing], b: Sequence[Standing]) -> Iterator[Pairing]:
    """Layers of the same kind and depth beside each other, in the longest common order; given names must be the same, too."""
    matcher = SequenceMatcher(None, [_key(one) for one in a], [_key(one) for one in b], autojunk=False)
    for what, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        left, right = a[a_from:a_to], b[b_from:b_to]
        if what == "equal" or [_kind(one) for one in left] == [_kind(one) for one in right]:
            yield from map(Pairing, left, right)
        else:
            yield from chain((Pairing(one, None) for one in left), (Pairing(None, one) for one in right))


def _key(one: Standing) -> tuple[int, str, str | None]:
    return (*_kind(one), one.plan.layer.name)


def _kind(one: Standing) -> tuple[int, str]:
    return one.depth, one.plan.kind


def _standing(layers: Sequence[LayerPlan], depth: int = 0) -> Iterator[Standing]:
    for layer in layers:
        for stack in layer.stacks:
            yield from _standing(stack, depth + 1)
        yield Standing(layer, depth)


def _beside_the_network(one: Loaded) -> dict[str, Any]:
    plain = one.pipeline.plain()
    return {key: value for key, value in plain.items() if key not in ("network", "description")}


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[Change, ...]:
    paths = [*a, *(path for path in b if path not in a)]
    return tuple(Change(path, a.get(path), b.get(path)) for path in paths if a.get(path) != b.get(path))


def _flat(value: object, path: str = "") -> dict[str, str]:
    """Every value under its path; a list is one value."""
    if isinstance(value, Mapping) and value:
        inner = (_flat(one, f"{path}.{key}" if path else str(key)) for key, one in value.items())
        return {key: text for found in inner for key, text in found.items()}
    return {path: str(value).lower() if isinstance(value, bool) else str(value)} if path else {}
