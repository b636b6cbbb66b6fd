"""Plans worked by hand: shapes, parameters, multiply-adds, receptive fields, names and memory."""

from __future__ import annotations

from typing import Any

import pytest

from convspec.data import Description
from convspec.given import given_shape
from convspec.layers import Layer
from convspec.pipeline import Pipeline
from convspec.plan import LayerPlan, Plan, PlanError, plan
from convspec.training import Training

DIGITS = Description((1, 8, 8), tuple("0123456789"))


def network(*layers: Any) -> tuple[Layer, ...]:
    return tuple(Layer.of(layer) for layer in layers)


def of_shape(shape: tuple[int, ...], *layers: Any) -> LayerPlan:
    """The plan of the last of some layers, for pictures of a shape; what comes after them does not matter."""
    votes = {"fully_connected": {"neurons": 2}}
    return plan(network(*layers, votes), Description(shape, ("no", "yes"))).layers[-2]


def convolution(**fields: Any) -> dict[str, Any]:
    return {"convolution": fields}


def pooling(**fields: Any) -> dict[str, Any]:
    return {"pooling": fields}


SHAPES = {
    # (extent + zeros on both sides - size) // stride + 1
    "convolution": ((1, 9, 9), convolution(features=3, size=3), (3, 7, 7)),
    "convolution, not square": ((2, 9, 7), convolution(features=4, size=[3, 5]), (4, 7, 3)),
    "convolution with stride": ((1, 9, 9), convolution(features=1, size=3, stride=2), (1, 4, 4)),
    "convolution, a stride that does not reach the edge": ((1, 8, 8), convolution(features=1, size=3, stride=2), (1, 3, 3)),
    "convolution, two strides": ((1, 9, 9), convolution(features=1, size=3, stride=[1, 3]), (1, 7, 3)),
    "convolution with zeros": ((1, 4, 4), convolution(features=1, size=3, padding=2), (1, 6, 6)),
    "convolution as large as the picture": ((3, 4, 5), convolution(features=2, size=[4, 5]), (2, 1, 1)),
    "same, odd size": ((1, 7, 7), convolution(features=1, size=5, padding="same"), (1, 7, 7)),
    "same, even size": ((1, 7, 7), convolution(features=1, size=2, padding="same"), (1, 7, 7)),
    "same, larger than the picture": ((1, 2, 2), convolution(features=1, size=5, padding="same"), (1, 2, 2)),
    "same with stride, odd picture": ((1, 7, 7), convolution(features=1, size=3, stride=2, padding="same"), (1, 4, 4)),
    "same with stride, even picture": ((1, 8, 8), convolution(features=1, size=3, stride=2, padding="same"), (1, 4, 4)),
    "same, stride beyond the size": ((1, 7, 7), convolution(features=1, size=1, stride=3, padding="same"), (1, 3, 3)),
    # keep: windows begin at 0, 2, 4, 6; the last one covers one pixel. drop: 0, 2, 4.
    "pooling, hanging window kept": ((5, 7, 7), pooling(window=2, stride=2), (5, 4, 4)),
    "pooling, hanging window dropped": ((5, 7, 7), pooling(window=2, stride=2, edge="drop"), (5, 3, 3)),
    "pooling that fits": ((5, 8, 8), pooling(window=2, stride=2), (5, 4, 4)),
    "pooling, overlapping": ((1, 7, 7), pooling(window=3, stride=2), (1, 3, 3)),
    "pooling, overlapping and hanging": ((1, 8, 8), pooling(window=3, stride=2), (1, 4, 4)),
    # windows begin at 0 and 3; one that began at 6 would cover nothing.
    "pooling, a window must begin inside": ((1, 6, 6), pooling(window=1, stride=3), (1, 2, 2)),
    "pooling with gaps, last pixel covered": ((1, 7, 7), pooling(window=1, stride=3), (1, 3, 3)),
    "pooling, wider than the picture": ((1, 2, 2), pooling(window=3, stride=3), (1, 1, 1)),
    "pooling, two windows": ((1, 6, 9), pooling(window=[2, 3], stride=[2, 3], kind="average"), (1, 3, 3)),
    # padding: (8 + 2 - 3) // 2 + 1 = 4, and with a hanging window 5, which begins at 7.
    "pooling, padded": ((1, 8, 8), pooling(window=3, stride=2, padding=1, edge="drop"), (1, 4, 4)),
    "pooling, padded and hanging": ((1, 8, 8), pooling(window=3, stride=2, padding=1), (1, 5, 5)),
    "pooling, same": ((1, 7, 8), pooling(window=[3, 2], stride=1, padding="same"), (1, 7, 8)),
    "pooling, same with stride": ((1, 7, 8), pooling(window=3, stride=2, padding="same"), (1, 4, 4)),
    "pooling, a window must not begin behind the picture": ((1, 6, 6), pooling(window=2, stride=2, padding=1), (1, 4, 4)),
    "sequence, convolution": ((2, 100), convolution(features=8, size=[9], stride=4, padding=[4]), (8, 25)),
    "sequence, same": ((2, 9), convolution(features=3, size=4, stride=2, padding="same"), (3, 5)),
    "sequence, dilation": ((1, 9), convolution(features=3, size=3, dilation=3), (3, 3)),
    "sequence, pooling": ((2, 9), pooling(window=2, stride=[2]), (2, 5)),
    "sequence, global pooling": ((5, 9), "global_pooling", (5, 1)),
    "volume, convolution": ((2, 4, 6, 8), convolution(features=3, size=[1, 3, 5]), (3, 4, 4, 4)),
    "volume, same with strides": (
        (1, 4, 6, 8), convolution(features=3, size=3, stride=[1, 2, 3], padding="same"), (3, 4, 3, 3)
    ),
    "volume, pooling": ((1, 5, 6, 8), pooling(window=2, stride=2, edge="drop"), (1, 2, 3, 4)),
    "volume, global pooling": ((5, 2, 3, 4), "global_pooling", (5, 1, 1, 1)),
    "volume, spatial dropout": ((5, 2, 3, 4), "spatial_dropout", (5, 2, 3, 4)),
    "relu": ((4, 5, 6), "relu", (4, 5, 6)),
    "dropout": ((4, 5, 6), "dropout", (4, 5, 6)),
    "fully connected": ((4, 5, 6), {"fully_connected": {"neurons": 7}}, (7,)),
}  # fmt: skip


