"""Memory: a budget holds, what was used longest ago goes first, and what goes gives its memory back."""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest

from ratatoskr.errors import ModelNotAvailable
from ratatoskr.local import Device, ModelPool, ModelStore
from ratatoskr.local.engine import pool as runtime
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.memory import resident_bytes, trim
from unit.local.stand_ins import STAND_INS

TIGHT = Device.cpu(workers=2, tokens=128)
THREE = ("bert_mean_384", "bert_cls_384", "bert_cls_768")


async def test_a_model_over_the_budget_is_not_available_and_says_so_at_once(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), TIGHT, ram_budget=1_000_000)
    embedder = models.embedder(stand_in("bert_cls_768"))
    with pytest.raises(ModelNotAvailable, match="of a budget of 1000000 bytes") as told:
        await embedder.embed("time")
    assert told.value.reason == "ram_budget"
    assert embedder.status().status == "unavailable"
    models.close()


async def test_what_was_used_longest_ago_goes_first(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    names = ("bert_mean_384", "bert_cls_768", "bert_cls_384")
    first, second, third = (models.embedder(stand_in(name)) for name in names)
    for embedder in (first, second):
        await embedder.preload()
    models.ram_budget = models.resident_bytes + 1_000_000
    await first.embed("time")
    await third.preload()
    assert second.status().status != "ready"
    assert third.status().status == "ready"
    models.close()


async def test_a_model_in_use_is_never_let_go(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    first, third = models.embedder(stand_in("bert_mean_384")), models.embedder(stand_in("bert_cls_768"))
    await first.preload()
    models.ram_budget = models.resident_bytes + 1_000_000
    with models.using((first.model, "fp32")), pytest.raises(ModelNotAvailable):
        await third.preload()
    assert first.status().status == "ready"
    models.close()


async def test_what_cannot_fit_pushes_nobody_out(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    first, idle, third = (models.embedder(stand_in(name)) for name in ("bert_cls_768", "roberta_mean_96", THREE[0]))
    await first.preload()
    await idle.preload()
    models.ram_budget = models.resident_bytes + 100_000
    with models.using((first.model, "fp32")), pytest.raises(ModelNotAvailable):
        await third.preload()
    assert idle.status().status == "ready"
    assert third.status().status == "available", "what is short while another model is in use is no lasting failure"
    models.close()


async def test_a_model_that_turns_out_too_large_is_let_go_and_remembered(stand_in, tmp_path, monkeypatch):
    plain = ModelPool(ModelStore(tmp_path), TIGHT)
    embedder = plain.embedder(stand_in("bert_mean_384"))
    await embedder.preload()
    estimate = plain.resident_bytes
    plain.close()
    models = ModelPool(ModelStore(tmp_path), TIGHT, ram_budget=estimate + 1000)
    sizes = iter([0, estimate * 3 // 2])
    monkeypatch.setattr(runtime, "resident_bytes", lambda: next(sizes))
    embedder = models.embedder(stand_in("bert_mean_384"))
    for _ in range(2):  # the second time nothing is measured: it is known
        with pytest.raises(ModelNotAvailable, match=f"about {estimate * 3 // 2} bytes"):
            await embedder.embed("time")
        assert models.resident_bytes == 0
        assert embedder.status().status == "unavailable"
    models.close()


async def test_a_model_pushed_out_between_loading_and_use_is_loaded_again(stand_in, tmp_path, monkeypatch):
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    embedder = models.embedder(stand_in("roberta_mean_96"))
    load, loads = models.load, 0

    def pushed_out(key):
        nonlocal loads
        load(key)
        loads += 1
        if loads == 1:
            models.unload(key)

    monkeypatch.setattr(models, "load", pushed_out)
    assert (await embedder.embed("time")).dimensions == 96
    assert loads == 2
    models.close()


async def test_the_second_session_is_made_for_single_texts_counted_and_let_go_first(stand_in, tmp_path, monkeypatch):
    made = asyncio.Event()
    loop, make_latency = asyncio.get_running_loop(), LoadedModel.make_latency

    def watched(self):
        make_latency(self)
        loop.call_soon_threadsafe(made.set)

    monkeypatch.setattr(LoadedModel, "make_latency", watched)
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    embedder, other = models.embedder(stand_in("bert_mean_384")), models.embedder(stand_in("roberta_mean_96"))
    await embedder.embed_batch([f"time {number}" for number in range(50)])
    async for _ in embedder.embed_iter(["time"]):
        pass
    alone = models.resident_bytes
    assert not made.is_set(), "a job needs none"
    for _ in range(2):
        one = await embedder.embed("time")
    await made.wait()
    with models.using((embedder.model, "fp32")) as loaded:
        assert loaded.latency is not None
        assert models.resident_bytes > alone, "it counts"
        again = await embedder.embed("time")
        assert np.abs(again.vector - one.vector).max() <= 1e-6
    models.ram_budget = models.resident_bytes + 1000
    await other.preload()
    assert loaded.latency is None
    assert (models.evictions, embedder.status().status) == (0, "ready")
    models.close()


@pytest.mark.timeout(300)
async def test_random_calls_over_three_models_stay_within_the_budget(stand_in, tmp_path):
    """Three models that do not fit together, calls of random shapes, right vectors, and many evictions."""
    plain = ModelPool(ModelStore(tmp_path), TIGHT)
    texts = [("world " * (number % 60 + 1)) + str(number) for number in range(40)]
    right = {}
    for name in THREE:
        right[name] = np.asarray(await plain.embedder(stand_in(name)).embed_batch(texts))
    sizes = [resident.size for resident in plain._residents.values()]
    plain.close()
    trim()
    start = resident_bytes()
    models = ModelPool(ModelStore(tmp_path), TIGHT, ram_budget=max(sizes) + 4_000_000)
    rng = random.Random(7)  # repeatable
    most = 0
    for _ in range(60):
        name = rng.choice(THREE)
        some = rng.sample(range(len(texts)), rng.randint(1, 20))
        vectors = await models.embedder(stand_in(name)).embed_batch([texts[index] for index in some])
        assert np.abs(np.asarray(vectors) - right[name][some]).max() <= 1e-5 * max(1.0, np.abs(right[name]).max())
        most = max(most, resident_bytes())
    assert models.evictions >= 10
    assert models.ram_budget is not None
    assert most - start <= models.ram_budget + 64 * 1024 * 1024
    models.close()


UNLOADING = """
import asyncio, sys
from ratatoskr.local import ModelPool, ModelStore
from ratatoskr.local.engine.loaded import LoadedModel
from ratatoskr.local.engine.memory import resident_bytes

async def main():
    models = ModelPool(ModelStore(sys.argv[1]))
    embedder = models.embedder("AllMiniLmL6V2")
    texts = [f"time {number} " * (number % 40) for number in range(100)]
    for _ in range(6):
        before = resident_bytes()
        await embedder.embed_batch(texts)
        loaded = resident_bytes()
        await embedder.unload()
        print(before, loaded, resident_bytes())

asyncio.run(main())
"""


@pytest.mark.timeout(300)  # it computes for half a minute on a busy machine
def test_unloading_the_real_model_gives_its_memory_back(real_store):
    """In a process of its own: what other tests hold and let go of is no part of it."""
    command = [sys.executable, "-c", UNLOADING, str(real_store.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rounds = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    first, *later = rounds  # the first also brings what importing the runtime takes, which stays
    assert len(later) == 5
    assert min(loaded - before for before, loaded, _ in later) > 40_000_000
    assert statistics.median((loaded - after) / (loaded - before) for before, loaded, after in later) >= 0.9
    assert later[-1][2] - first[2] <= 0.5 * (first[1] - first[2]), "it grows from round to round"


@pytest.mark.timeout(300)  # it computes for half a minute on a busy machine
async def test_the_loop_goes_on_while_a_batch_is_computed(stand_in, tmp_path):
    """The event loop turns many times within one call, which holds neither the loop nor the interpreter."""
    models = ModelPool(ModelStore(tmp_path))
    embedder = models.embedder(stand_in("bert_cls_768"))
    await embedder.preload()
    turns = 0
    task = asyncio.create_task(embedder.embed_batch([f"state {number} " * 30 for number in range(400)]))
    begun = time.perf_counter()
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100, time.perf_counter() - begun
    models.close()


def test_stand_ins_that_the_tests_name_exist():
    assert set(THREE) <= set(STAND_INS)
