"""Ready-made graphs beside a tokenizer.json are used as they are, or refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ratatoskr.errors import ConfigurationError, MalformedResponse
from ratatoskr.local import LocalEmbedder, ModelPool
from unit.local.stand_ins import make

WIDE = 24
IDS, MASK, KINDS = "input_ids", "attention_mask", "token_type_ids"


def ready_made(
    folder: Path,
    upstream: Path,
    *,
    inputs: tuple[str, ...] = (IDS, MASK, KINDS),
    output: str = "last_hidden_state",
    rows: int = 4000,
    limit: int | None = 32,
    value: float | None = None,
) -> np.ndarray[Any, Any]:
    """Write a graph that looks words up, with `tokenizer.json` alone beside it, and return its table."""
    folder.mkdir()
    tokenizer = json.loads((upstream / "tokenizer.json").read_text())
    if limit is not None:
        tokenizer["truncation"] = {"direction": "Right", "max_length": limit, "strategy": "LongestFirst", "stride": 0}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    table = np.random.default_rng(3).standard_normal((rows, WIDE)).astype(np.float32)
    if value is not None:
        table[:] = value
    pooled = output == "sentence_embedding"
    nodes = [helper.make_node("Gather", ["table", inputs[0]], ["states" if pooled else output])]
    if pooled:
        nodes.append(helper.make_node("ReduceMean", ["states"], [output], axes=[1], keepdims=0))
    shape = ["texts", WIDE] if pooled else ["texts", "width", WIDE]
    graph = helper.make_graph(
        nodes,
        "ready-made",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "width"]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(table, "table")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    return table


@pytest.mark.parametrize("inputs", [(IDS,), (IDS, MASK), (IDS, MASK, KINDS)])
async def test_states_are_pooled_and_inputs_are_what_the_graph_takes(stand_in, models, tmp_path, inputs):
    table = ready_made(tmp_path / "model", stand_in("bert_cls_384"), inputs=inputs)
    result = await LocalEmbedder(tmp_path / "model", pool=models).embed_batch(["the time", "", "the " * 100])
    assert result.vectors.shape == (3, WIDE)
    assert np.abs(result.vectors[1] - table[[2, 3]].mean(axis=0)).max() <= 1e-6, (
        "[CLS] and [SEP]; nothing says normalise"
    )
    assert result.truncated == 1, "tokenizer.json says how long a text may be, where nothing else does"


async def test_vectors_that_the_graph_pooled_are_taken(stand_in, models, tmp_path):
    table = ready_made(tmp_path / "model", stand_in("bert_cls_384"), output="sentence_embedding")
    embedding = await LocalEmbedder(tmp_path / "model", pool=models).embed("")
    assert np.abs(embedding.vector - table[[2, 3]].mean(axis=0)).max() <= 1e-6


@pytest.mark.parametrize("output", ["last_hidden_state", "sentence_embedding"])
async def test_vectors_that_are_not_finite_are_told(stand_in, models, tmp_path, output):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), output=output, value=float("inf"))
    with pytest.raises(MalformedResponse, match="not finite"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_a_graph_with_fewer_words_than_the_tokenizer_is_refused(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), rows=10)
    with pytest.raises(ConfigurationError, match="does not belong to this model"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_a_graph_that_takes_something_else_is_refused(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), inputs=("pixels",))
    with pytest.raises(ConfigurationError, match="takes pixels"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_a_broken_graph_is_refused(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"))
    graph = tmp_path / "model" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_a_ready_made_graph_is_not_quantised(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"))
    with pytest.raises(ConfigurationError, match="cannot be converted"):
        await LocalEmbedder(tmp_path / "model", precision="int8", pool=models).embed("time")


async def test_a_folder_that_does_not_say_how_long_a_text_may_be_is_refused(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), limit=None)
    with pytest.raises(ConfigurationError, match="maximum length of a text"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_weights_come_before_a_graph_beside_them(tmp_path, models: ModelPool):
    folder = make(tmp_path / "model", "roberta_mean_96")
    (folder / "model.onnx").write_bytes(b"somebody else's")
    assert (await LocalEmbedder(folder, pool=models).embed("time")).dimensions == 96
