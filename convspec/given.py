"""Weights and biases that are given in a file: whether they have the shape that their layer needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convspec.base import Shape
from convspec.layers.layer import Numbers, Parameter, by

_WITHOUT_SAYING = ("he", "zeros", "ones", "normal")
"""Rules for first values that a layer has when its file says none."""


class Misfit(NamedTuple):
    """Given values of a wrong shape: the field, and the entry of it where only one is wrong; the rule, what to do."""

    at: tuple[str | int, ...]
    message: str
    hint: str


def misfit_of(parameter: Parameter) -> Misfit | None:
    """What is wrong with a parameter's given values, if anything is."""
    if parameter.given is None:
        return None
    if parameter.initial not in _WITHOUT_SAYING:
        message = f"is {parameter.initial}, but the weights are given, so none are drawn"
        return Misfit(("initial",), message, "Leave out one of the two.")
    values, shape, axes = parameter.given, parameter.shape, parameter.axes
    found = given_shape(values)
    if found == shape:
        return None
    at: tuple[str | int, ...] = ({"weight": "weights", "bias": "biases"}[parameter.name],)
    if found is None and len(values) == shape[0]:
        index = next(i for i, value in enumerate(values) if given_shape(value) != shape[1:])
        at, found, shape, axes = (*at, index), given_shape(values[index]), shape[1:], axes[1:]
    got = "rows of different lengths" if found is None else by(found)
    return Misfit(at, f"must be {by(shape)} ({' x '.join(axes)}). Got {got}", _difference(found or (), shape, axes))


def given_shape(values: Numbers | float) -> Shape | None:
    """The shape of nested tuples, or None where they are ragged."""
    if not isinstance(values, tuple):
        return ()
    inner = {given_shape(value) for value in values}
    if len(inner) != 1 or None in inner:
        return None if values else (0,)
    (shape,) = inner
    return None if shape is None else (len(values), *shape)


def _difference(found: Shape, shape: Shape, axes: Sequence[str]) -> str:
    """In words, the first axis in which a shape differs."""
    if len(found) != len(shape):
        return "Write lists in lists, one level for each of these."
    axis, got, wanted = next(each for each in zip(axes, found, shape, strict=True) if each[1] != each[2])
    return f"There must be {wanted} {axis.removesuffix('s') if wanted == 1 else axis}, not {got}."
