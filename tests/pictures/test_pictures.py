"""Pictures of a run: PNG files of a sensible size that show what they should, with no text cut off or over another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from convspec.data import GARMENTS
from runners.pictures import answers, confusion_matrix, curves, first_layer_features
from runners.pictures.trade import trade
from runners.tea.demonstration import compare
from runners.tea.landscape import LANDSCAPES


@dataclass(frozen=True)
class Epoch:
    number: int
    training: dict[str, float]
    validation: dict[str, float]


def epoch(number: int, cost: float, accuracy: float, *validation: float) -> Epoch:
    names = ("cost", "accuracy")
    return Epoch(number, {"cost": cost, "accuracy": accuracy}, dict(zip(names, validation, strict=False)))


class Drawn(list[Figure]):
    """Every figure that was saved, and the texts that were really drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[Text] = []


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    kept = Drawn()
    save, draw_text = Figure.savefig, RendererAgg.draw_text

    def keep_figure(self: Figure, *args: Any, **options: Any) -> None:
        kept.append(self)
        save(self, *args, **options)

    def keep_text(self: RendererAgg, *args: Any, mtext: Text, **options: Any) -> None:
        kept.texts.append(mtext)
        draw_text(self, *args, mtext=mtext, **options)

    monkeypatch.setattr(Figure, "savefig", keep_figure)
    monkeypatch.setattr(RendererAgg, "draw_text", keep_text)
    return kept


def words(drawn: Drawn) -> list[str]:
    return [text.get_text() for text in drawn.texts]


def assert_good(path: Path, drawn: Drawn) -> None:
    """A PNG of some colours, whose texts all stand inside it and apart from each other."""
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert all(200 <= side <= 1600 for side in image.size)
        assert len(set(image.convert("RGB").reduce(4).get_flattened_data())) > 3
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn.texts]
    whole = drawn[0].bbox
    for name, box in boxes:
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1, name
    for (one, a), (other, b) in combinations(boxes, 2):
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        assert apart, f"{one!r} lies over {other!r}"


def history(count: int, *, validated: bool = True) -> list[Epoch]:
    costs = [2.3 / number for number in range(1, count + 1)]
    return [
        epoch(number, cost, 1 - cost / 3, *((1.1 * cost, 1 - cost / 2.5) if validated else ()))
        for number, cost in enumerate(costs, start=1)
    ]


@pytest.mark.parametrize("count", [1, 2, 20, 400])
@pytest.mark.parametrize("validated", [True, False], ids=["validated", "not validated"])
def test_curves_of_any_length(tmp_path: Path, drawn: Drawn, count: int, validated: bool) -> None:
    path = tmp_path / "curves.png"
    assert curves(history(count, validated=validated), "accuracy", path) == path
    assert_good(path, drawn)
    assert {"Cost", "Accuracy", "cost", "accuracy", "epoch", "training"} <= set(words(drawn))
    assert ("validation" in words(drawn)) == validated


def test_curves_show_the_figures_of_the_epochs(tmp_path: Path, drawn: Drawn) -> None:
    epochs = [epoch(1, 2.0, 0.1, 2.5, 0.2), epoch(2, 1.0, 0.6, 1.5, 0.5), epoch(3, 0.5, 0.8, 1.5, 0.4)]
    curves(epochs, "accuracy", tmp_path / "curves.png")
    lines = [[list(line.get_ydata()) for line in axes.get_lines()[:2]] for axes in drawn[0].axes]
    assert lines == [[[2.0, 1.0, 0.5], [2.5, 1.5, 1.5]], [[0.1, 0.6, 0.8], [0.2, 0.5, 0.4]]]


def test_the_first_epoch_of_the_lowest_validation_cost_is_marked(tmp_path: Path, drawn: Drawn) -> None:
    epochs = [epoch(1, 2.0, 0.1, 2.5, 0.2), epoch(2, 1.0, 0.6, 1.5, 0.5), epoch(3, 0.5, 0.8, 1.5, 0.4)]
    curves(epochs, "accuracy", tmp_path / "curves.png")
    assert "best epoch: 2" in words(drawn)
    assert [list(axes.get_lines()[2].get_xdata()) for axes in drawn[0].axes] == [[2, 2], [2, 2]]


def test_curves_of_an_error_begin_at_zero(tmp_path: Path, drawn: Drawn) -> None:
    epochs = [Epoch(1, {"cost": 4.0, "error": 2.0}, {"cost": 5.0, "error": 2.5, "r2": 0.1})]
    curves(epochs, "error", tmp_path / "curves.png")
    assert {"Cost", "Error", "error"} <= set(words(drawn))
    assert [axes.get_ylim()[0] for axes in drawn[0].axes] == [0, 0]
    assert [list(line.get_ydata()) for line in drawn[0].axes[1].get_lines()[:2]] == [[2.0], [2.5]]


