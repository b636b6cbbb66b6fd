"""Generated pictures: X and O with their trickier cases, and the camera of four pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from convspec.data import FourPixels, XsAndOs
from runners.data import Dataset, load
from runners.data.xs_and_os import O, Pose, X, render

WORKED_EXAMPLES = Path(__file__).parents[1] / "worked_examples.yaml"
RING = np.array(
    [[1 if mark == "#" else -1 for mark in row] for row in (
        ".........",
        "...###...",
        "..#...#..",
        ".#.....#.",
        ".#.....#.",
        ".#.....#.",
        "..#...#..",
        "...###...",
        ".........",
    )]
)  # fmt: skip
ALL_TRICKS = {"translation": 1, "scaling": 0.2, "rotation": 15, "weight": 0.3}


def load_letters(seed: int = 1, **fields: Any) -> Dataset:
    source = XsAndOs.of(fields)
    return load(source, folder=Path(), seed=seed, everything_is_test=True)


def load_camera(seed: int = 1, **fields: Any) -> Dataset:
    source = FourPixels.of(fields)
    return load(source, folder=Path(), seed=seed, everything_is_test=True)


def pictures(dataset: Dataset) -> NDArray[np.float32]:
    return dataset.test.pictures_at(slice(None))[:, 0]


@pytest.fixture(scope="module")
def image_of_x() -> NDArray[Any]:
    return np.array(yaml.safe_load(WORKED_EXAMPLES.read_text(encoding="utf-8"))["image_of_x"])


def pose(shift: tuple[float, float] = (0, 0), *, growth: float = 1, turn: float = 0, weight: float = 1) -> Pose:
    values = (np.float32([value]) for value in (growth, turn, weight))
    return Pose(np.float32([shift]), *values)


def draw(strokes: NDArray[np.float32], posed: Pose) -> NDArray[np.float32]:
    return render(strokes, posed, size=9)[0]


def test_the_plain_x_is_that_of_the_worked_examples(image_of_x: NDArray[Any]) -> None:
    drawn = load_letters(examples=20)
    assert np.array_equal(pictures(drawn)[::2], np.broadcast_to(image_of_x, (10, 9, 9)))


def test_the_plain_o_is_a_clean_ring() -> None:
    assert np.array_equal(pictures(load_letters(examples=2))[1], RING)


def test_x_and_o_take_turns_in_any_number(image_of_x: NDArray[Any]) -> None:
    drawn = load_letters(examples=9001)
    assert drawn.description.classes == ("X", "O")
    assert np.array_equal(drawn.test.truth, np.arange(9001) % 2)
    expected = np.where(drawn.test.truth[:, None, None] == 0, image_of_x, RING)
    assert np.array_equal(pictures(drawn), expected)


@pytest.mark.parametrize("strokes", [X, O], ids=["X", "O"])
class TestTricks:
    def test_a_shift_by_whole_pixels_moves_the_picture(self, strokes: NDArray[np.float32]) -> None:
        expected = np.roll(draw(strokes, pose()), (1, -1), axis=(0, 1))
        assert np.allclose(draw(strokes, pose((1, -1))), expected, atol=1e-6)

    def test_a_quarter_turn_changes_nothing(self, strokes: NDArray[np.float32]) -> None:
        assert np.allclose(draw(strokes, pose(turn=np.pi / 2)), draw(strokes, pose()), atol=1e-5)

    def test_a_turn_moves_the_ink_clockwise(self, strokes: NDArray[np.float32]) -> None:
        one_stroke = np.float32([[[0, 0], [0, 4]]])  # from the centre to the right
        turned = draw(one_stroke, pose(turn=np.pi / 2))
        assert np.array_equal(turned, draw(np.float32([[[0, 0], [4, 0]]]), pose()))

    def test_growth_moves_the_ends_outwards(self, strokes: NDArray[np.float32]) -> None:
        reach = [np.abs(np.argwhere(draw(strokes, pose(growth=g)) > 0) - 4).max() for g in (2 / 3, 1, 4 / 3)]
        assert reach == [2, 3, 4]

    def test_growth_leaves_the_strokes_as_thick_as_they_are(self, strokes: NDArray[np.float32]) -> None:
        assert np.array_equal(draw(X, pose(growth=4 / 3))[1:8, 1:8], draw(X, pose())[1:8, 1:8])

    def test_weight_adds_ink(self, strokes: NDArray[np.float32]) -> None:
        thin, plain, thick = (draw(strokes, pose(weight=weight)).sum() for weight in (0.5, 1, 1.5))
        assert thin < plain < thick

    def test_strokes_between_pixels_have_soft_edges(self, strokes: NDArray[np.float32]) -> None:
        moved = draw(strokes, pose((0.5, 0)))
        assert ((moved > -0.9) & (moved < 0.9)).any()
        assert np.abs(moved).max() <= 1


@pytest.mark.parametrize("trick", list(ALL_TRICKS))
def test_each_trick_changes_pictures_within_its_strength(trick: str, image_of_x: NDArray[Any]) -> None:
    drawn = pictures(load_letters(examples=200, tricks={trick: ALL_TRICKS[trick]}))
    slight = pictures(load_letters(examples=200, tricks={trick: ALL_TRICKS[trick] / 1000}))
    assert len(np.unique(drawn, axis=0)) > 120
    assert np.abs(drawn).max() <= 1
    assert np.allclose(slight[::2], image_of_x, atol=0.05)


def test_with_all_tricks_the_letters_are_still_where_they_belong() -> None:
    drawn = load_letters(examples=1000, tricks=ALL_TRICKS)
    ink = (pictures(drawn) + 1) / 2
    centres = (ink * np.arange(9)[:, None]).sum(axis=(1, 2)) / ink.sum(axis=(1, 2))
    assert np.abs(centres - 4).max() <= 1.5
    assert abs(centres.mean() - 4) < 0.1
    middle = ink[:, 3:6, 3:6].max(axis=(1, 2))
    assert middle[drawn.test.truth == 0].min() > 0.3


def test_noise_has_the_strength_asked_for() -> None:
    noise = pictures(load_letters(examples=6000, noise=0.3)) - pictures(load_letters(examples=6000))
    assert abs(float(noise.std()) - 0.3) < 0.003
    assert abs(float(noise.mean())) < 0.003


def test_letters_follow_from_the_seed() -> None:
    fields = {"examples": 50, "tricks": ALL_TRICKS, "noise": 0.1}
    one, again, other = load_letters(1, **fields), load_letters(1, **fields), load_letters(2, **fields)
    assert one.checksum == again.checksum != other.checksum
    assert np.array_equal(pictures(one), pictures(again))


def test_fewer_letters_are_the_first_of_more() -> None:
    few, many = (pictures(load_letters(examples=count, tricks=ALL_TRICKS, noise=0.1)) for count in (30, 5000))
    assert np.array_equal(few, many[:30])


def kind(picture: NDArray[np.float32]) -> str:
    """What the words mean: solid is all alike, vertical has columns alike, horizontal rows, diagonal neither."""
    (a, b), (c, d) = picture
    known = {(True, True): "solid", (True, False): "vertical", (False, True): "horizontal"}
    return known.get((bool(a == c and b == d), bool(a == b and c == d)), "diagonal" if a == d and b == c else "none")


def test_the_first_eight_pictures_of_the_camera_are_every_one_there_is() -> None:
    camera = load_camera()
    assert len(np.unique(pictures(camera), axis=0)) == 8
    assert set(np.unique(pictures(camera))) == {-1, 1}
    assert [camera.description.classes[label] for label in camera.test.truth] == [kind(p) for p in pictures(camera)]
    assert np.bincount(camera.test.truth).tolist() == [2, 2, 2, 2]


def test_further_pictures_of_the_camera_repeat_the_first() -> None:
    camera = load_camera(examples=29)
    assert np.array_equal(pictures(camera)[8:], pictures(camera)[:21])
    assert np.array_equal(camera.test.truth[8:], camera.test.truth[:21])


def test_the_camera_is_as_noisy_as_asked() -> None:
    noisy, plain = load_camera(examples=8000, noise=0.2), load_camera(examples=8000)
    assert abs(float((pictures(noisy) - pictures(plain)).std()) - 0.2) < 0.005
    assert np.array_equal(noisy.test.truth, plain.test.truth)
