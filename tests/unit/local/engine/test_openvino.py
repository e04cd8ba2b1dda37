"""Models in bf16 by OpenVINO: the vectors, the graphs, and the ends of runs."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from ratatoskr import ConfigurationError, MalformedResponse, Ratatoskr
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.embed import EmbedHead
from ratatoskr.local.engine.openvino import open_openvino
from ratatoskr.local.engine.stop import StopSignal
from ratatoskr.local.graph.build import build
from ratatoskr.local.graph.cache import GraphInMemory
from ratatoskr.local.graph.safetensors import Tensors
from ratatoskr.local.graph.weights import read_weights
from ratatoskr.local.precision import has_bf16, read_flags
from ratatoskr.local.store.folder import read_folder
from unit.local.ready_made import IDS, MASK, ready_made

pytestmark = pytest.mark.skipif(not has_bf16(read_flags()), reason="this processor does not compute in bf16")

TEXTS = ["", "time", "the state of the world " * 9, "and " * 40, *(f"text {number}" for number in range(200))]


@pytest.fixture
def models(tmp_path: Path) -> Any:
    pool = ModelPool(ModelStore(tmp_path / "store"), Device.cpu(workers=2))
    yield pool
    pool.close()


def cosines(left: Any, right: Any) -> np.ndarray[Any, Any]:
    """Return the cosine of each pair of rows."""
    a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["bert_cls_384", "roberta_mean_96", "distilbert_max_96"])
async def test_vectors_are_close_to_those_of_fp32(stand_in, models, name):
    exact = await LocalEmbedder(stand_in(name), pool=models).embed_batch(TEXTS)
    embedder = LocalEmbedder(stand_in(name), precision="bf16", pool=models)
    near = await embedder.embed_batch(TEXTS)
    assert cosines(exact, near).min() >= 0.9995
    assert cosines(exact, near).mean() >= 0.9999
    assert not np.array_equal(np.asarray(exact), np.asarray(near)), "it was computed in bf16"
    alone = np.stack([(await embedder.embed(text)).vector for text in TEXTS[1:5]])
    assert cosines(np.asarray(near)[1:5], alone).min() >= 0.9999


async def test_texts_of_one_length_have_the_same_bits_alone_and_together(stand_in, models):
    embedder = LocalEmbedder(stand_in("bert_cls_384"), precision="bf16", pool=models)
    together = np.asarray(await embedder.embed_batch(["time", "and", "the"]))
    for row, text in zip(together, ["time", "and", "the"], strict=True):
        assert np.array_equal(row, (await embedder.embed(text)).vector)


async def test_the_gateway_says_what_runs(stand_in):
    async with Ratatoskr.builder().local_embeddings(stand_in("bert_cls_384"), "bf16").build() as gateway:
        await gateway.embed_batch(TEXTS, str(stand_in("bert_cls_384")))
        (health,) = (await gateway.health()).local
    assert (health.precision, health.status) == ("bf16", "ready")


@pytest.mark.parametrize("integers", [TensorProto.INT64, TensorProto.INT32])
@pytest.mark.parametrize("shape", [("texts", "width"), ("texts", 16), (3, "width"), (3, 16)])
async def test_ready_made_graphs_of_any_shape_are_computed(stand_in, models, tmp_path, shape, integers):
    table = ready_made(tmp_path / "model", stand_in("bert_cls_384"), shape=shape, integers=integers)
    embedder = LocalEmbedder(tmp_path / "model", precision="bf16", pool=models)
    assert cosines([(await embedder.embed("")).vector], [table[[2, 3]].mean(axis=0)]).min() >= 0.999
    assert len(await embedder.embed_batch(TEXTS[:40])) == 40


async def test_a_tokenizer_of_another_model_is_refused(stand_in, models, tmp_path):
    ready_made(tmp_path / "model", stand_in("bert_cls_384"), rows=40)
    with pytest.raises(ConfigurationError, match=r"does not belong to this model: .*knows 40 ids"):
        await LocalEmbedder(tmp_path / "model", precision="bf16", pool=models).embed("time")


def test_a_graph_in_memory_is_loaded(stand_in):
    folder = read_folder(stand_in("bert_cls_384"), "model")
    assert folder.weights is not None
    assert folder.architecture is not None
    graph, pieces = build(
        read_weights(Tensors(folder.weights, folder.weights.read_bytes()), folder.architecture), folder.architecture
    )
    weights = bytearray()
    for start, piece in pieces:
        weights += bytes(start - len(weights)) + piece
    session = open_openvino(GraphInMemory(graph, bytes(weights)), "model", EmbedHead(folder).choose_output)
    ids = np.array([[2, 5, 3]])
    assert session.run(ids, np.ones_like(ids)).shape[:2] == (1, 3)


def external(location: str) -> bytes:
    """Return a graph whose table is in another file."""
    table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[9, 4], data_location=TensorProto.EXTERNAL)
    table.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", IDS], ["out"])],
        "external",
        [helper.make_tensor_value_info(IDS, TensorProto.INT64, ["n", "w"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", "w", 4])],
        [table],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def test_files_that_a_ready_made_graph_names_are_not_opened(tmp_path, monkeypatch):
    (tmp_path / "private").write_bytes(bytes(9 * 4 * 4))
    monkeypatch.chdir(tmp_path)
    for location in ("private", str(tmp_path / "private")):
        with pytest.raises(ConfigurationError, match="weights in other files"):
            open_openvino(external(location), "model", lambda _: "out")


@pytest.mark.parametrize("graph", [b"", b"no graph", b"\x08\x09:\x02\x0a\x00"])
def test_what_is_no_graph_is_refused(graph):
    with pytest.raises(ConfigurationError, match=r"OpenVINO cannot load the graph|table of word embeddings"):
        open_openvino(graph, "model", lambda _: "out")


def long_run() -> Any:
    """Return a session that multiplies matrices for about a minute."""
    ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "w"]) for name in (IDS, MASK)]
    nodes = [helper.make_node("Gather", ["table", IDS], ["x0"])]
    nodes += [helper.make_node("MatMul", [f"x{step}", "matrix"], [f"x{step + 1}"]) for step in range(400)]
    nodes += [helper.make_node("Identity", ["x400"], ["out"])]
    initializers = [
        numpy_helper.from_array(np.zeros((9, 1024), np.float32), "table"),
        numpy_helper.from_array(np.eye(1024, dtype=np.float32)[::-1].copy(), "matrix"),
    ]
    out = [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", "w", 1024])]
    model = helper.make_model(
        helper.make_graph(nodes, "long", ids, out, initializers),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    return open_openvino(model.SerializeToString(), "long", lambda _: "out")


async def test_a_run_ends_when_its_caller_gives_up():
    session, given_up = long_run(), Future()
    stop = StopSignal.when_done([given_up])
    ids = np.zeros((8, 512), np.int64)
    failures: list[BaseException] = []
    began = threading.Event()

    def run() -> None:
        began.set()
        try:
            session.run(ids, ids, stop=stop)
        except MalformedResponse as error:
            failures.append(error)

    running = asyncio.create_task(asyncio.to_thread(run))
    await asyncio.to_thread(began.wait)
    await asyncio.sleep(0.2)
    start = time.monotonic()
    given_up.cancel()
    await running
    assert failures, "it was terminated"
    assert time.monotonic() - start < 10
    small = np.zeros((1, 2), np.int64)
    assert session.run(small, small).shape == (1, 2, 1024), "the session can still be used"


def test_a_run_that_is_given_up_before_it_begins_does_not_run():
    session, given_up = long_run(), Future()
    given_up.cancel()
    ids = np.zeros((8, 512), np.int64)
    with pytest.raises(MalformedResponse):
        session.run(ids, ids, stop=StopSignal.when_done([given_up]))
