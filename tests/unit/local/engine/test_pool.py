"""The pool: a budget holds, the least recently used model goes first, and models in use stay."""

from __future__ import annotations

import gc
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ratatoskr.errors import (
    ConfigurationError,
    GatewayClosed,
    ModelNotAvailable,
)
from ratatoskr.local import Device, LocalEmbedder, ModelPool, ModelStore
from ratatoskr.local.embed import EmbedHead
from ratatoskr.local.engine import pool as pool_module
from ratatoskr.local.engine.memory import resident_bytes, trim
from ratatoskr.local.engine.pool import ModelKey
from unit.local.stand_ins import STAND_INS

TIGHT = Device.cpu(workers=2, tokens=128)


THREE = ("bert_mean_384", "bert_cls_384", "bert_cls_768")


async def test_a_model_over_the_budget_is_not_available_and_says_so_at_once(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), TIGHT, ram_budget=1_000_000)
    embedder = LocalEmbedder(stand_in("bert_cls_768"), pool=models)
    with pytest.raises(ModelNotAvailable, match="of a budget of 1000000 bytes") as told:
        await embedder.embed("time")
    assert told.value.reason == "ram_budget"
    assert embedder.status().status == "unavailable"
    models.close()


async def test_what_was_used_longest_ago_goes_first(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    names = ("bert_mean_384", "bert_cls_768", "bert_cls_384")
    first, second, third = (LocalEmbedder(stand_in(name), pool=models) for name in names)
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
    first, third = (
        LocalEmbedder(stand_in("bert_mean_384"), pool=models),
        LocalEmbedder(stand_in("bert_cls_768"), pool=models),
    )
    await first.preload()
    models.ram_budget = models.resident_bytes + 1_000_000
    with models.acquire(first.key), pytest.raises(ModelNotAvailable):
        await third.preload()
    assert first.status().status == "ready"
    models.close()


async def test_what_cannot_fit_pushes_nobody_out(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    first, idle, third = (
        LocalEmbedder(stand_in(name), pool=models) for name in ("bert_cls_768", "roberta_mean_96", THREE[0])
    )
    await first.preload()
    await idle.preload()
    models.ram_budget = models.resident_bytes + 100_000
    with models.acquire(first.key), pytest.raises(ModelNotAvailable):
        await third.preload()
    assert idle.status().status == "ready"
    assert third.status().status == "available", "what is short while another model is in use is no lasting failure"
    models.close()


async def test_a_model_that_turns_out_too_large_is_let_go_and_remembered(stand_in, tmp_path, monkeypatch):
    plain = ModelPool(ModelStore(tmp_path), TIGHT)
    embedder = LocalEmbedder(stand_in("bert_mean_384"), pool=plain)
    await embedder.preload()
    estimate = plain.resident_bytes
    plain.close()
    models = ModelPool(ModelStore(tmp_path), TIGHT, ram_budget=estimate + 1000)
    sizes = iter([0, estimate * 3 // 2])
    monkeypatch.setattr(pool_module, "resident_bytes", lambda: next(sizes))
    embedder = LocalEmbedder(stand_in("bert_mean_384"), pool=models)
    for _ in range(2):  # the second time nothing is measured: it is known
        with pytest.raises(ModelNotAvailable, match=f"about {estimate * 3 // 2} bytes"):
            await embedder.embed("time")
        assert models.resident_bytes == 0
        assert embedder.status().status == "unavailable"
    models.close()


async def test_a_model_pushed_out_between_loading_and_use_is_loaded_again(stand_in, tmp_path, monkeypatch):
    models = ModelPool(ModelStore(tmp_path), TIGHT)
    embedder = LocalEmbedder(stand_in("roberta_mean_96"), pool=models)
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


@pytest.mark.timeout(300)
async def test_random_calls_over_three_models_stay_within_the_budget(stand_in, tmp_path):
    """Three models that do not fit together, calls of random shapes, right vectors, and many evictions."""
    plain = ModelPool(ModelStore(tmp_path), TIGHT)
    texts = [("world " * (number % 60 + 1)) + str(number) for number in range(40)]
    right = {}
    for name in THREE:
        right[name] = np.asarray(await LocalEmbedder(stand_in(name), pool=plain).embed_batch(texts))
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
        vectors = await LocalEmbedder(stand_in(name), pool=models).embed_batch([texts[index] for index in some])
        assert np.abs(np.asarray(vectors) - right[name][some]).max() <= 1e-5 * max(1.0, np.abs(right[name]).max())
        most = max(most, resident_bytes())
    assert models.evictions >= 10
    assert models.ram_budget is not None
    assert most - start <= models.ram_budget + 64 * 1024 * 1024
    models.close()


def test_stand_ins_that_the_tests_name_exist():
    assert set(THREE) <= set(STAND_INS)


async def test_int8_is_not_for_gpus(stand_in, tmp_path):
    models = ModelPool(ModelStore(tmp_path), Device.cuda())
    with pytest.raises(ConfigurationError, match="int8 runs on the CPU alone"):
        await LocalEmbedder(stand_in("roberta_mean_96"), precision="int8", pool=models).embed("time")
    models.close()


def key_of(pool: ModelPool, folder: Path) -> ModelKey:
    return ModelKey(pool.store.name_of(folder), "fp32", EmbedHead)


def test_threads_that_want_a_model_at_once_load_it_once(stand_in, tmp_path, monkeypatch):
    pool = ModelPool(ModelStore(tmp_path), TIGHT)
    key, loads, load_model = key_of(pool, stand_in("roberta_mean_96")), [], pool_module.load_model

    def counted(*arguments):
        loads.append(arguments)
        assert pool.status(key).status == "loading"
        time.sleep(0.05)
        return load_model(*arguments)

    monkeypatch.setattr(pool_module, "load_model", counted)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(pool.load, [key] * 4)) == [None] * 4
    assert len(loads) == 1
    assert pool.is_loaded(key)
    pool.close()


def test_a_failure_to_load_is_every_callers_and_the_status_says_so(stand_in, tmp_path):
    folder = shutil.copytree(stand_in("roberta_mean_96"), tmp_path / "model")
    pool = ModelPool(ModelStore(tmp_path / "store"), TIGHT)
    key = key_of(pool, folder)
    assert pool.status(key).status == "available"
    (folder / "tokenizer.json").write_text("{}")
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            pool.load(key)
    status = pool.status(key)
    assert (status.status, bool(status.reason)) == ("unavailable", True)
    shutil.copy(stand_in("roberta_mean_96") / "tokenizer.json", folder / "tokenizer.json")
    pool.load(key)
    assert pool.status(key).status == "ready"
    pool.close()


def test_an_error_of_any_kind_while_loading_is_told_and_does_not_block_the_next_try(stand_in, tmp_path, monkeypatch):
    pool = ModelPool(ModelStore(tmp_path), TIGHT)
    key = key_of(pool, stand_in("roberta_mean_96"))

    def broken(*_):
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr(pool_module, "load_model", broken)
    with pytest.raises(ConfigurationError, match="loading failed: ZeroDivisionError: by hand"):
        pool.load(key)
    monkeypatch.undo()
    pool.load(key)
    with pool.acquire(key) as model:
        assert model.row_size == 96
    pool.close()
    with pytest.raises(GatewayClosed):
        pool.load(key)
    with pytest.raises(KeyError):
        pool.acquire(key)


async def test_a_pool_that_is_dropped_ends_its_threads(stand_in, tmp_path):
    embedder = LocalEmbedder(stand_in("bert_cls_384"), store=ModelStore(tmp_path))
    await embedder.embed_batch(["time"] * 20)
    threads = list(embedder._own_pool.workers._threads)
    assert threads
    assert all(thread.is_alive() for thread in threads)
    del embedder
    gc.collect()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
