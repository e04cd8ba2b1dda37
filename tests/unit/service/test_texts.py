"""Many texts and many requests are cut to what the daemon takes, and checked before anything is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.service.serving import client_of

import ratatoskr
from ratatoskr import (
    InvalidInput,
)
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.service.server.call import Call, ServerHooks
from ratatoskr.testing import ScriptedGateway
from ratatoskr.types.embed import Embeddings, EmbedRequest

# texts to embed


class Embedder:
    """A backend that counts calls of embeddings, and tells the length of each text."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.at_once = self.most = 0

    async def embed(self, request: EmbedRequest) -> Embeddings:
        import numpy as np

        texts = list(request.texts)
        self.sizes.append(len(texts))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.02)
        self.at_once -= 1
        if "wrong" in texts:
            raise InvalidInput("one is wrong", field="texts")
        vectors = np.array([[len(text), 1] for text in texts], np.float32).reshape(-1, 2)
        return Embeddings(vectors, "any", usage=ratatoskr.Usage(len(texts), None), truncated=1, cut=(0,))

    async def inspect(self, query: Any) -> Any:
        return frozenset({"embed"})


class Fewer(ServerHooks):
    """Takes a hundred texts a call, and three calls at a time."""

    def limits(self, call: Call) -> pb.Limits:
        return pb.Limits(texts=100, message_bytes=1 << 20, calls=3)


async def test_many_texts_are_cut_to_what_the_daemon_takes_four_calls_at_a_time() -> None:
    backend = Embedder()
    texts = ["x" * (number % 50) for number in range(1234)]
    async with client_of(backend, Fewer()) as client:
        found = await client.embed_batch(texts, "any")
        assert found.vectors[:, 0].tolist() == [len(text) for text in texts]
        assert backend.sizes == [100] * 12 + [34]
        assert backend.most == 4
        assert found.usage.input_tokens == 1234
        assert found.truncated == 13
        assert found.cut == tuple(range(0, 1234, 100))
        with pytest.raises(InvalidInput, match="one is wrong"):
            await client.embed_batch([*texts, "wrong"], "any")


async def test_large_texts_are_cut_by_their_bytes() -> None:
    backend = Embedder()
    async with client_of(backend, Fewer()) as client:
        found = await client.embed_batch(["ä" * 100_000] * 20, "any")
    assert found.vectors.shape == (20, 2)
    assert backend.sizes == [2] * 10


async def test_a_lone_surrogate_is_refused_before_anything_is_sent() -> None:
    backend = Embedder()
    async with ScriptedGateway("a") as gateway, client_of(backend) as client, client_of(gateway.backend) as chatting:
        with pytest.raises(InvalidInput, match="surrogate"):
            await client.embed_batch(["a", "b\ud800"], "any")
        with pytest.raises(InvalidInput, match="surrogate"):
            await chatting.chat("Hi\ud800", "any")
    assert backend.sizes == []
    assert gateway.requests == []


async def test_many_requests_keep_within_the_calls_that_the_daemon_takes() -> None:
    at_once = most = 0

    async def turn(request: Any) -> str:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        return "a"

    async with ScriptedGateway(*[turn] * 12) as gateway, client_of(gateway.backend, Fewer()) as client:
        answers = [answer async for _, answer in client.chat_many(["Hi"] * 12, "any")]
    assert [answer.text for answer in answers if isinstance(answer, ratatoskr.ChatResponse)] == ["a"] * 12
    assert most == 3


async def test_many_requests_to_a_daemon_out_of_reach_fail_one_by_one() -> None:
    async with ratatoskr.ServiceClient("unix:/nowhere/ratd.sock", timeout=ratatoskr.Timeouts(connect=0.2)) as client:
        answers = [answer async for _, answer in client.chat_many(["Hi"] * 2, "any")]
    assert [type(answer) for answer in answers] == [ratatoskr.ConnectionFailed] * 2


class Wide:
    """A backend whose vectors are as long as they get."""

    async def embed(self, request: EmbedRequest) -> Embeddings:
        import numpy as np

        return Embeddings(np.ones((len(list(request.texts)), 5000), np.float32), "any")

    async def inspect(self, query: Any) -> Any:
        return frozenset({"embed"})


class More(ServerHooks):
    """Takes more texts than their vectors have room."""

    def limits(self, call: Call) -> pb.Limits:
        return pb.Limits(texts=2000, message_bytes=1 << 25)


async def test_vectors_fit_into_messages() -> None:
    texts = ["a"] * 2000  # 40 MB of vectors
    async with client_of(Wide()) as client:
        assert (await client.embed_batch(texts, "any")).vectors.shape == (2000, 5000)
    async with client_of(Wide(), More()) as client:
        with pytest.raises(InvalidInput, match="more than the 33554432 of a message: ask for less"):
            await client.embed_batch(texts, "any")
