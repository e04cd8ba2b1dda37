"""Sessions: ready-made graphs are used as they are, or refused with the reason."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ratatoskr.errors import (
    ConfigurationError,
    MalformedResponse,
)
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine.onnx import open_onnx
from unit.local.ready_made import IDS, KINDS, MASK, WIDE, ready_made
from unit.local.stand_ins import make


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


async def test_a_graph_whose_output_is_neither_states_nor_vectors_is_refused(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"))
    path = tmp_path / "model" / "model.onnx"
    graph = onnx.load(path)
    graph.graph.output[0].CopyFrom(helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["all"]))
    shape = numpy_helper.from_array(np.array([-1]), "shape")
    graph.graph.initializer.append(shape)
    graph.graph.node.append(helper.make_node("Reshape", ["last_hidden_state", "shape"], ["flat"]))
    onnx.save(graph, path)
    with pytest.raises(ConfigurationError, match="output flat has 1 axes"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


def test_segments_reach_a_graph_that_takes_them_and_are_zero_by_default(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Add", [IDS, KINDS], ["sum"]), helper.make_node("Cast", ["sum"], ["out"], to=1)],
        "segments",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "w"]) for name in (IDS, KINDS)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", "w"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = open_onnx(model.SerializeToString(), "segments", Device.cpu(), lambda outputs: next(iter(outputs)))
    ids = np.array([[1, 2]], np.int64)
    assert session.run(ids, np.ones_like(ids)).tolist() == [[1, 2]]
    assert session.run(ids, np.ones_like(ids), np.array([[0, 1]])).tolist() == [[1, 3]]
    with pytest.raises(MalformedResponse, match="segments: the model failed") as caught:
        session.run(ids.astype(np.float32), ids)
    assert caught.value.retryable is False
    assert "\n" not in str(caught.value)


async def test_a_graph_that_takes_smaller_integers_gets_them(stand_in, models, tmp_path):
    table = ready_made(tmp_path / "model", stand_in("bert_cls_384"), integers=TensorProto.INT32)
    embedding = await LocalEmbedder(tmp_path / "model", pool=models).embed("")
    assert np.abs(embedding.vector - table[[2, 3]].mean(axis=0)).max() <= 1e-6


@pytest.mark.parametrize("shape", [("texts", 16), (1, "width"), (3, "width"), (1, 16), (3, 16)])
async def test_texts_are_padded_to_the_fixed_shape_of_a_graph(stand_in, models, tmp_path, shape):
    ready_made(tmp_path / "fixed", stand_in("bert_cls_384"), shape=shape)
    ready_made(tmp_path / "dynamic", stand_in("bert_cls_384"), limit=16)
    texts = ["time", "", "the state of the world " * 9, "and " * 5, *(f"text {number}" for number in range(20))]
    fixed = await LocalEmbedder(tmp_path / "fixed", pool=models).embed_batch(texts)
    dynamic = await LocalEmbedder(tmp_path / "dynamic", pool=models).embed_batch(texts)
    if shape[1] != "width":
        assert fixed.truncated == dynamic.truncated == 1
        assert np.abs(fixed.vectors - dynamic.vectors).max() <= 1e-6
    assert np.abs(fixed.vectors[3:] - dynamic.vectors[3:]).max() <= 1e-6


async def test_a_graph_whose_inputs_have_different_sizes_is_refused(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), shape=(1, 16))
    path = tmp_path / "model" / "model.onnx"
    graph = onnx.load(path)
    graph.graph.input[1].CopyFrom(helper.make_tensor_value_info(MASK, TensorProto.INT64, [1, 8]))
    onnx.save(graph, path)
    with pytest.raises(ConfigurationError, match="which do not match"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_a_graph_that_takes_no_integers_is_refused(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), inputs=(IDS, MASK), integers=TensorProto.FLOAT)
    with pytest.raises(ConfigurationError, match=r"takes input_ids as tensor\(float\)"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_the_inputs_that_are_supported_are_listed(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), inputs=(IDS, MASK, "position_ids"))
    with pytest.raises(ConfigurationError, match="position_ids; supported are input_ids, and optionally"):
        await LocalEmbedder(tmp_path / "model", pool=models).embed("time")


async def test_a_store_whose_path_the_runtime_cannot_open_is_named(stand_in, tmp_path):
    store = ModelStore(os.fsdecode(bytes(tmp_path) + b"/st\xff"))
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        await LocalEmbedder(stand_in("bert_cls_384"), store=store).embed("time")