@pytest.mark.parametrize(("shape", "layer", "expected"), SHAPES.values(), ids=SHAPES)
def test_the_shape_that_comes_out(shape: tuple[int, ...], layer: Any, expected: tuple[int, ...]) -> None:
    planned = of_shape(shape, layer)
    assert (planned.input_shape, planned.output_shape) == (shape, expected)


MARGINS = {
    "valid": ({"size": 3}, ((0, 0), (0, 0))),
    "pixels": ({"size": 3, "padding": 2}, ((2, 2), (2, 2))),
    "same, odd size": ({"size": 3, "padding": "same"}, ((1, 1), (1, 1))),
    "same, even size: the odd zero goes below and right": ({"size": 2, "padding": "same"}, ((0, 0), (1, 1))),
    "same, size 4": ({"size": 4, "padding": "same"}, ((1, 1), (2, 2))),
    "same, not square": ({"size": [3, 4], "padding": "same"}, ((1, 1), (1, 2))),
    "same, stride 2 on 8 pixels: (4 - 1) * 2 + 3 - 8 = 1": (
        {"size": 3, "stride": 2, "padding": "same"},
        ((0, 0), (1, 1)),
    ),
    "same, stride beyond the size needs none": ({"size": 1, "stride": 3, "padding": "same"}, ((0, 0), (0, 0))),
}


@pytest.mark.parametrize(("fields", "expected"), MARGINS.values(), ids=MARGINS)
def test_zeros_around_the_picture(fields: dict[str, Any], expected: tuple[tuple[int, int], tuple[int, int]]) -> None:
    (layer,) = network({"convolution": {"features": 1, **fields}})
    assert layer.margins((1, 8, 8)) == expected  # type: ignore[attr-defined]


COSTS = {
    # features * channels * height * width + features; each output value takes channels * height * width multiply-adds
    "convolution": ({"convolution": {"features": 4, "size": [3, 2]}}, 4 * 3 * 6 + 4, (4 * 6 * 7) * 3 * 6),
    "convolution without bias": (
        {"convolution": {"features": 4, "size": [3, 2], "bias": False}},
        4 * 3 * 6,
        (4 * 6 * 7) * 18,
    ),
    "fully connected": ({"fully_connected": {"neurons": 5}}, 5 * 192 + 5, 5 * 192),
    "fully connected without bias": ({"fully_connected": {"neurons": 5, "bias": False}}, 5 * 192, 5 * 192),
    "pooling": ({"pooling": {"window": 2, "stride": 2}}, 0, 0),
    "tanh": ("tanh", 0, 0),
    "dropout": ({"dropout": {"rate": 0.1}}, 0, 0),
}


