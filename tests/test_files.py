"""The flattened pipeline that a run's parameters are: every value under the path by which `--set` reaches it."""

from __future__ import annotations

from pathlib import Path

from convspec.loading import load_text
from runners.files import flattened, normalised

TEXT = """
experiment: flat
data: {source: digits}
network:
  - relu
  - repeat: {times: 3, layers: [{convolution: {name: edges, features: 2, size: 1}}]}
  - residual: {layers: [{convolution: {features: 2, size: [3, 1], padding: same}}, tanh]}
  - fully_connected: {neurons: 10, bias: false}
"""


def test_layers_inside_of_others_stand_under_their_own_names() -> None:
    loaded = load_text(TEXT, "flat.yaml", folder=Path())
    flat = {path: text for path, text in flattened(normalised(loaded)).items() if path.startswith("network.")}
    assert flat["network.relu_1"] == "relu"
    assert flat["network.repeat_1.times"] == "3"
    assert flat["network.edges_1.features"] == "2"
    assert "network.edges_2.features" not in flat
    assert flat["network.residual_1"] == "residual"
    assert [text for path, text in flat.items() if path.endswith(".size")] == ["1", "[3, 1]"]
    assert flat["network.tanh_1"] == "tanh"
    assert flat["network.fully_connected_1.bias"] == "false"
