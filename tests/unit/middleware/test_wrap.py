"""`builder.wrap`: what stands around whole calls and around each try, in which order, and what comes out of it."""

from __future__ import annotations

import timeit
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from tests.unit.registry.test_chain import HandClock

from ratatoskr import (
    Builder,
    ChatOptions,
    ChatRequest,
    ConfigurationError,
    EmbeddedGateway,
    Embeddings,
    EmbedRequest,
    Message,
    Ratatoskr,
    RateLimited,
    Timeouts,
    ToolDefinition,
    run_tools,
)
from ratatoskr.gateway.base import Gateway
from ratatoskr.middleware import CallOptions, Middleware, bind, bind_all
from ratatoskr.providers.protocol import KeepsModels
from ratatoskr.registry.chain import Chain
from ratatoskr.registry.registry import ProviderRegistry
from ratatoskr.routing import Candidate
from ratatoskr.testing import ScriptedGateway, ScriptedToolCall, ScriptedTurn, ScriptedUpstream, fault
from ratatoskr.types.event import ChatEvent

ENDLESS = ScriptedTurn("x" * 10_000, deltas=10_000, pace=0.05)
GPT, CLAUDE = "openai:gpt-4.1", "anthropic:claude-sonnet-5"


def builder_at(upstream: ScriptedUpstream) -> Builder:
    return (
        Ratatoskr.builder()
        .clock(HandClock())
        .openai("sk-one", base_url=upstream.base_url("openai"))
        .anthropic("sk-two", base_url=upstream.base_url("anthropic"))
    )


class Note(Middleware):
    """Notes each call before and after it."""

    def __init__(self, name: str, log: list[Any]) -> None:
        self.name = name
        self.log = log

    async def chat(self, request: Any, call: CallOptions, ask: Any) -> Any:
        self.log.append((self.name, call.provider, call.attempt))
        answer = await ask(request, call)
        self.log.append(f"/{self.name}")
        return answer

    async def open_stream(self, request: Any, call: CallOptions, ask: Any) -> Any:
        self.log.append((self.name, call.provider, call.attempt))
        return await ask(request, call)


class Polite(Middleware):
    async def chat(self, request: ChatRequest, call: CallOptions, ask: Any) -> Any:
        return await ask(replace(request, messages=(Message.system("Be polite."), *request.messages)), call)


async def test_the_first_given_is_outermost_and_tries_are_inside_of_the_whole() -> None:
    log: list[Any] = []
    script = [fault("overloaded"), "hello"]
    async with ScriptedUpstream(script) as up:
        builder = builder_at(up).wrap(Note("a", log)).wrap(Note("c", log), each_try=True)
        builder = builder.wrap(Note("d", log), each_try=True).wrap(Note("b", log))
        async with builder.build() as gateway:
            response = await gateway.chat("Hi", GPT)
    assert response.content == "hello"
    assert len(response.attempts) == 2
    assert log == [
        ("a", None, None),
        ("b", None, None),
        ("c", "openai", 1),
        ("d", "openai", 1),
        ("c", "openai", 2),
        ("d", "openai", 2),
        "/d",
        "/c",
        "/b",
        "/a",
    ]


async def test_a_try_says_its_provider_model_and_number_in_streams_too() -> None:
    seen: list[tuple[Any, ...]] = []

    class Look(Middleware):
        async def open_stream(self, request: Any, call: CallOptions, ask: Any) -> Any:
            seen.append((call.provider, call.model, call.attempt))
            return await ask(request, call)

    script = {"openai": fault("payment_required", times=None), "anthropic": ScriptedTurn("hello", deltas=3)}
    async with (
        ScriptedUpstream(script) as up,
        builder_at(up).wrap(Look(), each_try=True).build() as gateway,
        gateway.chat_stream("Hi", [GPT, CLAUDE]) as stream,
    ):
        assert (await stream.collect()).content == "hello"
    assert seen == [("openai", "gpt-4.1", 1), ("anthropic", "claude-sonnet-5", 2)]


async def test_what_a_try_raises_is_judged_like_the_providers_errors() -> None:
    class Refuse(Middleware):
        async def chat(self, request: Any, call: CallOptions, ask: Any) -> Any:
            if call.provider == "openai":
                raise RateLimited("not now")
            return await ask(request, call)

    async with ScriptedUpstream("hello") as up, builder_at(up).wrap(Refuse(), each_try=True).build() as gateway:
        response = await gateway.chat("Hi", [GPT, CLAUDE])
        assert response.provider == "anthropic"
        assert {request.provider for request in up.requests} == {"anthropic"}


async def test_the_changed_request_is_what_is_sent() -> None:
    async with ScriptedUpstream("hello") as up, builder_at(up).wrap(Polite()).build() as gateway:
        await gateway.chat("Hi", GPT)
        assert [one["content"] for one in up.last.json["messages"]] == ["Be polite.", "Hi"]


