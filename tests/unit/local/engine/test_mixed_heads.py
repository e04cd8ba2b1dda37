"""One pool for models of several heads: the budget holds, and preload, cancellation and close are as for embeddings."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ratatoskr import GatewayClosed, ModelNotAvailable, Ratatoskr
from ratatoskr.local import Device, LocalClassifier, LocalEmbedder, LocalNli, LocalReranker, ModelPool, ModelStore
from ratatoskr.local.engine.memory import resident_bytes, trim
from unit.local import classifiers
from unit.local.classifiers import Classifier

TIGHT = Device.cpu(workers=2, tokens=128)
TEXTS = [("world " * (number % 30 + 1)) + str(number) for number in range(40)]
ONE = {"id2label": {"0": "LABEL_0"}}

Models = dict[str, Callable[[ModelPool], Any]]


@pytest.fixture
def large(stand_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    """Return what makes three models of some tens of megabytes, each with another head."""
    monkeypatch.setattr(classifiers, "WIDE", 2048)
    nli = Classifier(1, 3).write(tmp_path / "nli")
    reranker = Classifier(2, 1).write(tmp_path / "reranker", config=ONE)
    return {
        "embed": lambda pool: LocalEmbedder(stand_in("bert_mean_384"), pool=pool),
        "nli": lambda pool: LocalNli(nli, pool=pool),
        "rerank": lambda pool: LocalReranker(reranker, pool=pool),
    }


async def compute(kind: str, model: Any, texts: list[str]) -> Any:
    """Return numbers that a model gives for texts, one row for each."""
    if kind == "embed":
        return np.asarray(await model.embed_batch(texts))
    if kind == "nli":
        found = await model.infer_nli_batch([(text, "time") for text in texts])
        return np.array([(one.entailment, one.neutral, one.contradiction) for one in found])
    return np.array([score for _, score in sorted(await model.rerank("time", texts))])


@pytest.mark.timeout(300)
async def test_random_calls_over_three_heads_stay_within_the_budget(large: Models, tmp_path: Path) -> None:
    """An embedder, a model for inference and a reranker that do not fit together."""
    store = ModelStore(tmp_path / "store")
    plain = ModelPool(store, TIGHT)
    right = {kind: await compute(kind, make(plain), TEXTS) for kind, make in large.items()}
    sizes = [resident.size for resident in plain._residents.values()]
    plain.close()
    assert len(sizes) == 3
    assert min(sizes) > 8_000_000, "none of them fits beside the largest"
    print(f"\nbytes of the models: {dict(zip(large, sizes, strict=True))}")
    trim()
    start = resident_bytes()
    models = ModelPool(store, TIGHT, ram_budget=max(sizes) + 4_000_000)
    rng = random.Random(7)  # repeatable
    most, ready = 0, set[str]()
    kinds = [*large]
    for _ in range(60):
        kind = rng.choice(kinds)
        some = rng.sample(range(len(TEXTS)), rng.randint(1, 20))
        model = large[kind](models)
        found = await compute(kind, model, [TEXTS[index] for index in some])
        np.testing.assert_allclose(found, right[kind][some], atol=1e-5 * max(1.0, np.abs(right[kind]).max()))
        assert model.status().status == "ready"
        ready.add(kind)
        assert models.ram_budget is not None
        assert models.resident_bytes <= models.ram_budget
        most = max(most, resident_bytes())
    assert ready == set(kinds)
    assert models.evictions >= 10
    print(f"{models.evictions} evictions in 60 calls; at most {most - start} bytes of a budget of {models.ram_budget}")
    assert models.ram_budget is not None
    assert most - start <= models.ram_budget + 64 * 1024 * 1024
    models.close()


async def test_a_classifier_over_the_budget_is_not_available_and_says_so_at_once(large: Models, tmp_path: Path) -> None:
    models = ModelPool(ModelStore(tmp_path), TIGHT, ram_budget=1_000_000)
    nli = large["nli"](models)
    with pytest.raises(ModelNotAvailable, match="of a budget of 1000000 bytes") as told:
        await nli.infer_nli("a", "b")
    assert (told.value.reason, nli.status().status) == ("ram_budget", "unavailable")
    models.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[ModelPool, dict[str, Any]]]:
    """Yield small classifiers of each head in one pool."""
    pool = ModelPool(ModelStore(tmp_path / "store"), TIGHT)
    two = {"id2label": {"0": "bad", "1": "good"}}
    yield (
        pool,
        {
            "nli": LocalNli(Classifier(1, 3).write(tmp_path / "nli"), pool=pool),
            "rerank": LocalReranker(Classifier(2, 1).write(tmp_path / "rr", config=ONE), pool=pool),
            "classify": LocalClassifier(Classifier(3, 2).write(tmp_path / "sentiment", config=two), pool=pool),
        },
    )
    pool.close()


def call(kind: str, model: Any, count: int) -> Any:
    """Return a call of so many different texts."""
    texts = [f"world {number} {'time ' * (number % 20)}" for number in range(count)]
    if kind == "nli":
        return model.infer_nli_batch([(text, "time") for text in texts])
    return model.rerank("time", texts) if kind == "rerank" else model.classify_batch(texts)


KINDS = ("nli", "rerank", "classify")


@pytest.mark.parametrize("kind", KINDS)
async def test_preload_loads_once_and_unload_releases(small: Any, kind: str) -> None:
    pool, models = small
    model = models[kind]
    assert model.status().status == "available"
    await asyncio.gather(model.preload(), model.preload())
    assert model.status().status == "ready"
    loaded = pool.resident_bytes
    await call(kind, model, 3)
    assert pool.resident_bytes == loaded > 0
    await model.unload()
    assert (model.status().status, pool.resident_bytes) == ("available", 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_is_cancelled_ends_and_the_next_one_is_right(small: Any, kind: str) -> None:
    _, models = small
    model = models[kind]
    await model.preload()
    expected = await call(kind, model, 20)
    task = asyncio.ensure_future(call(kind, model, 30_000))
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(await call(kind, model, 20)) == list(expected)
    await model.unload()  # waits for nothing that still holds the model
    assert model.status().status == "available"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_pool_that_closes_ends_calls_under_way_and_refuses_later_ones(small: Any, kind: str) -> None:
    pool, models = small
    model = models[kind]
    await model.preload()
    task = asyncio.ensure_future(call(kind, model, 30_000))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(pool.close)
    with pytest.raises(GatewayClosed):
        await task
    with pytest.raises(GatewayClosed):
        await call(kind, model, 1)


async def test_a_gateway_preloads_and_closes_models_of_all_heads(tmp_path: Path) -> None:
    nli = str(Classifier(1, 3).write(tmp_path / "nli"))
    reranker = str(Classifier(2, 1).write(tmp_path / "rr", config=ONE))
    builder = Ratatoskr.builder().cache_dir(tmp_path / "store").local_nli(nli).local_reranker(reranker)
    async with builder.build() as gateway:
        for name in (nli, reranker):
            await gateway.preload(name)
            assert (await gateway.model_status(name)).status == "ready"
        await gateway.unload(nli)
        assert (await gateway.model_status(nli)).status == "available"
        assert (await gateway.model_status(reranker)).status == "ready"
        call = asyncio.ensure_future(gateway.rerank("time", [f"world {n}" for n in range(30_000)], reranker))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len(await gateway.rerank("time", ["world", "state"], reranker)) == 2
    with pytest.raises(GatewayClosed):
        await gateway.infer_nli("a", "b", nli)