@pytest.mark.parametrize(("layer", "parameters", "multiply_adds"), COSTS.values(), ids=COSTS)
def test_what_a_layer_costs_on_three_channels_of_8_by_8(layer: Any, parameters: int, multiply_adds: int) -> None:
    planned = of_shape((3, 8, 8), layer)
    assert (planned.parameter_count, planned.multiply_adds) == (parameters, multiply_adds)


COSTS_BY_RANK = {
    # features * values of a feature + features; output values * values of a feature
    "sequence": ((3, 10), {"convolution": {"features": 4, "size": 5}}, 4 * 15 + 4, 4 * 6 * 15),
    "sequence in groups": ((4, 10), {"convolution": {"features": 8, "size": 3, "groups": 2}}, 8 * 6 + 8, 8 * 8 * 6),
    "volume": ((2, 3, 4, 5), {"convolution": {"features": 4, "size": [1, 2, 3]}}, 4 * 12 + 4, 4 * 3 * 3 * 3 * 12),
    "normalization of a volume": ((2, 3, 4, 5), "layer_normalization", 2 * 120, 0),
}


@pytest.mark.parametrize(("shape", "layer", "parameters", "multiply_adds"), COSTS_BY_RANK.values(), ids=COSTS_BY_RANK)
def test_what_a_layer_costs_in_one_and_three_dimensions(
    shape: tuple[int, ...], layer: Any, parameters: int, multiply_adds: int
) -> None:
    planned = of_shape(shape, layer)
    assert (planned.parameter_count, planned.multiply_adds) == (parameters, multiply_adds)


def test_receptive_fields_have_one_number_for_each_dimension() -> None:
    sequence = of_shape((1, 50), convolution(features=2, size=5, stride=2, dilation=2), pooling(window=3, stride=2))
    assert (sequence.receptive_field, sequence.stride) == ((9 + 2 * 2,), (4,))
    volume = of_shape(
        (1, 9, 9, 4), convolution(features=2, size=[1, 2, 3], stride=[1, 1, 2]), pooling(window=2, stride=3)
    )
    assert (volume.receptive_field, volume.stride) == ((2, 3, 3), (3, 3, 6))
    assert of_shape((1, 50), {"fully_connected": {"neurons": 2}}).receptive_field == (50,)
    assert of_shape((2, 3, 4, 5), "layer_normalization").receptive_field == (3, 4, 5)


def words(*layers: Any) -> Plan:
    shape = Description((1, 12), ("no", "yes"), may_be_words=True)
    return plan(network(*layers, {"fully_connected": {"neurons": 2}}), shape)


EMBEDDING = {"embedding": {"words": 50, "features": 8}}


def test_an_embedding_costs_its_table_and_no_arithmetic() -> None:
    layer = words(EMBEDDING).layers[0]
    assert (layer.output_shape, layer.parameter_count, layer.multiply_adds) == ((8, 12), 400, 0)
    assert (layer.receptive_field, layer.stride) == ((1,), (1,))


def test_the_smallest_vocabulary_limits_the_words() -> None:
    other = {"embedding": {"words": 40, "features": 2}}
    both = {"branches": {"branches": [[EMBEDDING, "relu"], [other], [{"residual": {"layers": [EMBEDDING]}}]]}}
    assert words(both).words == 40
    assert words(EMBEDDING).words == 50
    assert words("relu").words is None


@pytest.mark.parametrize(
    "layers",
    [["relu", EMBEDDING], [{"branches": {"branches": [["tanh", EMBEDDING]]}}], [{"branches": {"branches": [[]]}}, EMBEDDING]],
    ids=["behind a layer", "behind a layer of a branch", "behind branches"],
)  # fmt: skip
def test_an_embedding_takes_the_data_themselves(layers: list[Any]) -> None:
    with pytest.raises(PlanError, match=r"looks up the words of the data themselves, but other layers stand before it"):
        words(*layers)


def test_a_layer_that_is_not_trained_has_parameters_but_none_to_train() -> None:
    planned = of_shape((1, 8, 8), {"convolution": {"features": 2, "size": 3, "trainable": False}})
    assert (planned.parameter_count, planned.trainable_count) == (20, 0)


