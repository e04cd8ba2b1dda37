"""What embedding does, asked of the gateway, of its blocking face and of one that is scripted; nothing is silent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.faces import FACES, IN_PROCESS, AsyncFace, local_gateway
from ratatoskr import (
    ContextLengthExceeded,
    EmbeddedGateway,
    Embedding,
    Embeddings,
    GatewayClosed,
    InvalidInput,
    NoProvider,
    Timeout,
    Timeouts,
    UnsupportedParameter,
)
from ratatoskr.testing import ScriptedGateway
from unit.other_tasks import work

SHORT = "the state of the world"
LONG = "word " * 200
MAKERS = ("local", "scripted")


class Embedder:
    """A face with the name of a model that it embeds with."""

    def __init__(self, face: AsyncFace, model: str) -> None:
        self.face, self.gateway, self.model = face, face.gateway, model

    async def one(self, text: Any, **how: Any) -> Embedding:
        return await self.face.call("embed", text, self.model, **how)

    async def batch(self, texts: Any, **how: Any) -> Embeddings:
        return await self.face.call("embed_batch", texts, self.model, **how)

    async def iterated(self, texts: Any, into: list[Embedding] | None = None, **how: Any) -> list[Embedding]:
        found = [] if into is None else into
        if type(self.face) is AsyncFace:
            async for vector in self.gateway.embed_iter(texts, self.model, **how):
                found.append(vector)
            return found

        def read() -> None:
            for vector in self.gateway.sync().embed_iter(texts, self.model, **how):
                found.append(vector)

        await asyncio.to_thread(read)
        return found


@asynccontextmanager
async def opened(gateway: EmbeddedGateway, face: str, model: str) -> AsyncIterator[Embedder]:
    made = FACES[face](gateway)
    try:
        yield Embedder(made, model)
    finally:
        await made.gateway.aclose()
        await gateway.aclose()


@pytest.fixture
def build(model_folder: Path, graphs: Path) -> Callable[[str], EmbeddedGateway]:
    makers = {"local": lambda: local_gateway(model_folder, graphs), "scripted": ScriptedGateway}
    return lambda maker: makers[maker]()


@pytest.fixture(params=[(maker, face) for maker in MAKERS for face in FACES], ids=" ".join)
async def embedder(request: pytest.FixtureRequest, build: Any, model_folder: Path) -> AsyncIterator[Embedder]:
    maker, face = request.param
    async with opened(build(maker), face, model_folder.name) as made:
        yield made


@pytest.fixture(params=FACES)
async def local(request: pytest.FixtureRequest, build: Any, model_folder: Path) -> AsyncIterator[Embedder]:
    async with opened(build("local"), request.param, model_folder.name) as made:
        yield made


@pytest.fixture(params=IN_PROCESS)
async def inside(request: pytest.FixtureRequest, build: Any, model_folder: Path) -> AsyncIterator[Embedder]:
    """For the tests that look inside the engine, which a client cannot."""
    async with opened(build("local"), request.param, model_folder.name) as made:
        yield made


# what all of them do


async def test_one_text_many_and_any_iterable_give_the_same_vectors(embedder: Embedder) -> None:
    texts = [SHORT, "", "time", SHORT]
    many = await embedder.batch(texts)
    assert (len(many), many.vectors.dtype, many.truncated, many.cut) == (4, np.float32, 0, ())
    assert np.asarray(many) is many.vectors
    np.testing.assert_allclose(np.linalg.norm(many.vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(many.vectors[0], many.vectors[3])
    one = await embedder.one("time")
    np.testing.assert_allclose(one.vector, many.vectors[2], atol=1e-6)
    each = await embedder.iterated(text for text in texts)
    np.testing.assert_allclose(np.stack([one.vector for one in each]), many.vectors, atol=1e-6)
    assert {one.model, many.model, *(each.model for each in each)} == {many.model}


async def test_each_answer_tells_who_made_it_and_every_try(embedder: Embedder) -> None:
    for answer in (await embedder.one(SHORT), await embedder.batch([SHORT])):
        assert answer.provider in MAKERS
        (attempt,) = answer.attempts
        assert (attempt.provider, attempt.model, attempt.decision) == (answer.provider, answer.model, "answered")
        assert type(answer).from_json(answer.to_json()) == answer


async def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert len(await embedder.batch([])) == 0
    assert await embedder.iterated(iter(())) == []


@pytest.mark.parametrize("texts", ["one text", b"bytes", None, 7])
async def test_what_is_no_sequence_of_texts_is_refused(embedder: Embedder, texts: Any) -> None:
    for call in (embedder.batch, embedder.iterated):
        with pytest.raises(InvalidInput, match="texts must be a sequence of str") as caught:
            await call(texts)
        assert caught.value.field == "texts"


@pytest.mark.parametrize("wrong", [None, 7, b"x", "half \ud83d"])
async def test_a_text_that_is_none_is_refused_with_its_place(embedder: Embedder, wrong: Any) -> None:
    for texts, place in (([SHORT, wrong], 1), ([SHORT] * 300 + [wrong], 300)):
        for call in (embedder.batch, embedder.iterated):
            with pytest.raises(InvalidInput, match=rf"text {place} (is not a str|holds half|holds a lone)"):
                await call(texts)
    with pytest.raises(InvalidInput, match="text 0 "):
        await embedder.one(wrong)


async def test_vectors_before_a_bad_window_are_handed_out_first(embedder: Embedder) -> None:
    found: list[Embedding] = []
    with pytest.raises(InvalidInput, match="text 20000 "):
        await embedder.iterated(["time"] * 20000 + [None], into=found)  # type: ignore[list-item]  # that is the point
    assert 4096 <= len(found) <= 20000


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"input_type": "passage"}, "input_type"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "8"}, "dimensions"),
        ({"truncate": 1}, "truncate"),
        ({"timeout": -1}, "timeout.total"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused_by_name(embedder: Embedder, how: Any, field: str) -> None:
    for call in (embedder.batch, embedder.iterated):
        with pytest.raises(InvalidInput) as caught:
            await call([SHORT], **how)
        assert caught.value.field == field


async def test_dimensions_that_the_model_has_not_are_refused(embedder: Embedder) -> None:
    size = (await embedder.one(SHORT)).dimensions
    assert (await embedder.batch([SHORT], dimensions=size)).dimensions == size
    for call in (embedder.batch, embedder.iterated):
        with pytest.raises(UnsupportedParameter, match=f"the model has {size} dimensions, not {size + 1}"):
            await call([SHORT], dimensions=size + 1)


async def test_a_model_is_one_name(embedder: Embedder) -> None:
    for model in (["a", "b"], None, 7, "", " "):
        with pytest.raises(InvalidInput) as caught:
            await embedder.face.call("embed", SHORT, model)
        assert caught.value.field == "model"


async def test_capabilities_name_embedding(embedder: Embedder) -> None:
    assert "embed" in await embedder.face.call("capabilities")


async def test_after_closing_every_way_is_closed(embedder: Embedder) -> None:
    await embedder.gateway.aclose()
    for call in (
        lambda: embedder.one(SHORT),
        lambda: embedder.batch([SHORT]),
        lambda: embedder.iterated([SHORT]),
        lambda: embedder.face.call("preload", embedder.model),
        lambda: embedder.face.call("unload", embedder.model),
        lambda: embedder.face.call("model_status", embedder.model),
    ):
        with pytest.raises(GatewayClosed):
            await call()


# what the models of this process do


async def test_texts_that_are_cut_are_counted_and_each_says_so(local: Embedder) -> None:
    texts = [SHORT, LONG, "time", LONG + "other"]
    many = await local.batch(texts)
    assert (many.truncated, many.cut) == (2, (1, 3))
    assert Embeddings.from_json(many.to_json()) == many
    assert [one.truncated for one in many] == [False, True, False, True]
    assert many[-1].truncated
    assert (await local.one(LONG)).truncated
    assert [one.truncated for one in await local.iterated(texts * 3)] == [False, True, False, True] * 3
    windows = await local.batch(["time"] * 5000 + [LONG])
    assert (windows.truncated, windows.cut) == (1, (5000,))


async def test_a_text_that_is_too_long_is_refused_on_request(local: Embedder) -> None:
    for call in (local.batch, local.iterated):
        with pytest.raises(ContextLengthExceeded, match=r"text 1 has \d+ tokens, and the model takes 64"):
            await call([SHORT, LONG], truncate=False)


async def test_tokens_are_told(local: Embedder) -> None:
    many = await local.batch([SHORT, SHORT])
    assert many.usage.source == "local"
    assert many.usage.input_tokens == 2 * ((await local.one(SHORT)).usage.input_tokens or 0) > 4
    assert many.attempts[-1].usage == many.usage


async def test_a_model_is_found_by_each_of_its_names(local: Embedder, model_folder: Path) -> None:
    for name in (str(model_folder), model_folder.name, model_folder.name.upper(), f"local:{model_folder.name}"):
        assert (await local.face.call("embed", SHORT, name)).model == str(model_folder)


async def test_a_model_that_is_not_configured_is_told_with_those_that_are(local: Embedder, model_folder: Path) -> None:
    for name in ("AllMiniLmL6V2", "gpt-4.1", "local:other", "openai:text-embedding-3-small"):
        with pytest.raises(NoProvider, match="not a configured embedding model") as caught:
            await local.face.call("embed", SHORT, name)
        assert str(model_folder) in caught.value.message
        assert caught.value.model == name


async def test_a_model_that_embeds_does_not_chat(local: Embedder) -> None:
    with pytest.raises(InvalidInput, match="an embedding model, which does not chat") as caught:
        await local.face.call("chat", "Hi", local.model)
    assert caught.value.field == "model"
    assert await local.face.call("capabilities") == {"count_tokens", "embed", "list_models", "tokenize"}


async def test_status_follows_the_model_from_the_disk_into_memory_and_back(local: Embedder) -> None:
    async def status() -> str:
        return (await local.face.call("model_status", local.model)).status

    assert await status() == "available"
    loading = asyncio.ensure_future(local.face.call("preload", local.model))
    seen = {await status()}
    await loading
    assert seen <= {"available", "loading", "ready"}
    assert await status() == "ready"
    await local.face.call("unload", local.model)
    assert await status() == "available"
    assert (await local.one(SHORT)).dimensions == 96


async def test_lists_and_health_tell_of_local_models(local: Embedder, model_folder: Path) -> None:
    for provider in (None, "local"):
        (info,) = await local.face.call("list_models", provider)
        assert (info.id, info.capabilities) == (f"local:{model_folder}", ("embed",))
        assert (info.context_window, info.dimensions) == (64, 96)
    with pytest.raises(NoProvider):
        await local.face.call("list_models", "openai")
    health = await local.face.call("health")
    (known,) = health.local
    assert (known.model, known.precision, known.device, known.status) == (str(model_folder), "fp32", "cpu", "available")
    assert type(health).from_json(health.to_json()) == health


async def test_a_deadline_ends_the_call_and_the_work(inside: Embedder) -> None:
    await inside.face.call("preload", inside.model)
    texts = [f"{number} {LONG}" for number in range(20000)]  # which take seconds
    for call in (inside.batch, inside.iterated):
        for timeouts, phase in ((0.3, "total"), (Timeouts(attempt=0.3), "attempt")):
            with pytest.raises(Timeout, match=r"timed out after 0\.[0-3]") as caught:
                await call(texts, timeout=timeouts)
            assert caught.value.phase == phase
            assert [attempt.decision for attempt in caught.value.attempts] == ["stop"]
    workers = inside.gateway.backend.embeddings.registry["local"]._models.workers  # type: ignore[attr-defined]  # the threads
    assert (await inside.one(SHORT)).dimensions == 96  # comes behind what is still computed
    assert not [task for task in workers._large if not task.done()]


async def test_the_time_that_the_callers_own_iterable_takes_counts_in_no_deadline(local: Embedder) -> None:
    import time

    await local.face.call("preload", local.model)

    def slow() -> Iterator[str]:
        for number in range(4):
            time.sleep(0.4)
            yield f"text {number}"

    assert len(await local.iterated(slow(), timeout=Timeouts(total=1.0))) == 4


async def test_leaving_an_iteration_takes_no_further_texts(local: Embedder) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "time"

    if type(local.face) is AsyncFace:
        vectors = local.gateway.embed_iter(texts(), local.model)
        await anext(vectors)
        await vectors.aclose()  # type: ignore[attr-defined]  # it is a generator
    else:

        def first() -> None:
            blocking = local.gateway.sync().embed_iter(texts(), local.model)
            next(blocking)
            blocking.close()  # type: ignore[attr-defined]  # it is a generator

        await asyncio.to_thread(first)
    seen = taken
    assert seen <= 4 * 4096
    await local.one(SHORT)
    assert taken == seen


async def test_others_have_their_turn_while_a_window_is_handed_out(build: Any, model_folder: Path) -> None:
    async with opened(build("local"), "async", model_folder.name) as local:
        vectors = local.gateway.embed_iter(["time"] * 4000, local.model)
        await anext(vectors)  # the only window is there
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(other())
        dimensions = []
        async for one in vectors:
            dimensions.append(one.dimensions)
            if len(dimensions) % 256 == 0:
                work()
        assert dimensions == [96] * 3999
        task.cancel()
        assert turns >= 10


async def test_closing_ends_what_is_under_way(local: Embedder) -> None:
    await local.face.call("preload", local.model)
    under_way = asyncio.ensure_future(local.batch([f"{number} {LONG}" for number in range(20000)]))
    done, _ = await asyncio.wait([under_way], timeout=0.3)
    assert not done
    await local.gateway.aclose()
    with pytest.raises(GatewayClosed):
        await under_way


async def test_closing_while_the_model_loads_leaves_nothing_in_memory(
    inside: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = inside.gateway.backend.embeddings.registry["local"]._models  # type: ignore[attr-defined]  # what is loaded
    load, loading, closing = models._load, threading.Event(), threading.Event()

    def load_later(key: object) -> None:
        loading.set()
        assert closing.wait(20)
        load(key)

    monkeypatch.setattr(models, "_load", load_later)
    under_way = asyncio.ensure_future(inside.one(SHORT))
    assert await asyncio.to_thread(loading.wait, 20)
    closes = asyncio.ensure_future(inside.gateway.aclose())
    await asyncio.sleep(0)
    closing.set()
    await closes
    with pytest.raises(GatewayClosed):
        await under_way
    assert models.resident_bytes == 0


async def test_many_calls_at_once_get_each_its_own(local: Embedder) -> None:
    texts = [f"text {number}" for number in range(40)]
    together = await local.batch(texts)
    alone = await asyncio.gather(*(local.one(text) for text in texts))
    np.testing.assert_allclose(np.stack([one.vector for one in alone]), together.vectors, atol=1e-6)
