"""Answers of a trained network, from the two files in which it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convspec.dimensions import EXTENT_NAMES, NOUNS
from convspec.errors import UserError
from convspec.layers.layer import by
from convspec.loading import Loaded
from runners.data.words import require_words_in
from runners.engines.numpy.network import Network
from runners.files import PIPELINE_FILE, WEIGHTS_FILE, read_pipeline, read_weights

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


@dataclass(frozen=True)
class Predictor:
    """A trained network, and the pipeline that says what its votes stand for."""

    loaded: Loaded
    network: Network

    def votes(self, pictures: NDArray[np.floating]) -> NDArray[np.floating]:
        """(n, channels, *extents), or (n, *extents) for one channel, to votes (n, k), one for each class or target."""
        return self.network.votes(self.as_pictures(pictures))

    def as_pictures(self, pictures: NDArray[np.floating]) -> NDArray[np.floating]:
        """Examples as the network takes them, (n, channels, *extents) float32. Raises UserError where they do not fit."""
        data, words = self.loaded.plan.data, self.loaded.plan.words
        shape, rank, noun = data.shape, data.rank, NOUNS[data.rank]
        if shape[0] == 1 and pictures.ndim in (rank, rank + 1) and pictures.shape[-rank:] == shape[1:]:
            pictures = pictures.reshape(-1, *shape)
        elif pictures.shape == shape:
            pictures = pictures[None]
        if pictures.shape[1:] != shape or pictures.ndim != rank + 2:
            names = " x ".join(("channels", *EXTENT_NAMES[rank]))
            raise UserError(
                f"The network takes {noun}s of {by(shape)} ({names}). Got {by(pictures.shape)}.",
                hint=f"Give one {noun}, or several stacked along the first axis.",
            )
        if words is not None:
            require_words_in(pictures, words)
        return np.ascontiguousarray(pictures, dtype=np.float32)


def load(folder: Path) -> Predictor:
    """The network stored in a model's folder. Executes nothing of what it finds there."""
    loaded = read_pipeline(folder / PIPELINE_FILE)
    weights = read_weights(folder / WEIGHTS_FILE, loaded.pipeline)
    return Predictor(loaded, Network(loaded.plan, weights))


def read_input(path: Path, predictor: Predictor, *, invert: bool = False) -> NDArray[np.floating]:
    """Pictures from a .npy file or a picture file.

    Floating-point numbers are taken as the network was trained on them; bytes and picture files are brought to that scale.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}.", hint="Give a .npy file or a picture (PNG, JPEG, ...).")
    if path.suffix == ".npy":
        pictures = _read_array(path, predictor)
    elif path.suffix.lower() in PICTURE_SUFFIXES:
        pictures = _read_picture(path, predictor)
    else:
        raise UserError(
            f"{path} is neither a .npy file nor a picture.", hint=f"Pictures end in {', '.join(PICTURE_SUFFIXES)}."
        )
    pictures = predictor.as_pictures(pictures)
    if not len(pictures):
        raise UserError(f"{path} holds no pictures.", hint="Give at least one.")
    if not np.isfinite(pictures).all():
        raise UserError(f"{path} holds values that are not finite numbers.")
    data = predictor.loaded.plan.data
    return (data.low + data.high) - pictures if invert else pictures


def _read_array(path: Path, predictor: Predictor) -> NDArray[np.floating]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} is not a .npy file of numbers: {error}.", hint="Write it with numpy.save.") from None
    if array.dtype.kind not in "fiub":
        raise UserError(f"{path} must hold numbers. Got {array.dtype}.")
    values = np.asarray(array, dtype=np.float32)
    return _scaled(values, predictor) if array.dtype == np.uint8 else values


def _scaled(values: NDArray[np.floating], predictor: Predictor) -> NDArray[np.floating]:
    """Bytes from 0 to 255 on the scale of the data that the network was trained on."""
    data = predictor.loaded.plan.data
    if (data.low, data.high) == (0, 255):
        return values
    return np.float32(data.low) + np.float32(data.high - data.low) * (values / np.float32(255))


def _read_picture(path: Path, predictor: Predictor) -> NDArray[np.floating]:
    """A picture file as (channels, height, width), resized, black as the data's lowest value and white as its highest."""
    from PIL import Image, UnidentifiedImageError

    data = predictor.loaded.plan.data
    if data.rank != 2:
        raise UserError(f"The network takes {NOUNS[data.rank]}s, and {path} is a picture.", hint="Give a .npy file.")
    channels, height, width = data.shape
    if channels not in (1, 3):
        raise UserError(f"The network takes {channels} channels, which no picture file has.", hint="Give a .npy file.")
    try:
        with Image.open(path) as image:
            opaque = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
            form = "L" if channels == 1 else "RGB"
            resized = opaque.convert(form).resize((width, height), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a picture: {error}.", hint="Give a PNG or JPEG file.") from None
    values = np.asarray(resized, dtype=np.float32)
    return _scaled(values[None] if channels == 1 else values.transpose(2, 0, 1), predictor)