def lenet() -> Plan:
    """LeNet-5 on 32 x 32 (LeCun et al. 1998), every feature of the second convolution seeing all six maps."""
    layers = network(
        {"convolution": {"features": 6, "size": 5}}, "tanh", {"pooling": {"window": 2, "stride": 2, "kind": "average"}},
        {"convolution": {"features": 16, "size": 5}}, "tanh", {"pooling": {"window": 2, "stride": 2, "kind": "average"}},
        {"convolution": {"features": 120, "size": 5}}, "tanh",
        {"fully_connected": {"neurons": 84}}, "tanh", {"fully_connected": {"neurons": 10}},
    )  # fmt: skip
    return plan(layers, Description((1, 32, 32), tuple("0123456789")))


def test_lenet_as_in_the_textbook() -> None:
    planned = lenet()
    table = [(one.name, one.output_shape, one.parameter_count) for one in planned.layers if one.kind != "tanh"]
    assert table == [
        ("convolution_1", (6, 28, 28), 156),
        ("pooling_1", (6, 14, 14), 0),
        ("convolution_2", (16, 10, 10), 2_416),
        ("pooling_2", (16, 5, 5), 0),
        ("convolution_3", (120, 1, 1), 48_120),
        ("fully_connected_1", (84,), 10_164),
        ("fully_connected_2", (10,), 850),
    ]
    assert planned.parameter_count == 61_706
    # 28*28*6*25 + 10*10*16*150 + 120*400 + 84*120 + 10*84
    assert planned.multiply_adds == 117_600 + 240_000 + 48_000 + 10_080 + 840


def test_receptive_fields_of_lenet() -> None:
    # field += (window - 1) * stride so far: 5, 5 + 1 = 6, 6 + 4 * 2 = 14, 14 + 2 = 16, 16 + 4 * 4 = 32
    fields = {one.name: (one.receptive_field, one.stride) for one in lenet().layers}
    assert fields["convolution_1"] == ((5, 5), (1, 1))
    assert fields["tanh_1"] == ((5, 5), (1, 1))
    assert fields["pooling_1"] == ((6, 6), (2, 2))
    assert fields["convolution_2"] == ((14, 14), (2, 2))
    assert fields["pooling_2"] == ((16, 16), (4, 4))
    assert fields["convolution_3"] == ((32, 32), (4, 4))
    assert fields["fully_connected_2"] == ((32, 32), (4, 4))


def test_a_receptive_field_is_never_larger_than_the_picture_and_not_always_square() -> None:
    tall = of_shape(
        (1, 9, 4), {"convolution": {"features": 1, "size": [2, 3]}}, {"pooling": {"window": [1, 2], "stride": [3, 2]}}
    )
    assert (tall.receptive_field, tall.stride) == ((2, 4), (3, 2))
    padded = of_shape((1, 4, 4), {"convolution": {"features": 1, "size": 7, "padding": "same"}})
    assert padded.receptive_field == (4, 4)


def test_a_fully_connected_layer_sees_everything() -> None:
    assert of_shape((2, 6, 9), {"fully_connected": {"neurons": 3}}).receptive_field == (6, 9)


def test_memory_of_one_step_of_training() -> None:
    planned = plan(
        network(
            {"convolution": {"features": 2, "size": 3}},
            "relu",
            {"fully_connected": {"neurons": 10, "trainable": False}},
        ),
        DIGITS,
    )
    # values: the convolution and relu give 2 * 6 * 6 = 72 each, the votes are 10: 154; a picture has 64.
    assert planned.activation_bytes == 4 * 154
    # parameters: 2 * 9 + 2 = 20 that are trained, and 10 * 72 + 10 = 730 that are not.
    trained, kept = 20, 730
    batch = 32 * (2 * 154 + 64)
    for optimizer, remembered in (("sgd", 0), ({"sgd": {"momentum": 0.9}}, 1), ("adam", 2)):
        training = Training.of({"epochs": 1, "optimizer": optimizer})
        assert planned.training_bytes(training) == 4 * (batch + trained + kept + trained * (1 + remembered))


