"""Embeddings of many texts by providers: parts that are tried by themselves, and a pace that heeds refusals."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import numpy as np
import pytest

from conformance.faces import scene
from conformance.test_remote_embed import vectors_of
from ratatoskr import ContextLengthExceeded, GatewayClosed, InvalidInput, Ratatoskr, RateLimited, Timeout
from ratatoskr.testing import Received, ScriptedUpstream, fault


def texts_in(request: Received) -> list[str]:
    body = request.json
    return [one["content"]["parts"][0]["text"] for one in body["requests"]] if "requests" in body else body["input"]


@pytest.mark.parametrize("face", ["async", "sync"])
async def test_many_texts_go_in_parts_and_come_back_in_order(face: str) -> None:
    texts = [f"text {number}" for number in range(1_050)]
    async with scene(face) as at:
        found = await at.face.call("embed_batch", texts, "google:gemini-embedding-001")
        np.testing.assert_allclose(found.vectors, vectors_of(texts), atol=1e-6)
        assert sorted(map(len, map(texts_in, at.upstream.requests))) == [50] + [100] * 10
        assert len(found.attempts) == 11


async def test_parts_keep_to_the_tokens_of_a_request() -> None:
    texts = ["word " * 12_000] * 3 + ["x", "y"]
    async with scene("async") as at:
        found = await at.face.call(
            "embed_batch", [f"{n}{text}" for n, text in enumerate(texts)], "voyage:voyage-code-3"
        )
        assert len(found) == 5
        assert len(at.upstream.requests) == 1
        many = [f"{n} " + "word " * 30_000 for n in range(5)]  # 32,000 tokens each, as the model takes at most
        assert len(await at.face.call("embed_batch", many, "voyage:voyage-code-3")) == 5
        assert [len(texts_in(one)) for one in at.upstream.requests[1:]] == [3, 2]


async def test_only_the_part_that_failed_is_sent_again() -> None:
    texts = [f"text {number}" for number in range(300)]
    seen: list[str] = []

    def answer(request: Received) -> Any:
        first = texts_in(request)[0]
        seen.append(first)
        return fault("status_503") if first == "text 100" and seen.count(first) == 1 else "default"

    async with scene("async", [answer] * 9, clock=QuickClock()) as at:
        found = await at.face.call("embed_batch", texts, "google:gemini-embedding-001")
        np.testing.assert_allclose(found.vectors, vectors_of(texts), atol=1e-6)
        assert sorted(seen) == ["text 0", "text 100", "text 100", "text 200"]
        assert [attempt.decision for attempt in found.attempts].count("again") == 1


async def test_a_part_that_is_too_large_is_halved_until_the_text_is_found() -> None:
    def answer(request: Received) -> Any:
        return fault("context_length") if "long" in texts_in(request) else "default"

    texts = [f"text {number}" for number in range(8)]
    async with scene("async", [answer] * 40) as at:
        with pytest.raises(ContextLengthExceeded, match="text 5 is too long"):
            await at.face.call("embed_batch", [*texts[:5], "long", *texts[5:]], "openai:text-embedding-3-small")

    def refuse_many(request: Received) -> Any:
        return fault("context_length") if len(texts_in(request)) > 3 else "default"

    async with scene("async", [refuse_many] * 40) as at:
        found = await at.face.call("embed_batch", texts, "openai:text-embedding-3-small")
        np.testing.assert_allclose(found.vectors, vectors_of(texts), atol=1e-6)


async def test_an_iterable_of_any_length_is_read_as_vectors_come() -> None:
    taken = 0

    def source() -> Any:
        nonlocal taken
        for number in range(6_000):
            taken += 1
            yield f"text {number}"

    async with scene("async") as at:
        vectors = at.face.gateway.embed_iter(source(), "openai:text-embedding-3-small")
        rows = []
        async for one in vectors:
            if not rows:
                assert taken < 6_000
            rows.append(one.vector)
        np.testing.assert_allclose(np.stack(rows), vectors_of([f"text {n}" for n in range(6_000)]), atol=1e-6)
        assert sum(len(texts_in(one)) for one in at.upstream.requests) == 6_000


async def test_an_error_in_an_iterable_names_the_index_in_the_whole() -> None:
    async with scene("async") as at:
        texts = [*(f"text {number}" for number in range(700)), None]
        vectors = at.face.gateway.embed_iter(texts, "openai:text-embedding-3-small")
        for _ in range(512):  # those of earlier windows come first
            await anext(vectors)
        with pytest.raises(InvalidInput, match="text 700 is not a str"):
            await anext(vectors)


class QuickClock:
    """A clock whose waits take no time."""

    def __init__(self) -> None:
        self.time, self.waits = 0.0, list[float]()

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds

    def random(self) -> float:
        return 0.5


async def test_a_refused_rate_slows_down_and_waits_as_long_as_is_asked() -> None:
    texts = [f"text {number}" for number in range(400)]
    refused: list[str] = []

    def answer(request: Received) -> Any:
        first = texts_in(request)[0]
        if len(refused) < 2:
            refused.append(first)
            return fault("rate_limited_seconds")
        return "default"

    clock = QuickClock()
    async with scene("async", [answer] * 30, clock=clock) as at:
        found = await at.face.call("embed_batch", texts, "google:gemini-embedding-001")
        np.testing.assert_allclose(found.vectors, vectors_of(texts), atol=1e-6)
        assert len(refused) == 2
        assert sum(clock.waits) >= 1


async def test_a_rate_that_stays_refused_ends_a_call_and_not_a_job() -> None:
    count = 0

    def answer(_: Received) -> Any:
        nonlocal count
        count += 1
        return fault("rate_limited") if count <= 7 else "default"

    async with scene("async", [answer] * 30, clock=QuickClock()) as at:
        with pytest.raises(RateLimited):
            await at.face.call("embed_batch", ["a"], "openai:text-embedding-3-small")
        found = await at.face.call("embed_batch", ["a"], "openai:text-embedding-3-small", timeout=float("inf"))
        assert len(found) == 1
        assert len(found.attempts) == 5


# deadlines, cancelling, closing


async def test_total_holds_for_all_parts_together() -> None:
    texts = [f"text {number}" for number in range(900)]
    hung = fault("stall_before_head")

    def answer(request: Received) -> Any:
        return hung if "text 500" in texts_in(request) else "default"

    async with scene("async", [answer] * 20) as at:
        with pytest.raises(Timeout) as caught:
            await at.face.call("embed_batch", texts, "google:gemini-embedding-001", timeout=0.5)
        assert caught.value.phase == "total"
        await at.upstream.until(lambda: at.upstream.open_connections <= 8)


async def test_a_cancelled_call_ends_its_requests() -> None:
    async with scene("async", [fault("stall_before_head")] * 9) as at:
        texts = [f"text {number}" for number in range(300)]
        task = asyncio.ensure_future(at.face.gateway.embed_batch(texts, "google:gemini-embedding-001"))
        await at.upstream.until(lambda: at.upstream.count == 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await at.upstream.until(lambda: not at.upstream.open_connections)


async def test_closing_ends_calls_and_iterations() -> None:
    async with scene("async", [fault("stall_before_head")] * 9, retries=0) as at:
        call = asyncio.ensure_future(at.face.gateway.embed_batch(["x"], "openai:text-embedding-3-small"))
        vectors = at.face.gateway.embed_iter((f"text {n}" for n in range(9)), "openai:text-embedding-3-small")
        each = asyncio.ensure_future(anext(vectors))
        await at.upstream.until(lambda: at.upstream.count == 2)
        await at.face.gateway.aclose()
        for work in (call, each):
            with pytest.raises(GatewayClosed):
                await work


async def test_an_iteration_that_is_left_asks_no_further() -> None:
    async with scene("async") as at:
        vectors = at.face.gateway.embed_iter((f"text {n}" for n in range(100_000)), "openai:text-embedding-3-small")
        async for _ in vectors:
            break
        await vectors.aclose()
        count = at.upstream.count
        await at.face.call("embed", "x", "openai:text-embedding-3-small")
        assert at.upstream.count <= count + 1
        assert count < 30


async def test_an_answer_has_its_cost_by_the_price_list() -> None:
    async with scene("async") as at:
        found = await at.face.call("embed_batch", ["a", "b"], "openai:text-embedding-3-small")
        assert found.cost is not None
        assert found.cost.source == "prices"


async def test_limits_count_embeddings_and_chats_together_for_each_key() -> None:
    async with ScriptedUpstream() as upstream:
        builder = Ratatoskr.builder().openai(["sk-first-0001", "sk-second-0002"], base_url=upstream.base_url("openai"))
        async with builder.limits("openai", requests=2, each_key=True).build() as gateway:
            await gateway.chat("Hi", "openai:gpt-4.1")
            for _ in range(3):
                await gateway.embed("a", "openai:text-embedding-3-small")
            assert [(one.key, one.used) for one in (await gateway.health()).limits] == [(0, 2), (1, 2)]
            used = Counter(request.headers["authorization"] for request in upstream.requests)
            assert sorted(used.values()) == [2, 2]
            with pytest.raises(RateLimited):
                await gateway.embed("a", "openai:text-embedding-3-small", timeout=3)
