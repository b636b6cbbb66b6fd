"""The digits: the same as scikit-learn gives them, without importing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convspec.data import Digits
from convspec.errors import UserError
from runners.data import digits, load

SOURCE = Digits.of({})


def test_they_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    expected = load_digits()
    test = load(SOURCE, folder=Path(), seed=1, everything_is_test=True).test
    assert np.array_equal(test.pictures_at(slice(None))[:, 0], expected.images.astype(np.float32) / 16)
    assert np.array_equal(test.truth, expected.target)


def test_a_seventh_is_kept_for_nothing_else_than_was_asked() -> None:
    dataset = load(SOURCE, folder=Path(), seed=1)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [1258, 180, 359]
    assert not set(dataset.train.rows) & set(dataset.test.rows)


def test_the_seed_moves_the_split_and_nothing_else() -> None:
    one, two = (load(SOURCE, folder=Path(), seed=seed) for seed in (1, 2))
    assert one.checksum == two.checksum
    assert not np.array_equal(one.test.rows, two.test.rows)
    assert np.array_equal(np.bincount(one.test.truth), np.bincount(two.test.truth))


def test_scikit_learn_is_not_imported() -> None:
    code = (
        "import sys; from pathlib import Path; from convspec.data import Digits; from runners.data import load; "
        "load(Digits(), folder=Path(), seed=1); sys.exit('sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_scikit_learn_a_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"the digits come with scikit-learn\. Got none\. pip install scikit-learn"):
        load(SOURCE, folder=Path(), seed=1)