@pytest.mark.parametrize(
    ("names", "count", "scale"),
    [
        (("target",), 1, 1.0),
        (("row", "column"), 120, 1.0),
        (("a-very-long-name-of-a-target-that-nobody-reads", "b", "c", "d"), 40, 1e6),
        (tuple(f"target_{number}" for number in range(1, 785)), 30, 1e-9),
        (("many",), 10_000, -3e20),
    ],
    ids=["one example", "two", "four of a million", "784 tiny", "many examples"],
)
def test_answers_of_any_number_and_size(
    tmp_path: Path, drawn: Drawn, names: tuple[str, ...], count: int, scale: float
) -> None:
    truth = (np.random.default_rng(0).standard_normal((count, len(names))) * scale).astype(np.float32)
    path = tmp_path / "answers.png"
    assert answers(truth * np.float32(1.1), truth, names, path) == path
    assert_good(path, drawn)
    assert len(drawn[0].axes) == min(9, len(names))
    assert {"truth", "answer"} <= set(words(drawn))


def test_answers_are_drawn_against_the_truth_with_the_diagonal(tmp_path: Path, drawn: Drawn) -> None:
    votes, truth = np.float32([[1, 5], [2, 6]]), np.float32([[1.5, 4], [2, 9]])
    answers(votes, truth, ("row", "column"), tmp_path / "answers.png")
    points = [axes.collections[0].get_offsets().tolist() for axes in drawn[0].axes]
    assert points == [[[1.5, 1], [2, 2]], [[4, 5], [9, 6]]]
    for axes in drawn[0].axes:
        (diagonal,) = axes.get_lines()
        assert list(diagonal.get_xdata()) == list(diagonal.get_ydata())
        assert axes.get_xlim() == axes.get_ylim()
    assert {"row", "column", "Answers, 2 examples"} <= set(words(drawn))


def test_answers_that_never_vary_have_a_picture_too(tmp_path: Path, drawn: Drawn) -> None:
    answers(np.zeros((5, 1), np.float32), np.zeros((5, 1), np.float32), ("x",), tmp_path / "answers.png")
    assert_good(tmp_path / "answers.png", drawn)


def matrix_of(classes: int, *, size: int = 400) -> np.ndarray:
    random = np.random.default_rng(classes)
    matrix = random.poisson(0.3, (classes, classes))
    matrix[np.diag_indices(classes)] = random.poisson(size / classes, classes)
    return matrix


@pytest.mark.parametrize(
    ("names", "size"),
    [
        (("X", "O"), 200),
        (("solid", "vertical", "diagonal", "horizontal"), 160),
        (tuple("0123456789"), 360),
        (GARMENTS, 10_000),
        (tuple(f"class {label}" for label in range(20)), 100_000),
    ],
    ids=["letters", "camera", "digits", "garments", "twenty"],
)
def test_confusion_matrices_show_every_count(tmp_path: Path, drawn: Drawn, names: tuple[str, ...], size: int) -> None:
    path, matrix = tmp_path / "confusion.png", matrix_of(len(names), size=size)
    assert confusion_matrix(tuple(map(tuple, matrix.tolist())), names, path) == path
    assert_good(path, drawn)
    cells = drawn[0].axes[0].texts
    assert {(text.get_position()[::-1], int(text.get_text())) for text in cells} == {
        ((row, column), matrix[row, column]) for row, column in np.argwhere(matrix)
    }
    shown = words(drawn)
    assert {"true class", "answer", "share of the true class", *names} <= set(shown)
    share = np.trace(matrix) / matrix.sum()
    assert f"Confusion matrix, {matrix.sum():,} examples: {share:.1%} right" in shown


def test_cells_are_coloured_by_their_share_of_the_true_class(tmp_path: Path, drawn: Drawn) -> None:
    confusion_matrix([[3, 1], [0, 0]], ("a", "b"), tmp_path / "confusion.png")
    (image,) = drawn[0].axes[0].get_images()
    assert image.get_array().tolist() == [[0.75, 0.25], [0, 0]]
    assert image.get_clim() == (0, 1)


def test_many_classes_are_shown_without_names_and_counts(tmp_path: Path, drawn: Drawn) -> None:
    path = confusion_matrix(matrix_of(100, size=9000), [f"class {i}" for i in range(100)], tmp_path / "confusion.png")
    assert_good(path, drawn)
    assert not drawn[0].axes[0].texts


