"""`LocalEmbedder`: nothing is silent, nothing is lost, small calls are joined, large ones stop when cancelled."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from ratatoskr.errors import (
    ConfigurationError,
    ContextLengthExceeded,
    GatewayClosed,
    InvalidInput,
    MalformedResponse,
    ModelNotAvailable,
    UnsupportedParameter,
)
from ratatoskr.local import LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine import loaded as loaded_module
from unit.local.stand_ins import safetensors

LONG = "state " * 100


@pytest.fixture
def embedder(models, stand_in) -> LocalEmbedder:
    return LocalEmbedder(stand_in("bert_mean_384"), pool=models)


async def test_truncated_texts_are_counted_or_refused_with_index_and_tokens(embedder):
    result = await embedder.embed_batch(["time", LONG, "world", LONG])
    assert result.truncated == 2
    assert (await embedder.embed(LONG)).truncated
    assert not (await embedder.embed("time")).truncated
    with pytest.raises(ContextLengthExceeded, match="text 1 has 102 tokens, and the model takes 64") as told:
        await embedder.embed_batch(["time", LONG], truncate=False)
    assert told.value.field == "texts"
    with pytest.raises(ContextLengthExceeded, match="text 20 has"):
        await embedder.embed_batch(["time"] * 20 + [LONG], truncate=False)


@pytest.mark.parametrize("bad", [None, 7, b"time", "half \ud800 pair", "\udc00"])
@pytest.mark.parametrize("before", [3, 5000])
async def test_what_is_no_text_is_refused_with_its_index(embedder, bad, before):
    with pytest.raises(InvalidInput, match=f"text {before} ") as told:
        await embedder.embed_batch(["time"] * before + [bad])
    assert told.value.field == "texts"


@pytest.mark.parametrize("texts", ["time", {"id": "time"}, {"time"}, np.array("time")])
async def test_one_str_and_what_has_no_order_are_not_taken_for_sequences_of_texts(embedder, texts):
    with pytest.raises(InvalidInput, match="must be a sequence of str"):
        await embedder.embed_batch(texts)
    with pytest.raises(InvalidInput, match="must be a sequence of str"):
        await anext(embedder.embed_iter(texts))


async def test_dimensions_that_the_model_has_not_are_refused(embedder):
    assert (await embedder.embed("time", dimensions=384)).dimensions == 384
    with pytest.raises(UnsupportedParameter, match="384 dimensions, not 256") as told:
        await embedder.embed_batch(["time"], dimensions=256)
    assert told.value.field == "dimensions"


async def test_no_texts_give_no_vectors(embedder):
    result = await embedder.embed_batch([])
    assert np.asarray(result).shape == (0, 384)
    assert result.usage.input_tokens == 0


async def test_weights_that_are_not_finite_are_told(stand_in, tmp_path, models):
    folder = shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model")
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-4:] = np.array([np.nan], "<f4").tobytes()  # the last bias: one dimension of every vector
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(MalformedResponse, match="not finite"):
        await LocalEmbedder(folder, pool=models).embed("time")


async def test_a_tokenizer_of_another_model_is_refused(stand_in, tmp_path, models):
    folder = shutil.copytree(stand_in("distilbert_max_96"), tmp_path / "model")
    shutil.copy(stand_in("roberta_mean_96") / "tokenizer.json", folder / "tokenizer.json")
    with pytest.raises(ConfigurationError, match="does not belong to this model"):
        await LocalEmbedder(folder, pool=models).embed("time")


async def test_the_querys_instruction_goes_before_queries_alone(stand_in, tmp_path, models):
    folder = shutil.copytree(stand_in("bert_cls_384"), tmp_path / "bge-small-en-v1.5")
    embedder = LocalEmbedder(folder, pool=models)
    query = await embedder.embed("time", input_type="query")
    instructed = await embedder.embed("Represent this sentence for searching relevant passages: time")
    document = await embedder.embed("time")
    assert np.array_equal(query.vector, instructed.vector)
    assert not np.allclose(query.vector, document.vector)
    with pytest.raises(InvalidInput):
        await embedder.embed("time", input_type="passage")  # type: ignore[arg-type]


async def test_an_iterables_vectors_come_in_order_and_it_is_read_only_as_far_as_needed(embedder):
    read = 0

    def source():
        nonlocal read
        for number in range(10_000):
            read += 1
            yield f"time {number}"

    seen = []
    stream = embedder.embed_iter(source(), window=50)
    async for embedding in stream:
        seen.append(embedding.vector)
        if len(seen) == 120:
            break
    await stream.aclose()
    assert read <= 120 + 50 * 4
    whole = await embedder.embed_batch([f"time {number}" for number in range(120)])
    assert np.abs(np.stack(seen) - np.asarray(whole)).max() <= 1e-6


async def test_an_error_in_a_stream_of_texts_names_the_index_in_the_whole(embedder):
    with pytest.raises(InvalidInput, match="text 130 "):
        async for _ in embedder.embed_iter([*(["time"] * 130), "\ud800"], window=50):
            pass


async def test_calls_at_the_same_time_are_joined_and_each_gets_its_own(models, embedder, monkeypatch):
    await embedder.preload()
    sizes = []
    compute = loaded_module.LoadedModel.compute

    def watched(self, tokens, texts, out, **kwargs):
        sizes.append(len(texts))
        compute(self, tokens, texts, out, **kwargs)

    monkeypatch.setattr(loaded_module.LoadedModel, "compute", watched)
    some = [f"world {number % 10}{number // 10}" for number in range(64)]
    vectors = await asyncio.gather(*(embedder.embed(text) for text in some))
    assert max(sizes) > 1
    assert max(sizes) <= 8
    together = np.asarray(await embedder.embed_batch(some))
    assert np.abs(np.stack([vector.vector for vector in vectors]) - together).max() <= 1e-6


async def test_one_bad_call_among_joined_ones_fails_alone(embedder):
    calls = [embedder.embed(text) for text in ("time", "\ud800", "world", "of")]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["Embedding", "InvalidInput", "Embedding", "Embedding"]


async def test_cancelling_a_call_stops_its_computing(embedder, monkeypatch):
    await embedder.preload()
    calls = 0
    begun = threading.Event()
    go_on = threading.Event()
    compute = loaded_module.LoadedModel.compute

    def watched(self, tokens, texts, out, **kwargs):
        nonlocal calls
        calls += 1
        begun.set()
        go_on.wait(10)
        compute(self, tokens, texts, out, **kwargs)

    monkeypatch.setattr(loaded_module.LoadedModel, "compute", watched)
    task = asyncio.create_task(embedder.embed_batch([f"time {number}" for number in range(3000)]))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    monkeypatch.undo()
    await embedder.embed("world")
    assert calls <= 2, "the calls that ran when it was cancelled, one a worker at most"


async def test_after_closing_every_call_fails(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path))
    embedder = LocalEmbedder(stand_in("roberta_mean_96"), pool=models)
    await embedder.embed("time")
    models.close()
    models.close()
    with pytest.raises(GatewayClosed):
        await embedder.embed("time")


async def test_a_model_that_is_not_here_is_not_available_and_is_never_fetched(tmp_path):
    embedder = LocalEmbedder("BgeSmallEn", store=ModelStore(tmp_path))
    with pytest.raises(ModelNotAvailable, match="rat models pull BgeSmallEn") as told:
        await embedder.embed("time")
    assert told.value.reason == "not_local"
    assert embedder.status().status == "unavailable"
    await embedder.aclose()


async def test_status_follows_the_model(models, stand_in):
    embedder = LocalEmbedder(stand_in("bert_cls_768"), pool=models)
    await embedder.unload()
    assert embedder.status().status == "available"
    await embedder.preload()
    assert embedder.status().status == "ready"
    await embedder.unload()
    assert embedder.status().status == "available"


def test_it_may_be_used_from_several_loops_at_once(embedder):
    results = []

    def run():
        results.append(asyncio.run(embedder.embed_batch([f"time {n}" for n in range(50)])))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.abs(np.asarray(result) - np.asarray(results[0])).max() <= 1e-6 for result in results)


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx"])
async def test_a_package_that_is_missing_is_named_with_its_extra(stand_in, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    embedder = LocalEmbedder(stand_in("roberta_mean_96"), store=ModelStore(tmp_path))
    with pytest.raises(ConfigurationError, match=rf"{missing}: pip install 'ratatoskr-llm\[local\]'"):
        await embedder.embed("time")
    await embedder.aclose()


def test_a_graph_without_weights_in_place_is_refused(tmp_path: Path, stand_in, models):
    folder = shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model")
    (folder / "model.safetensors").write_bytes(safetensors({"other": np.ones(3)}))
    with pytest.raises(ConfigurationError, match="word_embeddings"):
        asyncio.run(LocalEmbedder(folder, pool=models).preload())
