"""Where the pictures come from: one class a source, told apart by `source`, described without being opened."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

from convspec.base import Count, Fraction, Name, NotNegative, Shape
from convspec.choice import Variant
from convspec.dimensions import EXTENT_NAMES, suits, with_channels
from convspec.errors import UserError
from convspec.spec import Spec, broken, field, rule

DIGITS = tuple("0123456789")
GARMENTS = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot",
)  # fmt: skip
MOST_CLASSES = 10_000
"""Classes that labels may tell apart: a table of every class against every class must stay within memory."""
MOST_TARGETS = 10_000
"""Numbers that a network may be asked for at once."""


class Description(NamedTuple):
    """What a source delivers: the shape of one example (channels, *extents), and either the names of its classes or
    those of its targets, which are numbers.

    `low` and `high` are the values of black and white, by which a picture file is brought to the same scale. `may_be_words`:
    nothing speaks against values that are whole numbers from 0, each standing for a word.
    """

    shape: Shape
    classes: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    targets: tuple[str, ...] = ()
    may_be_words: bool = False

    @property
    def votes(self) -> tuple[str, ...]:
        """What each value that the network ends with stands for."""
        return self.targets or self.classes

    @property
    def rank(self) -> int:
        """In how many dimensions values have neighbours."""
        return len(self.shape) - 1


class Split(Spec):
    """Shares of the examples that are kept from training; each class is split alike, targets that are numbers at random."""

    validation: Fraction = field(default=0.1, description="Share by which epochs are judged.")
    test: Fraction = field(
        default=0.2, description="Share for the final figures; ignored where a source brings its own test set."
    )

    @rule
    def leaves_something_to_train_on(self) -> None:
        if self.validation + self.test >= 1:
            total = round(self.validation + self.test, 6)
            text = f"validation and test together must stay below 1. Got {total:g}"
            raise broken(text, hint="Leave something to train on.")


class DataSource(Variant):
    """A source of labelled pictures."""

    what: ClassVar[str] = "source"
    key: ClassVar[str] = "source"
    source: ClassVar[str]

    split: Split = field(default_factory=Split, description="How the examples are divided.")

    @abstractmethod
    def describe(self, folder: Path) -> Description:
        """What the source delivers; files are looked for in `folder`. Raises UserError where a file is needed and wrong."""


class Digits(DataSource):
    """scikit-learn's 1,797 scanned digits of 8 x 8 pixels, shipped with that package; values 0 (paper) to 1 (ink)."""

    source: ClassVar[str] = "digits"

    def describe(self, folder: Path) -> Description:
        return Description((1, 8, 8), DIGITS)


class FashionMnist(DataSource):
    """Fashion-MNIST: 60,000 garments of 28 x 28 pixels to train on and 10,000 to test; values 0 to 1."""

    source: ClassVar[str] = "fashion_mnist"
    path: str = field(default="/usr/share/datasets/fashion-mnist", description="The folder with the four idx files.")

    def describe(self, folder: Path) -> Description:
        return Description((1, 28, 28), GARMENTS)


class FileSource(DataSource):
    """Pictures and labels in files; `shape` and `classes` are read from them where they are not given."""

    images: str = field(description="File with the pictures, or whatever the examples are.")
    dimensions: Count | None = field(
        default=None,
        le=3,
        description="In how many dimensions values have neighbours: 1 (sound, text), 2 (pictures) or 3 (volumes). Left out, it is"
        " 1 for [length], 2 for [height, width] and [channels, height, width], 3 for [channels, depth, height, width].",
    )
    shape: tuple[Count, ...] | None = field(
        default=None,
        min_length=1,
        max_length=4,
        description="The extents of an example, such as [height, width], alone or behind its channels.",
    )
    classes: Count | None = field(
        default=None, ge=1, le=MOST_CLASSES, description="Number of classes; labels are whole numbers from 0."
    )
    values: Literal["scaled", "as_they_are"] = field(
        default="scaled",
        description="`scaled` divides bytes by 255; `as_they_are` takes every number, such as words for `embedding`.",
    )

    @rule
    def shape_has_the_dimensions(self) -> None:
        if self.shape is not None and not suits(self.shape, self.dimensions):
            names = ", ".join(EXTENT_NAMES[self.dimensions or 2])
            numbers = "1 number" if len(self.shape) == 1 else f"{len(self.shape)} numbers"
            text = f"shape has {numbers}, but `dimensions: {self.dimensions}` asks for [{names}] or [channels, {names}]"
            raise broken(text, field="shape", hint="Correct one of the two.")

    def example_shape(self, folder: Path) -> Shape:
        """(channels, *extents), as given or as the header of the file with the examples says."""
        return with_channels(self.shape or self.stored_shape(folder)[1:], self.dimensions)

    def describe(self, folder: Path) -> Description:
        count = self.classes or self.stored_classes(folder)
        return self.describe_examples(folder)._replace(classes=tuple(str(label) for label in range(count)))

    def describe_examples(self, folder: Path) -> Description:
        """The same without a word of what is to be told of them."""
        as_they_are = self.values == "as_they_are"
        return Description(self.example_shape(folder), high=255.0 if as_they_are else 1.0, may_be_words=as_they_are)

    @abstractmethod
    def stored_shape(self, folder: Path) -> Shape:
        """(n, *extents) or (n, channels, *extents), from the header of the file."""

    @abstractmethod
    def stored_classes(self, folder: Path) -> int:
        """The largest label plus one."""