def test_names_are_no_formulas(tmp_path: Path, drawn: Drawn) -> None:
    path = confusion_matrix([[3, 1], [0, 2]], ("$\\frac$", "b_1"), tmp_path / "confusion.png")
    assert_good(path, drawn)


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.3, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "tiles", "title"),
    [
        ((1, 1, 3, 3), 1, "First layer: 1 feature of 3 x 3"),
        ((3, 1, 3, 3), 3, "First layer: 3 features of 3 x 3"),
        ((16, 1, 3, 3), 16, "First layer: 16 features of 3 x 3"),
        ((8, 1, 3, 7), 8, "First layer: 8 features of 3 x 7"),
        ((20, 3, 5, 5), 20, "First layer: 20 features of 5 x 5, red, green and blue"),
        ((4, 5, 3, 3), 20, "First layer: 4 features of 3 x 3 over 5 channels"),
        ((4, 12, 3, 3), 48, "First layer: 4 features of 3 x 3 over 12 channels"),
        ((4, 1, 9), 4, "First layer: 4 features of 9"),
        ((6, 3, 5), 6, "First layer: 6 features of 5 over 3 channels"),
        ((96, 1, 3, 3), 64, "First layer: 96 features of 3 x 3 (the first 64 of 96 matrices)"),
    ],
    ids=["one", "three", "sixteen", "wide", "colour", "five channels", "twelve channels", "sequences", "with channels", "many"],
)  # fmt: skip
def test_features_are_drawn_as_matrices(
    tmp_path: Path, drawn: Drawn, shape: tuple[int, ...], tiles: int, title: str
) -> None:
    path = tmp_path / "features.png"
    assert first_layer_features(weights(*shape), path) == path
    assert_good(path, drawn)
    assert len(drawn[0].axes[0].get_images()) == tiles
    assert title in words(drawn)


def test_one_scale_symmetric_around_zero_holds_for_all_features(tmp_path: Path, drawn: Drawn) -> None:
    weight = np.array([[[[0.5, -2.0]]], [[[1.0, 0.0]]]])
    first_layer_features(weight, tmp_path / "features.png")
    images = drawn[0].axes[0].get_images()
    assert [image.get_clim() for image in images] == [(-1, 1), (-1, 1)]
    assert [image.get_array().tolist() for image in images] == [[[0.25, -1.0]], [[0.5, 0.0]]]
    assert [label.get_text() for label in drawn[0].axes[1].get_yticklabels()] == ["-2", "0", "2"]


def test_features_of_nothing_but_zeros_are_white(tmp_path: Path, drawn: Drawn) -> None:
    path = first_layer_features(np.zeros((2, 1, 3, 3)), tmp_path / "features.png")
    assert_good(path, drawn)


def test_a_feature_of_one_dimension_has_a_row_for_each_channel(tmp_path: Path, drawn: Drawn) -> None:
    first_layer_features(np.array([[[0.5, -2.0, 0.0], [1.0, 0.0, 2.0]]]), tmp_path / "features.png")
    (image,) = drawn[0].axes[0].get_images()
    assert image.get_array().tolist() == [[0.25, -1.0, 0.0], [0.5, 0.0, 1.0]]


def test_the_trade_between_assumptions_and_performance(tmp_path: Path, drawn: Drawn) -> None:
    performances = compare(LANDSCAPES, start=20, starts=20, seed=7)
    assert_good(trade(performances, tmp_path / "trade.png"), drawn)
    one_valley, two_valleys, tries, shares = drawn[0].axes
    for axes, there in ((one_valley, performances[:5]), (two_valleys, performances[5:])):
        markers = [line for line in axes.lines if line.get_marker() in "osD^v"]
        assert [line.get_xdata()[0] for line in markers] == [one.shown.temperature for one in there]
        ticks = [line for line in axes.lines if line.get_marker() == "|"]
        assert [tuple(line.get_xdata()) for line in ticks] == [one.shown.cups for one in there]
    for axes, figures in (
        (tries, [one.mean_tries for one in performances]),
        (shares, [one.share_found for one in performances]),
    ):
        lines = [line for line in axes.lines if line.get_marker() == "None"]
        assert [value for line in lines for value in line.get_ydata()] == figures
        assert [list(line.get_xdata()) for line in lines] == [[1, 2, 3, 5, 6]] * 2
    assert {"One valley: tries, and what is found", "gradient descent with curvature"} <= set(words(drawn))
