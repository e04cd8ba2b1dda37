"""Small calls."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from ratatoskr.errors import ContextLengthExceeded, InvalidInput
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.small import SmallCall, run_small
from unit.local.counting import counting_model

TIGHT = Device.cpu(workers=2, tokens=128)


async def test_the_second_session_is_made_for_single_texts_counted_and_let_go_first(stand_in, tmp_path, monkeypatch):
    made = asyncio.Event()
    loop, open_session = asyncio.get_running_loop(), LoadedModel.open_single_text_session

    def watched(self):
        open_session(self)
        loop.call_soon_threadsafe(made.set)

    monkeypatch.setattr(LoadedModel, "open_single_text_session", watched)
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    embedder, other = (
        LocalEmbedder(stand_in("bert_mean_384"), pool=models),
        LocalEmbedder(stand_in("roberta_mean_96"), pool=models),
    )
    await embedder.embed_batch([f"time {number}" for number in range(50)])
    async for _ in embedder.embed_iter(["time"]):
        pass
    alone = models.resident_bytes
    assert not made.is_set(), "a job needs none"
    for _ in range(2):
        one = await embedder.embed("time")
    await made.wait()
    with models.acquire(embedder.key) as loaded:
        assert loaded.single_text_session is not None
        assert models.resident_bytes > alone, "it counts"
        again = await embedder.embed("time")
        assert np.abs(again.vector - one.vector).max() <= 1e-6
    models.ram_budget = models.resident_bytes + 1000
    await other.preload()
    assert loaded.single_text_session is None
    assert (models.evictions, embedder.status().status) == (0, "ready")
    models.close()


def call_of(model: Any, items: list[str], *, truncate: bool = True) -> SmallCall:
    return SmallCall(model, items, truncate=truncate, may_open_session=lambda: False)


def test_joined_calls_get_their_own_rows_and_counts(stand_in):
    model = counting_model(stand_in("bert_mean_384"))
    calls = [call_of(model, items) for items in (["time"], ["the world", "of " * 100], ["", "time and time"])]
    deliver = run_small(calls, alone=False)
    assert not any(call.future.done() for call in calls), "results are delivered at the end"
    deliver()
    results = [call.future.result(0) for call in calls]
    assert [rows[:, 0].tolist() for rows, _ in results] == [[3], [4, 64], [2, 5]]
    assert [(stats.tokens, stats.cut) for _, stats in results] == [(3, ()), (68, (1,)), (7, ())]


def test_a_call_fails_for_its_own_items_only(stand_in):
    model = counting_model(stand_in("bert_mean_384"))
    calls = [call_of(model, ["time"]), call_of(model, ["\ud800"]), call_of(model, ["of " * 100], truncate=False)]
    run_small(calls, alone=False)()
    assert calls[0].future.result(0)[0].tolist() == [[3]]
    with pytest.raises(InvalidInput):
        calls[1].future.result(0)
    with pytest.raises(ContextLengthExceeded, match="line 0 has 102 tokens"):
        calls[2].future.result(0)


def test_calls_that_fail_together_are_computed_one_by_one(stand_in):
    model = counting_model(stand_in("bert_mean_384"), most=1)
    calls = [call_of(model, ["time"]), call_of(model, ["world", "state"]), call_of(model, ["of"])]
    run_small(calls, alone=False)()
    assert calls[0].future.result(0)[0].tolist() == [[3]]
    assert calls[2].future.result(0)[0].tolist() == [[3]]
    with pytest.raises(RuntimeError, match="too many"):
        calls[1].future.result(0)


def test_a_cancelled_call_is_not_computed(stand_in):
    model = counting_model(stand_in("bert_mean_384"))
    call = call_of(model, ["time"])
    call.future.cancel()
    run_small([call], alone=True)()
    assert model.session.sizes == []


def test_texts_that_come_alone_are_counted_and_others_are_not(stand_in):
    model = counting_model(stand_in("bert_mean_384"))
    for items, alone in ((["time"], True), (["time"], False), (["time", "world"], True), (["of"], True)):
        run_small([call_of(model, items)], alone=alone)()
    assert model.single_texts == 2
