"""Graphs for GPUs, run on a CPU: half precision, and pooling in the graph."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import onnx
import pytest

from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.embed import EmbedHead
from ratatoskr.local.engine.loaded import load_model
from ratatoskr.local.engine.onnx import open_onnx
from ratatoskr.local.graph.build import GraphWriter, build
from ratatoskr.local.graph.cache import ensure_graph
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.graph.weights import read_weights
from ratatoskr.local.store.folder import read_folder

TEXTS = ["time", "the state of the world " * 6, "", "embedding"]


POOLINGS = {
    "mean": "mean_tokens",
    "cls": "cls_token",
    "max": "max_tokens",
    "mean_sqrt_len": "mean_sqrt_len_tokens",
    "last": "lasttoken",
}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", ["roberta_mean_96", "distilbert_max_96"])
async def test_the_half_precision_graph_pools_as_we_do(stand_in, tmp_path, name, pooling):
    folder = shutil.copytree(stand_in(name), tmp_path / "model")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{POOLINGS[pooling]}": True}))
    models = ModelPool(ModelStore(tmp_path / "store"))
    embedder = LocalEmbedder(folder, pool=models)
    right = np.asarray(await embedder.embed_batch(TEXTS))
    read = models.store.find(folder)
    graph = ensure_graph(models.store.graphs, read, models.store.check(read)["model.safetensors"], "fp16")
    session = open_onnx(graph, name, Device.cpu(), EmbedHead(read).choose_output)
    with models.acquire(embedder.key) as loaded:
        tokens = loaded.tokenise(TEXTS)
    padded = tokens.pad(list(range(len(TEXTS))))
    vectors = session.run(*padded)
    assert vectors.ndim == 2, "pooled"
    bound = dataclasses.replace(session, runtime=dataclasses.replace(session.runtime, bound=True)).run(*padded)
    assert np.array_equal(bound, vectors)
    if read.normalise:
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(vectors - right).max() <= 0.01 * np.abs(right).max()
    assert vectors.shape == right.shape
    models.close()


def test_large_constants_are_in_the_weights_file_and_small_ones_in_the_graph():
    writer = GraphWriter()
    small, large = np.ones(10, np.float32), np.arange(5000, dtype=np.float32)
    writer.node("Add", writer.constant(small), writer.constant(small))
    names = [writer.constant(large), writer.constant(large[:3000])]
    data, pieces = writer.finish(names[0], 1)
    graph = onnx.ModelProto.FromString(data).graph
    assert [piece for _, piece in pieces] == [large.tobytes(), large[:3000].tobytes()]
    assert [offset % 4096 for offset, _ in pieces] == [0, 0]
    assert pieces[1][0] >= large.nbytes
    located = {tensor.name: {entry.key: entry.value for entry in tensor.external_data} for tensor in graph.initializer}
    assert [name for name, entry in located.items() if entry] == names
    assert located[names[1]] == {"location": "weights.bin", "offset": str(pieces[1][0]), "length": "12000"}


def test_half_precision_keeps_what_has_to_be_exact():
    writer = GraphWriter(half=True)
    values = np.ones(4, np.float32)
    writer.constant(values)
    writer.constant(values, exact=True)
    writer.integers(1, 2)
    data, _ = writer.finish("x", 1)
    types = [tensor.data_type for tensor in onnx.ModelProto.FromString(data).graph.initializer]
    assert types == [onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64]


def test_the_same_weights_give_the_same_bytes(stand_in):
    folder = read_folder(stand_in("roberta_mean_96"), "model")
    assert folder.architecture is not None
    assert folder.weights is not None
    weights = read_weights(Tensors(folder.weights, folder.weights.read_bytes()), folder.architecture)
    assert build(weights, folder.architecture) == build(weights, folder.architecture)


@pytest.mark.parametrize("mode", ["weightedmean", ["mean", "cls"]])
async def test_the_half_precision_graph_gives_states_where_it_cannot_pool(stand_in, tmp_path, models, mode):
    folder = shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": mode}))
    read = read_folder(folder, "model")
    graph = ensure_graph(tmp_path / "graphs", read, models.store.check(read)["model.safetensors"], "fp16")
    head = EmbedHead(read)
    loaded = load_model(read, head, graph, Device.cpu())
    tokens, rows = loaded.tokenise(TEXTS), loaded.allocate_rows(len(TEXTS))
    states = loaded.session.run(*tokens.pad([0, 1, 2, 3]))
    assert states.ndim == 3, "not pooled"
    loaded.compute(tokens, [0, 1, 2, 3], rows)
    right = np.asarray(await LocalEmbedder(folder, pool=models).embed_batch(TEXTS))
    assert (rows * right).sum(axis=1).min() >= 0.9999
