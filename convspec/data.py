"""Where the pictures come from: one class a source, told apart by `source`, described without being opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from convspec.base import Count, Fraction, NotNegative, Shape, Spec, tuples

DIGITS = tuple("0123456789")
GARMENTS = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot",
)  # fmt: skip


@dataclass(frozen=True)
class Description:
    """What a source delivers: the shape of one picture (channels, height, width) and the names of its classes.

    `low` and `high` are the values of black and white, by which a picture file is brought to the same scale.
    """

    shape: Shape
    classes: tuple[str, ...]
    low: float = 0.0
    high: float = 1.0


class Split(Spec):
    """Shares of the examples that are kept from training; each class is split alike."""

    validation: Fraction = Field(0.1, description="Share by which epochs are judged.")
    test: Fraction = Field(
        0.2, description="Share for the final figures; ignored where a source brings its own test set."
    )

    @model_validator(mode="after")
    def leaves_something_to_train_on(self) -> Split:
        if self.validation + self.test >= 1:
            total = round(self.validation + self.test, 6)
            raise PydanticCustomError("split_total", "validation and test together must stay below 1", {"total": total})
        return self


class DataSource(Spec, ABC):
    """A source of labelled pictures."""

    split: Split = Field(default_factory=Split, description="How the examples are divided.")

    @abstractmethod
    def describe(self, folder: Path) -> Description:
        """What the source delivers; files are looked for in `folder`. Raises UserError where a file is needed and wrong."""


class Digits(DataSource):
    """scikit-learn's 1,797 scanned digits of 8 x 8 pixels, shipped with that package; values 0 (paper) to 1 (ink)."""

    source: Literal["digits"]

    def describe(self, folder: Path) -> Description:
        return Description((1, 8, 8), DIGITS)


class FashionMnist(DataSource):
    """Fashion-MNIST: 60,000 garments of 28 x 28 pixels to train on and 10,000 to test; values 0 to 1."""

    source: Literal["fashion_mnist"]
    path: str = Field("/usr/share/datasets/fashion-mnist", description="The folder with the four idx files.")

    def describe(self, folder: Path) -> Description:
        return Description((1, 28, 28), GARMENTS)


PictureShape = Annotated[tuple[Count, ...], Field(min_length=2, max_length=3), BeforeValidator(tuples)]


class FileSource(DataSource, ABC):
    """Pictures and labels in files; `shape` and `classes` are read from them where they are not given."""

    images: str = Field(description="File with the pictures.")
    shape: PictureShape | None = Field(None, description="[height, width] or [channels, height, width] of a picture.")
    classes: Count | None = Field(None, description="Number of classes; labels are whole numbers from 0.")

    def picture_shape(self, folder: Path) -> Shape:
        """(channels, height, width), as given or as the header of the file with the pictures says."""
        shape = self.shape or self.stored_shape(folder)[1:]
        return shape if len(shape) == 3 else (1, *shape)

    def describe(self, folder: Path) -> Description:
        count = self.classes or self.stored_classes(folder)
        return Description(self.picture_shape(folder), tuple(str(label) for label in range(count)))

    @abstractmethod
    def stored_shape(self, folder: Path) -> Shape:
        """(n, height, width) or (n, channels, height, width), from the header of the file."""

    @abstractmethod
    def stored_classes(self, folder: Path) -> int:
        """The largest label plus one."""


class Idx(FileSource):
    """Any files in MNIST's format, plain or gzipped; bytes 0 to 255 become 0 to 1."""

    source: Literal["idx"]
    labels: str = Field(description="File with the labels.")
    test_images: str | None = Field(None, description="File with the pictures of a test set of its own.")
    test_labels: str | None = Field(None, description="File with the labels of that test set.")

    @model_validator(mode="after")
    def test_set_has_both_files(self) -> Idx:
        if (self.test_images is None) != (self.test_labels is None):
            raise PydanticCustomError("test_pair", "test_images and test_labels go together")
        return self

    def stored_shape(self, folder: Path) -> Shape:
        from convspec import headers

        return headers.idx_shape(folder / self.images)

    def stored_classes(self, folder: Path) -> int:
        from convspec import headers

        return headers.idx_classes(folder / self.labels)


class Arrays(FileSource):
    """NumPy's files: a .npz with `images` and `labels`, or two .npy. Read through a memory map, so they may outgrow memory.

    Whole numbers of 8 bits become 0 to 1; floating-point values stay as they are.
    """

    source: Literal["arrays"]
    labels: str | None = Field(None, description="File with the labels (.npy); left out where `images` is a .npz.")

    @model_validator(mode="after")
    def labels_have_a_place(self) -> Arrays:
        if self.labels is None and not self.images.endswith(".npz"):
            raise PydanticCustomError("labels_missing", "labels is required, unless images is a .npz that holds both")
        return self

    def stored_shape(self, folder: Path) -> Shape:
        from convspec import headers

        return headers.array_shape(folder / self.images, "images")

    def stored_classes(self, folder: Path) -> int:
        from convspec import headers

        return headers.array_classes(folder / (self.labels or self.images), "labels")


class Tricks(Spec):
    """How far a picture may stray from the plain one; each is drawn anew for every picture, from 0 to the strength given."""

    translation: NotNegative = Field(0.0, description="Pixels to any side.", le=2)
    scaling: NotNegative = Field(0.0, description="Share by which it grows or shrinks.", le=0.5)
    rotation: NotNegative = Field(0.0, description="Degrees to either side.", le=20)
    weight: NotNegative = Field(0.0, description="Share by which strokes get thicker or thinner.", le=0.75)


class XsAndOs(DataSource):
    """Generated pictures of X and O, 9 x 9 pixels: -1 is paper, +1 is ink."""

    source: Literal["xs_and_os"]
    examples: Count = Field(1000, description="Number of pictures, half of them X.", ge=2, le=1_000_000)
    tricks: Tricks = Field(default_factory=Tricks, description="The trickier cases.")
    noise: NotNegative = Field(0.0, description="Standard deviation of what is added to every pixel.", le=2)

    def describe(self, folder: Path) -> Description:
        return Description((1, 9, 9), ("X", "O"), low=-1.0)


class FourPixels(DataSource):
    """The camera of four pixels: 2 x 2 pictures, -1 black to +1 white, that are solid, vertical, diagonal or horizontal."""

    source: Literal["four_pixels"]
    examples: Count = Field(
        8, description="Number of pictures; the first 8 are every possible one.", ge=8, le=1_000_000
    )
    noise: NotNegative = Field(0.0, description="Standard deviation of what is added to every pixel.", le=2)

    def describe(self, folder: Path) -> Description:
        return Description((1, 2, 2), ("solid", "vertical", "diagonal", "horizontal"), low=-1.0)


AnySource = Annotated[Digits | FashionMnist | Idx | Arrays | XsAndOs | FourPixels, Field(discriminator="source")]
