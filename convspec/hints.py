"""What to do about a wrong word: words of other frameworks, and the nearest word that exists."""

from __future__ import annotations

from collections.abc import Iterable

ELSEWHERE = {
    "filters": "features", "out_channels": "features", "channels": "features", "kernels": "features",
    "num_filters": "features", "depth": "features",
    "kernel_size": "size", "kernel": "size", "filter_size": "size", "feature_size": "size", "ksize": "size",
    "strides": "stride", "step": "stride", "pad": "padding",
    "pool_size": "window", "pooling_size": "window", "pool": "window",
    "units": "neurons", "out_features": "neurons", "hidden": "neurons", "num_units": "neurons", "width": "neurons",
    "use_bias": "bias", "p": "rate", "probability": "rate", "dropout_rate": "rate", "drop": "rate",
    "lr": "learning_rate", "step_size": "learning_rate", "alpha": "learning_rate", "eta": "learning_rate",
    "batch_size": "batch", "minibatch": "batch", "mini_batch": "batch",
    "num_epochs": "epochs", "n_epochs": "epochs", "max_epochs": "epochs", "iterations": "epochs",
    "loss": "cost", "loss_function": "cost", "criterion": "cost", "objective": "cost",
    "optim": "optimizer", "optimiser": "optimizer", "betas": "beta_1", "eps": "epsilon",
    "early_stopping": "patience", "layers": "network", "model": "network", "architecture": "network",
    "dataset": "data", "datasets": "data", "random_state": "seed", "random_seed": "seed", "name": "experiment",
    "train": "training", "trainer": "training", "fit": "training", "type": "source", "folder": "path", "root": "path",
    "val": "validation", "validation_split": "validation", "test_split": "test",
    "mode": "kind", "ceil_mode": "edge", "repeats": "times", "count": "times", "n": "times", "block": "layers",
    "freeze": "trainable", "frozen": "trainable", "weight": "weights", "kernel_initializer": "weights",
    "conv": "convolution", "conv2d": "convolution", "Conv2d": "convolution", "Conv2D": "convolution",
    "convolution2d": "convolution", "maxpool": "pooling", "max_pooling": "pooling", "MaxPool2d": "pooling",
    "maxpool2d": "pooling", "MaxPooling2D": "pooling", "avgpool": "pooling", "average_pooling": "pooling",
    "AvgPool2d": "pooling",
    "dense": "fully_connected", "Dense": "fully_connected", "linear": "fully_connected", "Linear": "fully_connected",
    "fc": "fully_connected", "ReLU": "relu", "Dropout": "dropout", "Tanh": "tanh", "Sigmoid": "sigmoid",
    "rectify": "relu", "logistic": "sigmoid", "stack": "repeat", "loop": "repeat",
    "crossentropy": "cross_entropy", "categorical_crossentropy": "cross_entropy", "nll": "cross_entropy",
    "CrossEntropyLoss": "cross_entropy", "sparse_categorical_crossentropy": "cross_entropy", "softmax": "cross_entropy",
    "mse": "squared", "MSELoss": "squared", "mean_squared_error": "squared", "l2": "squared",
    "SGD": "sgd", "gradient_descent": "sgd", "Adam": "adam", "npz": "arrays", "npy": "arrays", "numpy": "arrays",
    "mnist": "idx", "fashion": "fashion_mnist", "FashionMNIST": "fashion_mnist", "fashion-mnist": "fashion_mnist",
    "average_pool": "average", "avg": "average", "mean": "average", "maximum": "max",
}  # fmt: skip

NO_NEED = {
    "in_channels": "The number of channels follows from what comes in: leave it out.",
    "input_channels": "The number of channels follows from what comes in: leave it out.",
    "in_features": "The number of inputs follows from what comes in: leave it out.",
    "input_shape": "The shape follows from the data: leave it out.",
    "input_size": "The shape follows from the data: leave it out.",
    "activation": "An activation is a layer of its own: put `- relu` on the next line.",
    "flatten": "Flattening is implied before the first fully_connected layer: leave it out.",
    "Flatten": "Flattening is implied before the first fully_connected layer: leave it out.",
    "dilation": "A convolution has features, size, stride and padding here.",
    "groups": "A convolution has features, size, stride and padding here.",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean X?` where a known word is near, else the list of them."""
    words = list(known)
    if word in NO_NEED:
        return NO_NEED[word]
    elsewhere = ELSEWHERE.get(word) or ELSEWHERE.get(word.lower())
    if elsewhere in words:
        return f"Here it is called {elsewhere}."
    near = nearest(word, words)
    if near:
        return f"Did you mean {near}?"
    return f"There are: {', '.join(words)}." if words else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a slip of the finger would turn into `word`, or None."""
    from difflib import get_close_matches

    words = {each.lower(): each for each in known}
    matches = get_close_matches(word.lower(), words, n=1, cutoff=0.7)
    return words[matches[0]] if matches else None
