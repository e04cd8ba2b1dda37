"""One model in memory: the size of its rows, and the session for single texts."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from ratatoskr.errors import ContextLengthExceeded
from ratatoskr.local import Device, ModelPool, ModelStore
from ratatoskr.local.embed import EmbedHead, LocalEmbedder
from ratatoskr.local.engine import loaded as loaded_module
from ratatoskr.local.engine.loaded import load_model
from ratatoskr.local.store.folder import read_folder
from unit.local.ready_made import WIDE, ready_made


@pytest.fixture
def folder_and_graph(stand_in, tmp_path) -> Any:
    ready_made(tmp_path / "model", stand_in("bert_cls_384"))
    folder = read_folder(tmp_path / "model", "model")
    return folder, (tmp_path / "model" / "model.onnx").read_bytes()


def test_rows_are_as_long_as_the_graphs_output(folder_and_graph):
    folder, graph = folder_and_graph
    model = load_model(folder, EmbedHead(folder), graph, Device.cpu(workers=1, tokens=77))
    assert (model.row_size, model.budget, model.name, model.gate) == (WIDE, 77, "model", None)
    assert model.allocate_rows(3).shape == (3, WIDE)
    tokens = model.tokenise(["the time", "of"])
    rows = model.allocate_rows(2)
    model.compute(tokens, [1, 0], rows)
    alone = model.allocate_rows(2)
    model.compute(tokens, [0], alone)
    model.compute(tokens, [1], alone)
    assert abs(rows - alone).max() <= 1e-6


@pytest.mark.parametrize(("workers", "opened"), [(1, False), (2, True)])
def test_the_session_for_single_texts_is_opened_once_where_threads_help(folder_and_graph, workers, opened):
    folder, graph = folder_and_graph
    model = load_model(folder, EmbedHead(folder), graph, Device.cpu(workers=workers))
    model.open_single_text_session()
    first = model.single_text_session
    assert (first is not None) == opened
    model.open_single_text_session()
    assert model.single_text_session is first


def test_a_device_with_a_bound_gets_a_gate(folder_and_graph):
    folder, graph = folder_and_graph
    model = load_model(folder, EmbedHead(folder), graph, Device("cpu", workers=4, in_flight=2))
    assert model.gate is not None
    assert [model.gate.acquire(blocking=False) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("name", ["bert_cls_384", "bert_mean_384", "distilbert_max_96"])
async def test_a_text_without_any_token_has_a_vector_of_zeros_and_spoils_no_other(
    stand_in, tmp_path, models, name, count
):
    folder = shutil.copytree(stand_in(name), tmp_path / "model")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps({**tokenizer, "post_processor": None}))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    embedder = LocalEmbedder(folder, pool=models)
    result = await embedder.embed_batch(["", "the time", " \n"] * count)
    assert not result.vectors[[0, 2]].any()
    assert abs(result.vectors[1] - (await embedder.embed("the time")).vector).max() <= 1e-6
    assert result.vectors[1].any()
    assert not (await embedder.embed("")).vector.any()


async def test_single_texts_are_computed_on_after_the_graph_was_removed(stand_in, tmp_path):
    store = ModelStore(tmp_path / "store")
    models = ModelPool(store, Device.cpu(workers=2))
    embedder = LocalEmbedder(stand_in("bert_cls_384"), pool=models)
    first = await embedder.embed("time")
    shutil.rmtree(store.graphs)
    for number in range(40):  # the session for single texts is opened after some of them
        await embedder.embed(f"text {number}")
    assert abs((await embedder.embed("time")).vector - first.vector).max() <= 1e-6
    with models.acquire(embedder.key) as loaded:
        assert loaded.single_text_session is None
        assert loaded.single_text_session_failed
    models.close()


async def test_a_text_whose_attention_does_not_fit_into_memory_is_refused_before_it_is_computed(
    stand_in, tmp_path, monkeypatch
):
    monkeypatch.setattr(loaded_module, "find_memory_limit", lambda: 8 * 4 * 30**2)  # four heads
    pool = ModelPool(ModelStore(tmp_path))
    embedder = LocalEmbedder(stand_in("roberta_mean_96"), pool=pool)
    await embedder.embed("a" * 28)
    for texts in (["a" * 40], ["a" * 40] * 40):
        with pytest.raises(ContextLengthExceeded, match=r"text of 42 tokens .* at most 30 tokens fit") as told:
            await embedder.embed_batch(texts)
        assert told.value.field == "texts"
    pool.close()