class TestNames:
    def names(self, *layers: Any) -> list[str]:
        return [one.name for one in plan(network(*layers, {"fully_connected": {"neurons": 10}}), DIGITS).layers][:-1]

    def test_layers_are_numbered_by_kind(self) -> None:
        assert self.names("relu", "tanh", "relu") == ["relu_1", "tanh_1", "relu_2"]

    def test_a_name_counts_in_the_numbering_of_its_kind(self) -> None:
        assert self.names("relu", {"relu": {"name": "middle"}}, "relu") == ["relu_1", "middle", "relu_3"]

    def test_a_repeat_writes_its_layers_out(self) -> None:
        repeat = {"repeat": {"times": 2, "layers": ["relu", {"tanh": {"name": "squash"}}]}}
        assert self.names("relu", repeat, "relu") == ["relu_1", "relu_2", "squash_1", "relu_3", "squash_2", "relu_4"]

    def test_repeats_within_repeats(self) -> None:
        inner = {"repeat": {"times": 2, "layers": [{"relu": {"name": "r"}}]}}
        assert self.names({"repeat": {"times": 2, "layers": [inner]}}) == ["r_1_1", "r_1_2", "r_2_1", "r_2_2"]

    def test_once_is_no_repetition(self) -> None:
        assert self.names({"repeat": {"times": 1, "layers": [{"relu": {"name": "r"}}]}}) == ["r"]

    def test_repeated_layers_have_parameters_of_their_own(self) -> None:
        layers = network(
            {"repeat": {"times": 3, "layers": [{"convolution": {"features": 2, "size": 3, "padding": "same"}}]}},
            {"fully_connected": {"neurons": 10}},
        )
        counts = [one.parameter_count for one in plan(layers, DIGITS).layers]
        assert counts == [1 * 2 * 9 + 2, 2 * 2 * 9 + 2, 2 * 2 * 9 + 2, 10 * 128 + 10]


def test_every_fault_that_can_be_known_is_told() -> None:
    layers = network(
        {"convolution": {"features": 1, "size": 3, "name": "twin", "weights": [[[1]]]}},
        {"relu": {"name": "twin"}},
        {"fully_connected": {"neurons": 9, "biases": [1]}},
    )
    with pytest.raises(PlanError) as caught:
        plan(layers, DIGITS)
    assert [(fault.location, fault.message) for fault in caught.value.faults] == [
        (("network", 1, "relu", "name"), "network[0] is called twin already"),
        (
            ("network", 0, "convolution", "weights"),
            "must be 1 x 1 x 3 x 3 (features x channels x rows x columns). Got 1 x 1 x 1 x 1",
        ),
        (("network", 2, "fully_connected", "biases"), "must be 9 (neurons). Got 1"),
        (("network", 2, "fully_connected", "neurons"), "the network ends with 9 values, but the data has 10 classes"),
    ]  # fmt: skip


def test_a_long_way_to_a_shape_that_does_not_fit_is_cut_in_the_middle() -> None:
    pool = {"repeat": {"times": 9, "layers": [{"pooling": {"window": 2, "stride": 2, "edge": "drop"}}]}}
    with pytest.raises(PlanError) as caught:
        plan(network(pool, {"pooling": {"window": 2, "stride": 2, "edge": "drop"}}), Description((1, 512, 512), ("a",)))
    (fault,) = caught.value.faults
    assert fault.message == (
        "a window of 2 x 2 does not fit into a picture of 1 x 1. The shapes that lead here: data 1 x 512 x 512 -> "
        "pooling_1 1 x 256 x 256 -> pooling_2 1 x 128 x 128 -> ... -> pooling_6 1 x 8 x 8 -> pooling_7 1 x 4 x 4 -> "
        "pooling_8 1 x 2 x 2 -> pooling_9 1 x 1 x 1 -> pooling_10"
    )


FIRST, SECOND = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
WEIGHTS: dict[str, tuple[tuple[int, ...], dict[str, Any], tuple[int, ...]]] = {
    "one matrix a feature": ((1, 4, 4), convolution(features=2, size=2, weights=[FIRST, SECOND]), (2, 1, 2, 2)),
    "one stack a feature": ((2, 4, 4), convolution(features=1, size=2, weights=[[FIRST, SECOND]]), (1, 2, 2, 2)),
    "matrices and stacks mixed": ((1, 4, 4), convolution(features=2, size=2, weights=[FIRST, [SECOND]]), (2, 1, 2, 2)),
    "rows": ((1, 1, 2), {"fully_connected": {"neurons": 2, "weights": FIRST}}, (2, 2)),
}


@pytest.mark.parametrize(("shape", "layer", "expected"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_in_the_file_are_taken_in_the_shape_of_the_parameter(
    shape: tuple[int, ...], layer: Any, expected: tuple[int, ...]
) -> None:
    weight = of_shape(shape, layer).parameters[0]
    assert (weight.name, weight.shape) == ("weight", expected)
    assert weight.given is not None
    assert given_shape(weight.given) == expected


def test_a_pipeline_without_training_is_whole() -> None:
    pipeline = Pipeline.of({"experiment": "e", "data": {"source": "digits"}, "network": ["relu"]})
    assert (pipeline.training, pipeline.seed, pipeline.description) == (None, 1, "")
