"""Weights of different families, under one set of names."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.graph.weights import read_weights
from ratatoskr.local.store.folder import read_folder
from unit.local.stand_ins import STAND_INS, safetensors

FAMILIES = ("bert_mean_384", "roberta_mean_96", "distilbert_max_96")


def tensors_of(folder: Path) -> dict[str, Any]:
    data = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = Tensors(folder, data)
    return {name: tensors.get(name, tuple(entry["shape"])) for name, entry in header.items() if name[0] != "_"}


def weights_of(folder: Path, arrays: dict[str, Any]) -> Any:
    shape = read_folder(folder, "model").architecture
    assert shape is not None
    return read_weights(Tensors(folder, safetensors(arrays)), shape)


@pytest.mark.parametrize("name", FAMILIES)
def test_layers_have_one_shape_whatever_the_family_calls_them(stand_in, name):
    weights = weights_of(stand_in(name), tensors_of(stand_in(name)))
    hidden = STAND_INS[name]["hidden"]
    assert len(weights.layers) == 2
    for layer in weights.layers:
        assert layer.qkv.weight.shape == (hidden, 3 * hidden)
        assert layer.output.weight.shape == (hidden, hidden)
        assert layer.up.weight.shape == (hidden, 2 * hidden)
        assert layer.down.weight.shape == (2 * hidden, hidden)
        assert layer.norm.scale.shape == layer.attention_norm.bias.shape == (hidden,)


def test_queries_are_scaled_and_the_token_type_is_added_to_the_positions(stand_in):
    arrays = tensors_of(stand_in("bert_mean_384"))
    weights = weights_of(stand_in("bert_mean_384"), arrays)
    query = arrays["encoder.layer.1.attention.self.query.weight"].T / math.sqrt(384 / 12)
    assert np.allclose(weights.layers[1].qkv.weight[:, :384], query)
    value = arrays["encoder.layer.0.attention.self.value.bias"]
    assert np.array_equal(weights.layers[0].qkv.bias[768:], value)
    positions = arrays["embeddings.position_embeddings.weight"] + arrays["embeddings.token_type_embeddings.weight"][0]
    assert np.allclose(weights.positions, positions)


@pytest.mark.parametrize("prefix", ["bert.", "model."])
def test_names_may_have_a_prefix_and_norms_the_names_of_tensorflow(stand_in, prefix):
    folder = stand_in("bert_mean_384")
    arrays = tensors_of(folder)
    renamed = {}
    for name, array in arrays.items():
        if "LayerNorm" in name:
            name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
        renamed[prefix + name] = array
    one, other = weights_of(folder, arrays), weights_of(folder, renamed)
    assert np.array_equal(one.norm.scale, other.norm.scale)
    assert np.array_equal(one.layers[1].down.weight, other.layers[1].down.weight)


def test_a_weight_that_is_missing_is_named(stand_in):
    folder = stand_in("bert_mean_384")
    arrays = tensors_of(folder)
    del arrays["encoder.layer.1.output.dense.bias"]
    with pytest.raises(ConfigurationError, match=r"no tensor encoder\.layer\.1\.output\.dense\.bias"):
        weights_of(folder, arrays)
    with pytest.raises(ConfigurationError, match=r"have no embeddings\.word_embeddings\.weight"):
        weights_of(folder, {"x": np.ones(3)})