class Idx(FileSource):
    """Any files in MNIST's format, plain or gzipped; bytes 0 to 255 become 0 to 1."""

    source: ClassVar[str] = "idx"
    labels: str = field(description="File with the labels.")
    test_images: str | None = field(default=None, description="File with the pictures of a test set of its own.")
    test_labels: str | None = field(default=None, description="File with the labels of that test set.")

    @rule
    def test_set_has_both_files(self) -> None:
        if (self.test_images is None) != (self.test_labels is None):
            given, missing = sorted(("test_images", "test_labels"), key=lambda name: getattr(self, name) is None)
            raise broken(f"{given} needs {missing} beside it", field=given, hint=f"Add `{missing}: FILE`.")

    def stored_shape(self, folder: Path) -> Shape:
        from convspec import headers

        return headers.idx_shape(folder / self.images, dimensions=self.dimensions)

    def stored_classes(self, folder: Path) -> int:
        from convspec import headers

        return headers.idx_classes(folder / self.labels)


class Arrays(FileSource):
    """NumPy's files: a .npz with `images` and `labels`, or `targets` where numbers are to be told; or two .npy. Read through
    a memory map, so they may outgrow memory.

    Pictures, but also sound, text and volumes: bytes 0 to 255 become 0 to 1, other numbers stay as they are.
    """

    source: ClassVar[str] = "arrays"
    labels: str | None = field(
        default=None, description="File with the labels (.npy); left out where `images` is a .npz."
    )
    targets: str | None = field(
        default=None,
        description="File with numbers to be told instead of classes, (n,) or (n, k); left out where `images` is a .npz.",
    )
    target_names: tuple[Name, ...] | None = field(
        default=None,
        min_length=1,
        max_length=MOST_TARGETS,
        description="What each of these numbers is called; `target`, or `target_1` and so on, where it is left out.",
    )

    @rule
    def truth_has_a_place(self) -> None:
        if self.labels is None and self.targets is None and not self.images.endswith(".npz"):
            text = "labels or targets is required, unless images is a .npz that holds them too"
            raise broken(text, hint="Add `labels: FILE`, or `targets: FILE` where the truth is numbers.")

    @rule
    def truth_is_classes_or_numbers(self) -> None:
        classes, numbers = (
            next((name for name in names if getattr(self, name) is not None), None)
            for names in (("labels", "classes"), ("targets", "target_names"))
        )
        if classes and numbers:
            text = f"{classes} says that the truth is classes, {numbers} that it is numbers"
            raise broken(text, field=numbers, hint=f"Leave out {classes} or {numbers}.")

    @rule
    def target_names_differ(self) -> None:
        twice = _named_twice(self.target_names or ())
        if twice is not None:
            text = f"two targets are called {twice}"
            raise broken(text, field="target_names", hint="Every target needs a name of its own.")

    def describe(self, folder: Path) -> Description:
        if self.holds_numbers(folder):
            targets = self.target_names or self.stored_targets(folder)
            described = self.describe_examples(folder)._replace(targets=targets)
        else:
            described = super().describe(folder)
        if described.may_be_words:
            return described
        return described._replace(may_be_words=not self._holds_bytes(folder / self.images))

    def holds_numbers(self, folder: Path) -> bool:
        """Whether the truth is numbers: as the other fields say, or else as the names in the .npz do."""
        if self.labels is not None or self.classes is not None:
            return False
        if self.targets is not None or self.target_names is not None:
            return True
        from convspec import headers

        return headers.holds_targets(folder / self.images)

    def stored_shape(self, folder: Path) -> Shape:
        from convspec import headers

        path = folder / self.images
        shape = headers.array_shape(
            path, "images", dimensions=self.dimensions, any_numbers=self.values == "as_they_are"
        )
        if (
            len(shape) - 2 == (self.dimensions or max(2, len(shape) - 2)) > 1
            and shape[-1] in (1, 3, 4)
            and shape[1] > 4
        ):
            names = ", ".join(EXTENT_NAMES[len(shape) - 2])
            raise UserError(
                f"{path} looks as if it had its channels last: {' x '.join(map(str, shape))}.",
                hint=f"Store them as (n, channels, {names}): numpy.moveaxis(images, -1, 1). "
                f"If they are right as they are, say so: `shape: [{', '.join(map(str, shape[1:]))}]`.",
            )
        return shape

    def _holds_bytes(self, path: Path) -> bool:
        """As the header says, where the file is needed at all; otherwise anything may be in it."""
        from convspec.npy import array_header

        return (
            not (self.shape and (self.classes or self.target_names)) and array_header(path, "images").dtype[1:] == "u1"
        )

    def stored_classes(self, folder: Path) -> int:
        from convspec import headers

        return headers.array_classes(folder / (self.labels or self.images), "labels")

    def stored_targets(self, folder: Path) -> tuple[str, ...]:
        """A name for each number of an example: `target`, or `target_1` and so on."""
        from convspec import headers

        count = headers.array_targets(folder / (self.targets or self.images), "targets")[1]
        return ("target",) if count == 1 else tuple(f"target_{number}" for number in range(1, count + 1))


