"""From a file to a checked pipeline and its plan, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import SchemaValidator, ValidationError

from convspec import shipped, variations
from convspec.data import DataSource, Description
from convspec.document import LARGEST_FILE, parse
from convspec.errors import PipelineError, Problem, UserError
from convspec.nodes import Node
from convspec.paths import apply_setting
from convspec.pipeline import Pipeline
from convspec.pipeline_file import PipelineFile
from convspec.places import Places
from convspec.plan import Plan, PlanError, plan
from convspec.spec import STRICT
from convspec.training import Training

if TYPE_CHECKING:
    from convspec.searching import Searching

MOST_UNREADABLE = 5
"""Bytes that are no text beyond which a line is not shown: it is not of a text file."""
_REPLACED = "\ufffd"


class Loaded(NamedTuple):
    """A pipeline that is right, its plan, and the folder that its file paths start from."""

    pipeline: Pipeline
    plan: Plan
    folder: Path
    file: str


class Member(NamedTuple):
    """One architecture with one seed, out of several."""

    architecture: str
    seed: int
    loaded: Loaded


class Several(NamedTuple):
    """Every architecture of a file with every seed, all of them right; `text` is what the file says."""

    members: tuple[Member, ...]
    folder: Path
    file: str
    text: str

    @property
    def experiment(self) -> str:
        return self.members[0].loaded.pipeline.experiment

    @property
    def description(self) -> str:
        return self.members[0].loaded.pipeline.description

    @property
    def architectures(self) -> tuple[Member, ...]:
        """The first member of each architecture."""
        return tuple({member.architecture: member for member in reversed(self.members)}.values())[::-1]


def load(file: str | Path, settings: Sequence[str] = ()) -> Loaded:
    """Reads and checks a file (or a shipped pipeline by its name), with `PATH=VALUE` settings put in. `FILE@ARCHITECTURE` is
    one of several architectures, with the first seed.

    Raises PipelineError with every problem found, sorted by place, or where the file holds several pipelines.
    """
    name, _, architecture = str(file).rpartition("@")
    if name and not find(str(file)).is_file():
        return _one_of(load_all(name, settings), architecture, str(file))
    return _only(load_all(file, settings))


def load_all(file: str | Path, settings: Sequence[str] = ()) -> Loaded | Several | Searching:
    """The same for a file that may hold several pipelines."""
    path = find(str(file))
    return load_all_text(_read(path), str(file), folder=path.parent, settings=settings)


def load_text(text: str, file: str, *, folder: Path, settings: Sequence[str] = ()) -> Loaded:
    """The one pipeline of a text at hand; `file` is what messages call it."""
    return _only(load_all_text(text, file, folder=folder, settings=settings))


def load_all_text(text: str, file: str, *, folder: Path, settings: Sequence[str] = ()) -> Loaded | Several | Searching:
    """The same for a text that may hold several pipelines."""
    tree = _apply(settings, parse(text, file))
    if tree.child("search") is not None:
        from convspec.searching import searching

        return searching(tree, file, folder=folder, text=text, check=partial(check_tree, file=file, folder=folder))
    if not variations.are_several(tree):
        return check_tree(tree, file, folder=folder)
    found = variations.expand(tree, partial(check_tree, file=file, folder=folder))
    members = tuple(Member(one.architecture, one.seed, loaded) for one, loaded in found)
    return Several(members, folder, file, text)


def _only(found: Loaded | Several | Searching) -> Loaded:
    if isinstance(found, Loaded):
        return found
    if not isinstance(found, Several):
        return found.base
    names = ", ".join(f"{found.file}@{member.architecture}" for member in found.architectures)
    raise _nowhere(Path(found.file), "the file holds several pipelines.", f"Take one of them: {names}.")


def _one_of(found: Loaded | Several | Searching, architecture: str, file: str) -> Loaded:
    if not isinstance(found, Several):
        raise _nowhere(Path(file), f"{found.file} holds one pipeline.", f"Leave out @{architecture}.")
    for member in found.members:
        if member.architecture == architecture:
            return member.loaded._replace(file=file)
    from convspec.hints import did_you_mean

    names = [member.architecture for member in found.architectures]
    hint = did_you_mean(architecture, names, what="There are")
    raise _nowhere(Path(file), f"{found.file} has no architecture {architecture}.", hint)


def check_tree(tree: Node, file: str, *, folder: Path) -> Loaded:
    """The same for values that are read already, with their places."""
    places = Places(tree)
    if not isinstance(places.plain, Mapping):
        raise PipelineError([_no_mapping(places)])
    problems: list[Problem] = []
    pipeline = _validate(places, problems)
    drawn = _plan(pipeline, places, folder, problems)
    if pipeline is None or drawn is None or problems:
        raise PipelineError(problems)
    return Loaded(pipeline, drawn, folder, file)


def read_tree(file: str) -> Node:
    """The values of a file, or of a shipped pipeline, with their places, before anything in them is checked.

    Raises PipelineError where the file cannot be read, or is no mapping.
    """
    tree = parse(_read(find(file)), file)
    if not isinstance(tree.value, dict):
        raise PipelineError([_no_mapping(Places(tree))])
    return tree


def find(file: str) -> Path:
    """The path of a file, or of a shipped pipeline where `file` is just its name."""
    path, known = Path(file), shipped.find(file)
    return path if known is None or path.is_file() else known


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise _nowhere(path, "there is no such file.", _files_like(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _nowhere(path, f"the file cannot be read: {reason}.", "Give a YAML file.") from None
    if len(content) > LARGEST_FILE:
        raise _nowhere(path, "the file is larger than 32 MiB.", "Keep data in files and name them under data.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_text(path, content, error.start) from None


def _files_like(path: Path) -> str:
    from convspec.hints import nearest

    files = [each.name for each in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    near = nearest(path.name, files)
    return f"Did you mean {path.with_name(near)}?" if near else f"Shipped pipelines: {', '.join(shipped.names())}."


def _no_text(path: Path, content: bytes, position: int) -> PipelineError:
    """Bytes that are no UTF-8, with their place in what can be read of their line."""
    start = content.rfind(b"\n", 0, position) + 1
    line = content[start:].split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    column = len(content[start:position].decode("utf-8")) + 1
    message = f"the file is not text in UTF-8. Got the byte 0x{content[position]:02x}."
    unreadable = sum(character == _REPLACED or not character.isprintable() for character in line.replace("\t", " "))
    source = line.replace(_REPLACED, "?") if unreadable <= MOST_UNREADABLE else ""
    hint = "Save it as UTF-8, not UTF-16." if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "Save it as UTF-8."
    return PipelineError([Problem(str(path), content.count(b"\n", 0, position) + 1, column, "", message, hint, source)])


def _no_mapping(places: Places) -> Problem:
    from convspec.values import shown

    hint = "`convspec new FILE` writes one to begin with."
    if places.plain is None:
        return places.problem((), "the file is empty.", hint)
    return places.problem((), f"a pipeline is a mapping of keys to values. Got {shown(places.plain)}.", hint)


def _nowhere(path: Path, message: str, hint: str) -> PipelineError:
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
        return Pipeline.of(places.plain)
    except ValidationError as error:
        from convspec.messages import problems_of

        problems += problems_of(error, places, PipelineFile)
        return None


def _plan(pipeline: Pipeline | None, places: Places, folder: Path, problems: list[Problem]) -> Plan | None:
    """The plan, even where something else in the file (the training, say) is still wrong."""
    plain = places.plain
    assert isinstance(plain, Mapping)
    network = pipeline.network if pipeline else _part("network", plain)
    data: DataSource | None = pipeline.data if pipeline else _part("data", plain)
    if network is None or data is None:
        return None
    try:
        description = data.describe(folder)
    except UserError as error:
        problems.append(places.problem(_file_at_fault(data, error), error.message, error.hint))
        return None
    training: Training | None = pipeline.training if pipeline else _part("training", plain)
    problems += _misfits(training, description, places)
    try:
        return plan(network, description)
    except PlanError as error:
        problems += [places.problem(fault.location, f"{fault.message}.", fault.hint) for fault in error.faults]
        return None


def _misfits(training: Training | None, description: Description, places: Places) -> list[Problem]:
    """What in the training does not suit the data."""
    misfit = training.cost.misfit(description) if training else None
    if training is None or misfit is None:
        return []
    kind = training.cost.kind
    if misfit.field:
        return [places.problem(("training", "cost", kind, misfit.field), misfit.message, misfit.hint)]
    subject = kind if training.is_given("cost") else f"{kind}, the default,"
    return [places.problem(("training", "cost"), f"{subject} {misfit.message}", misfit.hint)]


def _file_at_fault(data: DataSource, error: UserError) -> tuple[str, ...]:
    for field in ("images", "labels", "targets"):
        name = getattr(data, field, None)
        if name and name in error.message:
            return ("data", field)
    return ("data",)


def _part(field: str, plain: Mapping[str, object]) -> Any:
    """A part of the file on its own, or None where it is wrong too (which is reported already)."""
    schema = Pipeline.fields()[field].schema()["schema"]
    try:
        return SchemaValidator(schema, STRICT).validate_python(plain.get(field))
    except ValidationError:
        return None