async def test_an_answer_without_asking_sends_nothing() -> None:
    ready = await ScriptedGateway("from the shelf").chat("Hi", "m")

    class Shelf(Middleware):
        async def chat(self, request: Any, call: Any, ask: Any) -> Any:
            return ready

    async with ScriptedUpstream("never") as up, builder_at(up).wrap(Shelf()).build() as gateway:
        assert (await gateway.chat("Hi", GPT)).content == "from the shelf"
        assert not up.requests


async def test_tools_batches_prompts_and_the_blocking_gateway_pass_through_it() -> None:
    log: list[Any] = []

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    script = [ScriptedTurn(tool_calls=[ScriptedToolCall("add", {"a": 1, "b": 2})]), "3", "x", "y", "z"]
    async with ScriptedUpstream(script) as up, builder_at(up).wrap(Note("w", log)).build() as gateway:
        request = ChatRequest(
            (Message.user("1 + 2?"),), tools=(ToolDefinition.from_function(add),), options=ChatOptions(GPT)
        )
        assert (await run_tools(gateway, request))[0].content == "3"
        await gateway.generate("Hi", GPT)
        assert [index async for index, _ in gateway.chat_many(["Hi"], GPT)] == [0]
    assert log.count(("w", None, None)) == 4
    with ScriptedUpstream.in_thread("blocking") as up:
        builder = Ratatoskr.builder().openai("sk-one", base_url=up.base_url("openai")).wrap(Note("w", log))
        with builder.build().sync() as blocking:
            assert blocking.chat("Hi", GPT).content == "blocking"
    assert log.count(("w", None, None)) == 5


class Foreign(Exception):
    """No error of ours."""


@pytest.mark.parametrize("each_try", [False, True])
@pytest.mark.parametrize("asks_first", [False, True])
async def test_what_is_no_error_of_ours_comes_out_as_it_is(each_try: bool, asks_first: bool) -> None:
    class Fail(Middleware):
        async def chat(self, request: Any, call: Any, ask: Any) -> Any:
            if asks_first:
                await ask(request, call)
            raise Foreign("mine")

        async def open_stream(self, request: Any, call: Any, ask: Any) -> Any:
            if asks_first:
                await ask(request, call)
            raise Foreign("mine")

    script = ["hello", ENDLESS] if asks_first else []
    async with ScriptedUpstream(script) as up, builder_at(up).wrap(Fail(), each_try=each_try).build() as gateway:
        with pytest.raises(Foreign, match="mine"):
            await gateway.chat("Hi", GPT)
        with pytest.raises(Foreign, match="mine"):
            async with gateway.chat_stream("Hi", GPT) as stream:
                await stream.collect()
        assert len(up.requests) == (2 if asks_first else 0)
        if asks_first:
            await up.until(lambda: up.last.closed_at is not None)
        backend: Any = gateway.backend
        assert await backend.lifecycle.drain(0)  # no call is left under way


async def test_what_a_stream_raises_between_events_comes_out_as_it_is_and_closes_the_upstream() -> None:
    class Source:
        def __init__(self, source: Any) -> None:
            self.source = source

        def __getattr__(self, name: str) -> Any:
            return getattr(self.source, name)

        async def batch(self) -> list[ChatEvent]:
            raise Foreign("mine")

    class Fail(Middleware):
        async def open_stream(self, request: Any, call: Any, ask: Any) -> Any:
            opened = await ask(request, call)
            opened.source = Source(opened.source)
            return opened

    async with ScriptedUpstream([ENDLESS]) as up, builder_at(up).wrap(Fail()).build() as gateway:
        with pytest.raises(Foreign, match="mine"):
            async with gateway.chat_stream("Hi", GPT) as stream:
                await stream.collect()
        await up.until(lambda: up.last.closed_at is not None)


async def test_one_middleware_serves_several_gateways_and_a_rebuilt_one() -> None:
    log: list[Any] = []
    note = Note("w", log)
    async with ScriptedUpstream(["a", "b", "c"]) as up:
        builder = builder_at(up).wrap(note)
        async with builder.build() as first, builder.build() as second:
            assert [(await one.chat("Hi", GPT)).content for one in (first, second)] == ["a", "b"]
    assert log.count(("w", None, None)) == 2


def test_without_a_wrap_there_is_nothing_around_backend_and_providers() -> None:
    builder = Ratatoskr.builder().openai("sk-one")
    plain, wrapped = builder.build(), Ratatoskr.builder().openai("sk-one").wrap(Polite()).build()
    assert type(plain.backend).__name__ == "DirectBackend"
    assert type(wrapped.backend).__name__ == "_BoundBackend"
    backends: list[Any] = [plain.backend, wrapped.backend]
    assert type(backends[0].chats.registry.providers["openai"]) is type(backends[1].chats.registry.providers["openai"])