class Tricks(Spec):
    """How far a picture may stray from the plain one; each is drawn anew for every picture, from 0 to the strength given."""

    translation: NotNegative = field(default=0.0, le=2, description="Pixels to any side.")
    scaling: NotNegative = field(default=0.0, le=0.5, description="Share by which it grows or shrinks.")
    rotation: NotNegative = field(default=0.0, le=20, description="Degrees to either side.")
    weight: NotNegative = field(default=0.0, le=0.75, description="Share by which strokes get thicker or thinner.")


class XsAndOs(DataSource):
    """Generated pictures of X and O, 9 x 9 pixels: -1 is paper, +1 is ink."""

    source: ClassVar[str] = "xs_and_os"
    examples: Count = field(default=1000, ge=2, le=1_000_000, description="Number of pictures, half of them X.")
    tricks: Tricks = field(default_factory=Tricks, description="The trickier cases.")
    noise: NotNegative = field(default=0.0, le=2, description="Standard deviation of what is added to every pixel.")
    tell: tuple[Literal["row", "column", "scaling", "rotation", "weight"], ...] | None = field(
        default=None,
        min_length=1,
        description="Numbers to be told instead of the letter: how far it was moved down and to the right, in pixels, by which "
        "share it grew, by how many degrees it was turned clockwise, and by which share its strokes got thicker.",
    )

    @rule
    def what_is_told_differs_and_varies(self) -> None:
        twice = _named_twice(self.tell or ())
        if twice is not None:
            raise broken(f"{twice} is to be told twice", field="tell", hint="Once is enough.")
        for target in self.tell or ():
            trick = "translation" if target in ("row", "column") else target
            if getattr(self.tricks, trick) == 0:
                text = f"{target} is 0 for every picture, as data.tricks.{trick} is"
                raise broken(text, field="tell", hint=f"Give data.tricks a strength of {trick}.")

    def describe(self, folder: Path) -> Description:
        if self.tell is not None:
            return Description((1, 9, 9), targets=self.tell, low=-1.0)
        return Description((1, 9, 9), ("X", "O"), low=-1.0)


class FourPixels(DataSource):
    """The camera of four pixels: 2 x 2 pictures, -1 black to +1 white, that are solid, vertical, diagonal or horizontal."""

    source: ClassVar[str] = "four_pixels"
    examples: Count = field(
        default=8, ge=8, le=1_000_000, description="Number of pictures; the first 8 are every possible one."
    )
    noise: NotNegative = field(default=0.0, le=2, description="Standard deviation of what is added to every pixel.")

    def describe(self, folder: Path) -> Description:
        return Description((1, 2, 2), ("solid", "vertical", "diagonal", "horizontal"), low=-1.0)


def _named_twice(names: tuple[str, ...]) -> str | None:
    return next((name for index, name in enumerate(names) if name in names[:index]), None)
