"""A middleware bound to a gateway's backend: everything that the gateway does passes through it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from ratatoskr import (
    ChatOptions,
    ChatRequest,
    ChatResponse,
    EmbeddedGateway,
    Embeddings,
    EmbedRequest,
    GatewayClosed,
    Message,
    NoProvider,
)
from ratatoskr.backend.stream import OpenStream
from ratatoskr.gateway.base import Gateway
from ratatoskr.middleware import AskChat, AskEmbed, AskEmbedWindows, AskStream, CallOptions, Middleware, bind
from ratatoskr.testing import ScriptedGateway


class Counting(Middleware):
    """Counts calls, and asks every chat to be deterministic."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def chat(self, request: ChatRequest, call: CallOptions, ask: AskChat) -> ChatResponse[Any]:
        self.calls.append("chat")
        return await ask(replace(request, options=replace(request.options, seed=7)), call)

    async def open_stream(self, request: ChatRequest, call: CallOptions, ask: AskStream) -> OpenStream:
        self.calls.append("open_stream")
        return await ask(replace(request, options=replace(request.options, seed=7)), call)

    async def embed(self, request: EmbedRequest, call: CallOptions, ask: AskEmbed) -> Embeddings:
        self.calls.append("embed")
        return await ask(request, call)

    def embed_windows(
        self, request: EmbedRequest, call: CallOptions, ask: AskEmbedWindows
    ) -> AsyncGenerator[Embeddings, None]:
        self.calls.append("embed_windows")
        return ask(request, call)


def wrap(inner: Gateway) -> tuple[Gateway, Counting]:
    middleware = Counting()
    return EmbeddedGateway(bind(middleware, inner.backend)), middleware


async def test_every_public_method_passes_through_a_wrapper() -> None:
    inner = ScriptedGateway(*["hello"] * 5)
    gateway, wrapper = wrap(inner)
    assert (await gateway.chat("Hi", "m")).content == "hello"
    async with gateway.chat_stream("Hi", "m") as stream:
        assert (await stream.collect()).content == "hello"
    assert (await gateway.generate("Hi", "m")).text == "hello"
    request = ChatRequest((Message.user("Hi"),), options=ChatOptions("m"))
    assert sorted([index async for index, _ in gateway.chat_many([request, request])]) == [0, 1]
    await gateway.embed("x", "e")
    assert [one async for one in gateway.embed_iter(["x", "y"], "e")]
    assert wrapper.calls == ["chat", "open_stream", "chat", "chat", "chat", "embed", "embed_windows"]
    assert {request.options.seed for request in inner.requests} == {7}
    assert [request.kind for request in inner.requests] == ["chat", "chat", "generate", "chat", "chat"]


def test_the_blocking_gateway_passes_through_it_too() -> None:
    inner = ScriptedGateway("hello", "hello")
    gateway, wrapper = wrap(inner)
    with gateway.sync() as blocking:
        assert blocking.chat("Hi", "m").content == "hello"
        with blocking.chat_stream("Hi", "m") as stream:
            assert "".join(stream.text()) == "hello"
    assert wrapper.calls == ["chat", "open_stream"]
    assert {request.options.seed for request in inner.requests} == {7}


async def test_what_it_does_not_change_is_passed_on_and_closing_closes_the_wrapped() -> None:
    inner = ScriptedGateway("hello")
    gateway, _ = wrap(inner)
    assert await gateway.list_models() == await inner.list_models()
    await gateway.preload("e")
    assert getattr(gateway.backend, "loop_bound", None) is True
    await gateway.aclose()
    with pytest.raises(GatewayClosed):
        await inner.chat("Hi", "m")


async def test_what_the_wrapped_backend_lacks_is_lacking_in_the_bound_one() -> None:
    class Minimal:
        closed = False

        async def chat(self, request: ChatRequest) -> ChatResponse[Any]:
            raise NotImplementedError

        async def inspect(self, query: Any) -> Any:
            raise NotImplementedError

        async def aclose(self) -> None:
            self.closed = True

    minimal: Any = Minimal()
    gateway = Gateway(bind(Counting(), minimal))
    assert not hasattr(gateway.backend, "preload")
    with pytest.raises(NoProvider, match="no local models to preload"):
        await gateway.preload("m")
    await gateway.preconnect()
    await gateway.retire()
    assert minimal.closed
