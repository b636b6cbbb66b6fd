"""Words: examples whose values are whole numbers from 0, each of which a layer looks up in its table."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convspec.errors import UserError
from runners.data.dataset import Dataset, Examples

_CHUNK_VALUES = 1 << 20


def require_words(dataset: Dataset, words: int) -> None:
    """Raises UserError where an example holds anything but words from 0 to `words` - 1."""
    for part in (dataset.train, dataset.validation, dataset.test):
        for rows, values in _few_at_a_time(part):
            strangers = strangers_among(values, words)
            if strangers.any():
                which = tuple(np.argwhere(strangers)[0])
                raise _no_word(
                    values[which], words, f"example {part.rows[rows][which[0]]} of the data (the first is 0)"
                )


def strangers_among(values: NDArray[Any], words: int) -> NDArray[np.bool_]:
    """Where values are no words: not whole, below 0, or beyond the last one."""
    known: NDArray[np.bool_] = (values >= 0) & (values < words) & (values == np.floor(values))
    return ~known


def require_words_in(values: NDArray[Any], words: int) -> None:
    """The same for examples (n, 1, *extents) at hand."""
    strangers = strangers_among(values, words)
    if strangers.any():
        which = tuple(np.argwhere(strangers)[0])
        raise _no_word(values[which], words, f"example {which[0]} (the first is 0)")


def _few_at_a_time(part: Examples) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """There may be more than fit into memory."""
    step = max(1, _CHUNK_VALUES // prod(part.shape))
    for first in range(0, len(part), step):
        rows = slice(first, first + step)
        yield rows, part.pictures_at(rows)


def _no_word(value: float, words: int, where: str) -> UserError:
    rule = f"with {words:,} words, values are whole numbers from 0 to {words - 1:,}"
    return UserError(
        f"{rule}. Got {value:g} in {where}.", hint="Correct the data, or `words` of the layer `embedding`."
    )
