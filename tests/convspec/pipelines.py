"""Hypothesis' pipelines: plain values as a file could hold them, every one of which is right but for the shapes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

counts = st.integers(1, 1000)
extents = st.one_of(counts, st.tuples(counts, counts).map(list))
fractions = st.floats(0, 0.99)
positives = st.floats(1e-6, 1e6)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
numbers = st.floats(-10, 10)
matrices = st.lists(st.lists(numbers, min_size=1, max_size=2), min_size=1, max_size=2)


def mappings(required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with all of the required keys and any of the others."""
    return st.fixed_dictionaries(required or {}, optional=optional)


def option(kind: str, fields: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return fields.map(lambda values: {kind: values})


def alone(*kinds: str) -> st.SearchStrategy[Any]:
    """Options that need no fields, in their three ways of writing."""
    kind = st.sampled_from(kinds)
    return st.one_of(kind, kind.map(lambda word: {word: None}), kind.map(lambda word: {word: {}}))


convolutions = option(
    "convolution",
    mappings(
        {"features": counts, "size": extents},
        name=names,
        stride=extents,
        padding=st.one_of(st.sampled_from(["valid", "same"]), st.integers(0, 9)),
        average=st.booleans(),
        trainable=st.booleans(),
        weights=st.lists(st.one_of(matrices, st.lists(matrices, min_size=1, max_size=2)), min_size=1, max_size=2),
        biases=st.lists(numbers, min_size=1, max_size=2),
    ),
)
poolings = option(
    "pooling",
    mappings(
        {"window": extents, "stride": extents},
        kind=st.sampled_from(["max", "average"]),
        edge=st.sampled_from(["keep", "drop"]),
    ),
)
fully_connected = option(
    "fully_connected", mappings({"neurons": counts}, name=names, bias=st.booleans(), weights=matrices)
)
simple_layers = st.one_of(
    convolutions,
    poolings,
    fully_connected,
    option("dropout", mappings(rate=fractions, name=names)),
    alone("relu", "sigmoid", "tanh", "dropout"),
)
layers = st.recursive(
    simple_layers,
    lambda inner: option(
        "repeat", mappings({"times": st.integers(1, 5), "layers": st.lists(inner, min_size=1, max_size=3)})
    ),
    max_leaves=4,
)
splits = mappings(validation=st.floats(0, 0.4), test=st.floats(0, 0.4))
sources = st.one_of(
    mappings({"source": st.just("digits")}, split=splits),
    mappings({"source": st.just("fashion_mnist")}, path=st.text(max_size=5)),
    mappings({"source": st.just("idx"), "images": st.text(max_size=5), "labels": st.text(max_size=5)}, classes=counts),
    mappings({"source": st.just("arrays"), "images": st.just("a.npz")}, shape=st.lists(counts, min_size=2, max_size=3)),
    mappings(
        {"source": st.just("arrays"), "images": st.just("a.npy"), "targets": st.text(max_size=5)},
        target_names=st.lists(names, min_size=1, max_size=3, unique=True),
    ),
    mappings(
        {"source": st.just("xs_and_os"), "tricks": st.just({"translation": 1, "scaling": 0.1})},
        tell=st.lists(st.sampled_from(["row", "column", "scaling"]), min_size=1, unique=True),
    ),
    mappings(
        {"source": st.just("xs_and_os")},
        examples=st.integers(2, 1000),
        noise=st.floats(0, 2),
        tricks=mappings(translation=st.floats(0, 2), rotation=st.integers(0, 20)),
    ),
    mappings({"source": st.just("four_pixels")}, examples=st.integers(8, 1000), split=splits),
)
optimizers = st.one_of(
    alone("adam", "sgd"),
    option("sgd", mappings({"momentum": st.floats(0.1, 0.9)}, learning_rate=positives, nesterov=st.booleans())),
    option("adam", mappings(learning_rate=positives, beta_1=fractions, beta_2=fractions, epsilon=positives)),
)
trainings = mappings(
    {"epochs": counts}, batch=counts, cost=alone("cross_entropy", "squared"), optimizer=optimizers, patience=counts
)
pipelines = mappings(
    {
        "experiment": st.from_regex(r"[A-Za-z0-9_-]{1,9}", fullmatch=True),
        "data": sources,
        "network": st.lists(layers, min_size=1, max_size=4),
    },
    description=st.text(max_size=9),
    training=st.one_of(trainings, st.none()),
    seed=st.integers(0, 2**63 - 1),
)
