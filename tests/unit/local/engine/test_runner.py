"""Calls of any size on one model of a pool."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.local import LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.embed import EmbedHead
from ratatoskr.local.engine import runner as runner_module
from ratatoskr.local.engine.pool import ModelKey
from ratatoskr.local.engine.runner import ModelRunner


@pytest.mark.timeout(300)  # it computes for half a minute on a busy machine
async def test_the_loop_goes_on_while_a_batch_is_computed(stand_in, tmp_path):
    """The event loop turns many times within one call, which holds neither the loop nor the interpreter."""
    models = ModelPool(ModelStore(tmp_path))
    embedder = LocalEmbedder(stand_in("bert_cls_768"), pool=models)
    await embedder.preload()
    turns = 0
    task = asyncio.create_task(embedder.embed_batch([f"state {number} " * 30 for number in range(400)]))
    begun = time.perf_counter()
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100, time.perf_counter() - begun
    models.close()


def runner_of(models: ModelPool, folder: Any) -> ModelRunner:
    return ModelRunner(models, ModelKey(models.store.name_of(folder), "fp32", EmbedHead))


async def test_windows_of_a_call_are_one_result(models, stand_in, monkeypatch):
    runner = runner_of(models, stand_in("roberta_mean_96"))
    items = [f"time {number} " * (number % 5) for number in range(100)] + ["state " * 100, "time 1 "]
    with await runner.acquire() as model:
        rows, stats = await runner.run(model, items, truncate=True)
        monkeypatch.setattr(runner_module, "WINDOW", 16)
        cut_rows, cut_stats = await runner.run(model, items, truncate=True)
        none, no_stats = await runner.run(model, [], truncate=True)
    assert np.abs(rows - cut_rows).max() <= 1e-6
    assert cut_stats == stats
    assert stats.cut == (100,)
    assert (none.shape, no_stats.tokens) == ((0, 96), 0)


async def test_a_stream_of_windows_comes_in_order_and_names_items_by_their_place_in_it(models, stand_in):
    runner = runner_of(models, stand_in("roberta_mean_96"))

    async def windows(bad: str = "of"):
        for first in range(0, 60, 20):
            yield first, [f"time {number}" for number in range(first, first + 20)]
        yield 60, ["world", bad]

    with await runner.acquire() as model:
        parts = [(rows, stats) async for rows, stats in runner.run_windows(model, windows(), truncate=True)]
        items = [f"time {number}" for number in range(60)] + ["world", "of"]
        rows, stats = await runner.run(model, items, truncate=True)
        assert np.abs(np.concatenate([part for part, _ in parts]) - rows).max() <= 1e-6
        assert sum(part.tokens for _, part in parts) == stats.tokens
        seen = 0
        with pytest.raises(InvalidInput, match="text 61 "):  # noqa: PT012  # the error comes behind the windows before
            async for part, _ in runner.run_windows(model, windows("\ud800"), truncate=True):
                seen += len(part)
    assert seen == 60


async def test_a_model_is_kept_while_it_is_acquired_and_unloaded_on_demand(models, stand_in):
    runner = runner_of(models, stand_in("distilbert_max_96"))
    assert runner.status().status == "available"
    with await runner.acquire():
        assert runner.status().status == "ready"
    await runner.unload()
    assert runner.status().status == "available"
    await runner.preload()
    assert runner.status().status == "ready"
    await runner.unload()
