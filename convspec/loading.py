"""From a file to a checked pipeline and its plan, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from convspec import shipped
from convspec.base import Spec, options_of
from convspec.data import AnySource, DataSource, Split, Tricks
from convspec.document import LARGEST_FILE, Node, parse
from convspec.errors import PipelineError, Problem, UserError
from convspec.hints import nearest
from convspec.layers import Layer
from convspec.messages import Places, problems_of, shown
from convspec.paths import apply_setting
from convspec.pipeline import Network, Pipeline
from convspec.plan import Plan, PlanError, plan
from convspec.training import Cost, Optimizer, Training


@dataclass(frozen=True)
class Loaded:
    """A pipeline that is right, its plan, and the folder that its file paths start from."""

    pipeline: Pipeline
    plan: Plan
    folder: Path
    file: str


def load(file: str | Path, settings: Sequence[str] = ()) -> Loaded:
    """Reads and checks a file (or a shipped pipeline by its name), with `PATH=VALUE` settings put in.

    Raises PipelineError with every problem found, sorted by place.
    """
    path = find(str(file))
    return load_text(_read(path), str(file), folder=path.parent, settings=settings)


def load_text(text: str, file: str, *, folder: Path, settings: Sequence[str] = ()) -> Loaded:
    """The same for a text at hand; `file` is what messages call it."""
    tree = _apply(settings, parse(text, file))
    places = Places(tree)
    if not isinstance(places.plain, Mapping):
        got = "an empty file" if places.plain is None else shown(places.plain)
        message = f"a pipeline is a mapping of keys to values. Got {got}."
        raise PipelineError([places.problem((), message, "`convspec new FILE` writes one to begin with.")])
    problems: list[Problem] = []
    pipeline = _validate(places, problems)
    drawn = _plan(pipeline, places, folder, problems)
    if pipeline is None or drawn is None or problems:
        raise PipelineError(problems)
    return Loaded(pipeline, drawn, folder, file)


def find(file: str) -> Path:
    """The path of a file, or of a shipped pipeline where `file` is just its name."""
    path = Path(file)
    if not path.exists():
        known = shipped.find(file)
        if known is not None:
            return known
    return path


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        near = nearest(path.name, [each.name for each in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else None
        near = f"Did you mean {path.with_name(near)}?" if near else f"Shipped pipelines: {', '.join(shipped.names())}."
        raise _unreadable(path, "there is no such file.", near) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(path, f"cannot be read: {reason}.", "Give a YAML file.") from None
    if len(content) > LARGEST_FILE:
        raise _unreadable(path, "is larger than 32 MiB.", "Keep data in files and name them under data.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "A pipeline is a text file in UTF-8."
        raise PipelineError([Problem(str(path), line, 1, "", "is not UTF-8 text.", hint)]) from None


def _unreadable(path: Path, message: str, hint: str) -> PipelineError:
    return PipelineError([Problem(str(path), 0, 0, "", message, hint)])


def _apply(settings: Sequence[str], tree: Node) -> Node:
    """Every setting put in; what is wrong with any of them is reported together."""
    problems: list[Problem] = []
    for setting in settings:
        try:
            tree = apply_setting(tree, setting)
        except PipelineError as error:
            problems += error.problems
    if problems:
        raise PipelineError(problems)
    return tree


def _validate(places: Places, problems: list[Problem]) -> Pipeline | None:
    try:
        return Pipeline.model_validate(places.plain)
    except ValidationError as error:
        problems += problems_of(error.errors(include_url=False), places, known_keys())
        return None


def _plan(pipeline: Pipeline | None, places: Places, folder: Path, problems: list[Problem]) -> Plan | None:
    """The plan, even where something else in the file (the training, say) is still wrong."""
    plain = places.plain
    assert isinstance(plain, Mapping)
    network = pipeline.network if pipeline else _part(Network, plain.get("network"))
    data: DataSource | None = pipeline.data if pipeline else _part(AnySource, plain.get("data"))
    if network is None or data is None:
        return None
    try:
        description = data.describe(folder)
    except UserError as error:
        problems.append(places.problem(_file_at_fault(data, error), error.message, error.hint))
        return None
    try:
        return plan(network, description)
    except PlanError as error:
        problems.append(places.problem(error.location, f"{error.message}.", error.hint))
        return None


def _file_at_fault(data: DataSource, error: UserError) -> tuple[str, ...]:
    for field in ("images", "labels"):
        name = getattr(data, field, None)
        if name and name in error.message:
            return ("data", field)
    return ("data",)


def _part(form: Any, value: object) -> Any:
    """A part of the file on its own, or None where it is wrong too (which is reported already)."""
    try:
        return TypeAdapter(form).validate_python(value)
    except ValidationError:
        return None


@cache
def known_keys() -> Mapping[str, tuple[str, ...]]:
    """The keys that each section, source, layer, cost and optimizer knows, for hints."""
    sections: dict[str, type[Spec]] = {"": Pipeline, "training": Training, "split": Split, "tricks": Tricks}
    for base in (Layer, Cost, Optimizer):
        sections |= {option.kind: option for option in options_of(base)}
    for union_member in get_args(get_args(AnySource)[0]):
        (name,) = get_args(union_member.model_fields["source"].annotation)
        sections[name] = union_member
    return {name: _keys(section) for name, section in sections.items()}


def _keys(section: type[Spec]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in section.model_fields.items())
