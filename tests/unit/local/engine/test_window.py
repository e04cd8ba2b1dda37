"""Windows of large calls."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from ratatoskr.errors import ContextLengthExceeded, InvalidInput
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.engine.session import Session
from ratatoskr.local.engine.window import WindowTask
from unit.local.counting import counting_model


@pytest.mark.parametrize(("in_flight", "most"), [(1, 1), (2, 2), (None, 4)])
async def test_large_calls_keep_to_so_many_at_a_time_whatever_threads_there_are(
    stand_in, tmp_path, monkeypatch, in_flight, most
):
    inside, seen, lock, run = 0, [], threading.Lock(), Session.run

    def counted(self, ids, mask, types=None, *, stop=None):
        nonlocal inside
        with lock:
            inside += 1
            seen.append(inside)
        threading.Event().wait(0.003)  # long enough for others to come in, if they may
        try:
            return run(self, ids, mask, types, stop=stop)
        finally:
            with lock:
                inside -= 1

    texts = [f"text number {number}" for number in range(300)]
    models = ModelPool(ModelStore(tmp_path), Device("cpu", workers=4, tokens=64, in_flight=in_flight))
    embedder = LocalEmbedder(stand_in("roberta_mean_96"), pool=models)
    plain = np.asarray(await embedder.embed_batch(texts))
    monkeypatch.setattr(Session, "run", counted)
    assert np.array_equal(np.asarray(await embedder.embed_batch(texts)), plain)
    assert max(seen) == most
    assert len(seen) > 20
    models.close()


def drive(task: WindowTask) -> int:
    """Run the pieces of a window one after another, as a single worker would, and return how many there were."""
    count = 0
    while (piece := task.next_piece()) is not None:
        count += 1
        if (deliver := piece()) is not None:
            deliver()
    return count


def window_of(model: Any, items: list[str], *, first: int = 0, truncate: bool = True) -> WindowTask:
    return WindowTask(model, items, model.allocate_rows(len(items)), first=first, truncate=truncate, wake=lambda: None)


def test_rows_come_in_the_order_of_the_items_whatever_head_makes_them(stand_in):
    model = counting_model(stand_in("bert_mean_384"))
    items = ["time " * (number % 7) for number in range(40)] + ["state " * 100]
    task = window_of(model, items)
    drive(task)
    rows, stats = task.future.result(0)
    expected = [min(64, len(item.split()) + 2) for item in items]  # with [CLS] and [SEP]
    assert rows[:, 0].tolist() == expected
    assert (stats.tokens, stats.cut) == (sum(expected), (40,))
    assert task.done()
    assert task.next_piece() is None


def test_repeated_items_are_computed_once_and_counted_each_time(stand_in):
    model = counting_model(stand_in("bert_mean_384"))
    long = "state " * 100
    items = ["time", long, "time", "the world", long, "time"]
    task = window_of(model, items)
    drive(task)
    rows, stats = task.future.result(0)
    assert sum(model.session.sizes) == 3
    assert rows[:, 0].tolist() == [3, 64, 3, 4, 64, 3]
    assert (stats.tokens, stats.cut) == (3 + 64 + 3 + 4 + 64 + 3, (1, 4))


def test_long_items_are_tokenised_in_pieces(stand_in):
    model = counting_model(stand_in("bert_mean_384"), budget=10_000)
    task = window_of(model, [f"time {number} " + "x" * 40_000 for number in range(8)])
    assert drive(task) == 4 + 1, "two items in each chunk of 64 Ki characters, then one batch"
    assert len(task.future.result(0)[0]) == 8


@pytest.mark.parametrize("repeat", [False, True])
def test_an_invalid_item_is_named_by_its_place_in_the_call(stand_in, repeat):
    items = ["time", "time" if repeat else "world", "half \ud800"]
    task = window_of(counting_model(stand_in("bert_mean_384")), items, first=100)
    drive(task)
    with pytest.raises(InvalidInput, match="text 102 "):
        task.future.result(0)


def test_an_item_that_is_too_long_is_refused_in_the_words_of_its_head(stand_in):
    task = window_of(counting_model(stand_in("bert_mean_384")), ["time", "time", "of " * 100], first=7, truncate=False)
    drive(task)
    with pytest.raises(ContextLengthExceeded, match="line 9 has 102 tokens, and the model takes 64") as caught:
        task.future.result(0)
    assert caught.value.field == "lines"


def test_a_cancelled_window_has_no_further_piece(stand_in):
    model = counting_model(stand_in("bert_mean_384"))
    task = window_of(model, [f"time {number}" for number in range(200)])
    first = task.next_piece()
    assert first is not None
    first()
    task.future.cancel()
    assert task.done()
    assert drive(task) == 0
    assert model.session.sizes == []


def test_a_gate_bounds_the_batches_under_way(stand_in):
    model = counting_model(stand_in("bert_mean_384"), in_flight=1)
    task = window_of(model, [f"time {number}" for number in range(200)])
    tokenise = task.next_piece()
    assert tokenise is not None
    tokenise()
    batch = task.next_piece()
    assert batch is not None
    assert task.next_piece() is None, "one batch is under way"
    batch()
    drive(task)
    assert len(model.session.sizes) > 1
    assert task.future.done()
