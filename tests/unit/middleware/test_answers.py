"""A middleware whose method returns anything but an answer: an error that names the class and the method."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ratatoskr import ChatResponse, ConfigurationError, EmbedRequest, Ratatoskr
from ratatoskr.gateway.base import Gateway
from ratatoskr.middleware import Middleware, bind
from ratatoskr.testing import ScriptedGateway, ScriptedTurn, ScriptedUpstream

GPT = "openai:gpt-4.1"


class Forgets(Middleware):
    """Forgets every `return`."""

    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        await ask(request, call)

    async def open_stream(self, request: Any, call: Any, ask: Any) -> Any:
        await ask(request, call)

    async def embed(self, request: Any, call: Any, ask: Any) -> Any:
        await ask(request, call)

    async def embed_windows(self, request: Any, call: Any, ask: Any) -> Any:
        async for _ in ask(request, call):
            yield None

    async def rerank(self, request: Any, call: Any, ask: Any) -> Any: ...


class Returns(Middleware):
    """Returns one thing."""

    def __init__(self, found: Any) -> None:
        self.found = found

    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        return self.found


class NotAsync(Middleware):
    def chat(self, request: Any, call: Any, ask: Any) -> Any: ...


class PassesOn(Middleware):
    def chat(self, request: Any, call: Any, ask: Any) -> Any:  # type: ignore[override]  # what it returns can be awaited
        return ask(request, call)


class ForgetsAwait(Middleware):
    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        return ask(request, call)


def gateway_with(middleware: Middleware, upstream: ScriptedUpstream, *, each_try: bool = False) -> Any:
    builder = Ratatoskr.builder().openai("sk-one", base_url=upstream.base_url("openai"))
    return builder.wrap(middleware, each_try=each_try).build()


@pytest.mark.parametrize("each_try", [False, True])
async def test_a_forgotten_return_is_named_and_what_was_opened_is_closed(each_try: bool) -> None:
    endless = ScriptedTurn("x" * 10_000, deltas=10_000, pace=0.05)
    async with (
        ScriptedUpstream(["hello", endless]) as up,
        gateway_with(Forgets(), up, each_try=each_try) as gateway,
    ):
        with pytest.raises(ConfigurationError) as caught:
            await gateway.chat("hi", GPT)
        assert caught.value.message == (
            "the middleware Forgets.chat returned None in place of ChatResponse: return what "
            "`await ask(request, call)` gives, or one of your own"
        )
        assert (caught.value.field, len(up.requests)) == ("middleware", 1)
        with pytest.raises(ConfigurationError, match=r"Forgets\.open_stream returned None in place of OpenStream"):
            async with gateway.chat_stream("hi", GPT) as stream:
                await stream.collect()
        await up.until(lambda: up.last.closed_at is not None)


@pytest.mark.parametrize(
    "found", ["hello", {}, ("a", 1), 7, True, b"x", ChatResponse, EmbedRequest(["a"], GPT), asyncio.sleep]
)
@pytest.mark.parametrize("each_try", [False, True])
async def test_any_other_type_is_named_without_what_it_holds(found: Any, each_try: bool) -> None:
    async with ScriptedUpstream([]) as up, gateway_with(Returns(found), up, each_try=each_try) as gateway:
        with pytest.raises(ConfigurationError, match=r"Returns\.chat returned an object of \w+ in place") as caught:
            await gateway.chat("hi", GPT)
    assert "hello" not in str(caught.value)


@pytest.mark.parametrize(
    ("middleware", "words"),
    [
        (NotAsync(), "NotAsync.chat returned None in place of ChatResponse"),
        (ForgetsAwait(), "ForgetsAwait.chat returned an object of coroutine in place of ChatResponse"),
    ],
)
@pytest.mark.filterwarnings("error")
async def test_a_missing_async_or_await_is_named(middleware: Middleware, words: str) -> None:
    async with ScriptedUpstream([]) as up, gateway_with(middleware, up) as gateway:
        with pytest.raises(ConfigurationError, match=words):
            await gateway.chat("hi", GPT)


async def test_what_can_be_awaited_need_not_be_async() -> None:
    async with ScriptedUpstream(["hello"]) as up, gateway_with(PassesOn(), up, each_try=True) as gateway:
        assert (await gateway.chat("hi", GPT)).text == "hello"


def test_the_blocking_gateway_over_a_scripted_one_names_it_too() -> None:
    gateway = Gateway(bind(Forgets(), ScriptedGateway("hello", "hello").backend)).sync()
    with gateway, pytest.raises(ConfigurationError, match=r"Forgets\.chat returned None"):
        gateway.chat("hi", GPT)


async def test_every_other_capability_is_checked() -> None:
    gateway = Gateway(bind(Forgets(), ScriptedGateway(analysis=lambda request: None).backend))
    with pytest.raises(ConfigurationError, match=r"Forgets\.embed returned None in place of Embeddings"):
        await gateway.embed("a", "m")
    with pytest.raises(ConfigurationError, match=r"Forgets\.rerank returned None in place of Ranking"):
        await gateway.rerank("a", ["b"], "m")
    with pytest.raises(ConfigurationError, match=r"Forgets\.embed_windows yielded None in place of Embeddings"):
        async for _ in gateway.embed_iter(iter(["a", "b"]), "m"):
            pass


async def test_a_target_that_is_no_whole_backend_may_return_what_it_likes() -> None:
    class Stub:
        async def chat(self, request: Any) -> Any:
            return request

        async def inspect(self, query: Any) -> Any: ...

    stub: Any = Stub()
    assert await bind(PassesOn(), stub).chat("x") == "x"
    with pytest.raises(ConfigurationError, match=r"PassesOn\.chat returned an object of str"):
        await bind(PassesOn(), stub, check=True).chat("x")
