"""What is said of a wrong word: the word for it here, the nearest one, or all there are."""

from __future__ import annotations

import pytest

from convspec.costs import Cost
from convspec.hints import did_you_mean
from convspec.layers import Convolution, Dropout, Embedding, FullyConnected, Layer, Pooling
from convspec.optimizers import Adam, Optimizer, Sgd
from convspec.pipeline import Pipeline
from convspec.training import Training
from convspec.values import meant_number, meant_pair, shown

LAYERS = tuple(Layer.options())
COSTS, OPTIMIZERS = tuple(Cost.options()), tuple(Optimizer.options())

ELSEWHERE = [
    (Convolution.key_names(), "features", ["filters", "out_channels", "channels", "num_filters", "kernels"]),
    (Convolution.key_names(), "size", ["kernel_size", "kernel", "filter_size", "ksize"]),
    (Convolution.key_names(), "stride", ["strides", "step"]),
    (Convolution.key_names(), "padding", ["pad", "border_mode"]),
    (Convolution.key_names(), "bias", ["use_bias"]),
    (Convolution.key_names(), "trainable", ["requires_grad", "freeze"]),
    (Pooling.key_names(), "window", ["pool_size", "kernel_size", "size"]),
    (Pooling.key_names(), "kind", ["mode"]),
    (Pooling.key_names(), "edge", ["ceil_mode"]),
    (Embedding.key_names(), "words", ["num_embeddings", "input_dim", "vocab_size"]),
    (Embedding.key_names(), "features", ["embedding_dim", "output_dim"]),
    (LAYERS, "embedding", ["Embedding", "nn.Embedding", "layers.Embedding"]),
    (LAYERS, "convolution", ["Conv1d", "Conv1D", "nn.Conv3d", "Conv3D"]),
    (LAYERS, "pooling", ["MaxPool1d", "MaxPooling1D", "AvgPool3d", "AveragePooling3D"]),
    (LAYERS, "global_pooling", ["GlobalAveragePooling1D", "GlobalMaxPooling3D", "AdaptiveAvgPool1d"]),
    (LAYERS, "batch_normalization", ["BatchNorm1d", "BatchNorm3d"]),
    (LAYERS, "spatial_dropout", ["SpatialDropout1D", "Dropout3d"]),
    (FullyConnected.key_names(), "neurons", ["units", "out_features", "hidden", "size"]),
    (Dropout.key_names(), "rate", ["p", "probability", "drop_rate"]),
    (Training.key_names(), "batch", ["batch_size", "mini_batch", "minibatch"]),
    (Training.key_names(), "epochs", ["num_epochs", "max_epochs", "nb_epoch", "n_epochs"]),
    (Training.key_names(), "cost", ["loss", "criterion", "loss_fn", "objective"]),
    (Training.key_names(), "optimizer", ["optim", "optimiser", "solver"]),
    (Training.key_names(), "patience", ["early_stopping"]),
    (Sgd.key_names(), "learning_rate", ["lr", "step_size", "eta"]),
    (Adam.key_names(), "epsilon", ["eps"]),
    (Pipeline.key_names(), "network", ["model", "layers", "architecture", "net"]),
    (Pipeline.key_names(), "data", ["dataset", "datasets", "input"]),
    (Pipeline.key_names(), "training", ["train", "trainer", "fit", "compile"]),
    (Pipeline.key_names(), "seed", ["random_state", "random_seed"]),
    (Pipeline.key_names(), "experiment", ["name"]),
    (LAYERS, "convolution", ["conv", "Conv2d", "Conv2D", "nn.Conv2d", "torch.nn.Conv2d", "convolution2d"]),
    (LAYERS, "pooling", ["MaxPool2d", "MaxPooling2D", "AvgPool2d", "AveragePooling2D", "maxpool", "max_pooling", "max-pooling"]),
    (LAYERS, "fully_connected", ["Dense", "Linear", "dense", "linear", "fc", "fully-connected", "fully connected"]),
    (LAYERS, "relu", ["ReLU", "RELU", "rectifier"]),
    (LAYERS, "dropout", ["Dropout"]),
    (LAYERS, "repeat", ["loop", "Sequential"]),
    (COSTS, "cross_entropy", ["CrossEntropyLoss", "crossentropy", "cross-entropy", "categorical_crossentropy", "nll"]),
    (COSTS, "squared", ["mse", "MSELoss", "mean_squared_error"]),
    (OPTIMIZERS, "adam", ["Adam", "ADAM"]),
    (OPTIMIZERS, "sgd", ["SGD", "gradient_descent", "gradient descent"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("known", "ours", "theirs"),
    [pytest.param(known, ours, word, id=f"{word}-{ours}") for known, ours, words in ELSEWHERE for word in words],
)
def test_words_of_other_programs_are_known(known: tuple[str, ...], ours: str, theirs: str) -> None:
    assert did_you_mean(theirs, known) == f"Here it is called {ours}."


SLIPS = {
    "convlution": "convolution",
    "poling": "pooling",
    "rleu": "relu",
    "fully_conected": "fully_connected",
    "drop_out": "dropout",
}
SHORT_SLIPS = {"rnu": "run", "urn": "run", "nwe": "new", "iu": "ui"}


@pytest.mark.parametrize(("slip", "meant"), SLIPS.items(), ids=SLIPS)
def test_slips_of_the_finger_are_seen_through(slip: str, meant: str) -> None:
    assert did_you_mean(slip, LAYERS) == f"Did you mean {meant}?"


@pytest.mark.parametrize(("slip", "meant"), SHORT_SLIPS.items(), ids=SHORT_SLIPS)
def test_two_letters_swapped_are_seen_through_in_a_short_word(slip: str, meant: str) -> None:
    assert did_you_mean(slip, ["new", "run", "ui", "compare"]) == f"Did you mean {meant}?"


SENTENCES = {
    "in_channels": "The number of channels follows from what comes in: leave it out.",
    "in_features": "The number of inputs follows from what comes in: leave it out.",
    "input_shape": "The shape follows from the data: leave it out.",
    "activation": "An activation is a layer of its own: put `- relu` on the next line.",
    "LogSoftmax": "The cost cross_entropy makes probabilities of the votes itself: leave it out.",
}


@pytest.mark.parametrize(("word", "sentence"), SENTENCES.items(), ids=SENTENCES)
def test_words_without_a_counterpart_are_answered(word: str, sentence: str) -> None:
    known = LAYERS if word[0].isupper() or "." in word else Convolution.key_names()
    assert did_you_mean(word, known) == sentence


def test_else_all_words_are_listed() -> None:
    known = ("cross_entropy", "squared")
    assert (
        did_you_mean("transformer", known, what="There are the costs") == "There are the costs: cross_entropy, squared."
    )


NUMBERS = [
    ("20", True, "20"), ("1_000", True, "1000"), ("1,000", True, "1000"), ("1,000,000", True, "1000000"), ("0x20", True, "32"),
    ("0o17", True, "15"), ("0b101", True, "5"), ("0o19", True, None), ("20 epochs", True, "20"), ("20epochs", True, "20"),
    ("-3", True, "-3"), ("2.5", True, None), ("many", True, None), ("", True, None), ("3x3", True, None),
    ("0,001", False, "0.001"), ("1,5", False, "1.5"), ("0.5", False, "0.5"), ("50%", False, "0.5"), ("1e-3", False, "1e-3"),
    ("-1,5", False, "-1.5"), ("half", False, None), ("1.2.3", False, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "whole", "meant"), NUMBERS, ids=[f"<{text}>-{'whole' if whole else 'any'}" for text, whole, _ in NUMBERS]
)
def test_the_number_that_was_meant(text: str, whole: bool, meant: str | None) -> None:
    assert meant_number(text, whole=whole) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("3x5", "[3, 5]"),
        ("3 X 5", "[3, 5]"),
        ("(3, 5)", "[3, 5]"),
        ("3,5", "[3, 5]"),
        ("3*5", "[3, 5]"),
        ("3", None),
        ("3x", None),
    ],
)
def test_the_pair_that_was_meant(text: str, meant: str | None) -> None:
    assert meant_pair(text) == meant


SHOWN = [
    (None, "nothing"), ([None], "[null]"), (True, "true"), (3, "3"), (0.5, "0.5"),
    (float("inf"), ".inf"), (float("-inf"), "-.inf"), (float("nan"), ".nan"),
    ("3", '"3"'), ({"a": [1, "b"]}, '{a: [1, "b"]}'), ("ü", '"ü"'), ("\x1b[31m", '"\\u001b[31m"'),
    ("x" * 100, f'"{"x" * 56}...'),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), SHOWN, ids=[text for _, text in SHOWN])
def test_how_a_value_is_shown(value: object, expected: str) -> None:
    assert shown(value) == expected