def test_what_overrides_nothing_that_is_there_is_not_around_it() -> None:
    class Embeds(Middleware):
        async def embed(self, request: Any, call: Any, ask: Any) -> Any:
            return await ask(request, call)

    class Chats:
        name = "p"

        async def chat(self, request: Any, call: Any) -> Any: ...

    provider = Chats()
    assert bind(Embeds(), provider) is provider


class Nothing(Middleware):
    """Overrides nothing."""


class Misspelt(Middleware):
    async def Chat(self, request: Any, call: Any, ask: Any) -> Any: ...  # noqa: N802  # wrong on purpose


class Yields(Middleware):
    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        yield await ask(request, call)


class TooFew(Middleware):
    async def chat(self, request: Any, ask: Any) -> Any: ...  # type: ignore[override]  # wrong on purpose


@pytest.mark.parametrize(
    ("middleware", "message"),
    [
        (Polite, r"Polite is a class: pass an object, as Polite\(\)"),
        (Nothing(), "Nothing overrides none of chat, open_stream, embed"),
        (Misspelt(), "Misspelt overrides none of chat"),
        (Yields(), r"Yields.chat must return an answer: it is a generator"),
        (TooFew(), r"TooFew.chat must take \(self, request, call, ask\)"),
        (lambda request: request, "must be an object of a subclass of Middleware"),
        (None, "must be an object of a subclass of Middleware"),
        ("Log", "must be an object of a subclass of Middleware"),
    ],
)
def test_what_cannot_be_a_middleware_is_refused_when_it_is_given(middleware: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Ratatoskr.builder().wrap(middleware)
    assert caught.value.field == "middleware"
    with pytest.raises(ConfigurationError, match=message):
        bind(middleware, ScriptedGateway().backend)


def test_each_try_is_a_flag() -> None:
    with pytest.raises(ConfigurationError, match="each_try must be true or false"):
        Ratatoskr.builder().wrap(Polite(), each_try="yes")  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("target", [None, 7, "backend", object(), ScriptedGateway])
def test_only_backends_and_providers_are_wrapped(target: Any) -> None:
    with pytest.raises(ConfigurationError, match="neither a backend nor a provider") as caught:
        bind(Polite(), target)
    assert caught.value.field == "target"


async def test_a_provider_of_embeddings_is_wrapped_around_each_try() -> None:
    seen: list[tuple[Any, ...]] = []

    class Embeds:
        name = "local"
        names: ClassVar = {"e": "E"}
        preloaded: ClassVar[list[str]] = []

        async def embed_batch(self, request: Any, call: CallOptions) -> Embeddings:
            return await ScriptedGateway().embed_batch(request.texts, call.model)

        async def preload(self, model: str) -> None:
            self.preloaded.append(model)

        models = unload = status = health = aclose = preload

    class Look(Middleware):
        async def embed(self, request: Any, call: CallOptions, ask: Any) -> Any:
            seen.append((call.provider, call.model, call.attempt))
            return await ask(request, call)

    inner: Any = Embeds()
    bound = bind(Look(), inner)
    assert isinstance(bound, KeepsModels)
    registry = ProviderRegistry({"local": bound}, Chain())
    answer, _ = await registry.run(
        [Candidate("local", "E", "named")],
        lambda provider, options: provider.embed_batch(EmbedRequest(["x"], "e"), options),
        Timeouts(),
    )
    assert answer.vectors.shape[0] == 1
    await bound.preload("e")
    assert (seen, inner.preloaded) == ([("local", "E", 1)], ["e"])


class PassThrough(Middleware):
    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        return await ask(request, call)


def run(coroutine: Any) -> None:
    """Run a coroutine that waits for nothing, without a loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


class Answering:
    """The least backend."""

    async def chat(self, request: Any) -> Any:
        return request

    async def inspect(self, query: Any) -> Any: ...


def test_a_pass_through_costs_less_than_half_a_microsecond() -> None:
    plain: Any = Answering()
    wrapped: Any = bind_all([PassThrough()] * 10, plain)
    times = {}
    for name, backend in (("plain", plain), ("wrapped", wrapped)):
        chat = backend.chat
        times[name] = min(timeit.repeat(lambda chat=chat: run(chat("x")), number=2000, repeat=15)) / 2000
    assert (times["wrapped"] - times["plain"]) / 10 < 0.5e-6


def test_a_gateway_over_a_bound_backend_is_a_gateway() -> None:
    gateway = Gateway(bind(Polite(), ScriptedGateway("hello").backend))
    assert isinstance(gateway, Gateway)
    assert not isinstance(gateway, EmbeddedGateway)
