"""Tokens by a gateway: here, or asked of the provider; async, blocking, and scripted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ratatoskr import EmbeddedGateway, Message, Middleware, Ratatoskr, Redact, TokenCount, ToolDefinition
from ratatoskr.errors import (
    ConfigurationError,
    GatewayClosed,
    InvalidInput,
    MalformedResponse,
    ModelNotAvailable,
    NoProvider,
    PresetNotFound,
    RateLimited,
    UnsupportedParameter,
)
from ratatoskr.testing import Replay, ScriptedGateway, ScriptedUpstream, no_network
from ratatoskr.types.tokens import CountRequest, TokenizeRequest
from unit.other_tasks import OtherTask

TOOL = ToolDefinition("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})


def gateway(**rules: str) -> EmbeddedGateway:
    return Ratatoskr.builder().openai("k").anthropic("k").routing(rules=rules).build()


def replies(body: Any, status: int = 200) -> Replay:
    """Return a script that answers every request with a body, JSON or a text."""
    member = {"body_text": body} if isinstance(body, str) else {"body": body}
    headers = {"content-type": "application/json"}
    return Replay([{"response": {"status": status, "headers": headers, **member}}], repeat=True)


@asynccontextmanager
async def asked(provider: str, script: Any = ()) -> AsyncIterator[tuple[EmbeddedGateway, ScriptedUpstream]]:
    """Open a gateway to a provider that counts a token for four bytes of a request, unless a script says otherwise."""
    async with ScriptedUpstream(script) as upstream:
        builder = Ratatoskr.builder().provider(provider, "key", base_url=upstream.base_url(provider)).retries(0)
        async with builder.build() as made:
            yield made, upstream


# Here


async def test_nothing_is_sent_for_a_count_here() -> None:
    with no_network():
        async with gateway() as tokens:
            exact = await tokens.count_tokens("hello world", "gpt-4o")
            assert exact == TokenCount(2, "exact", model="gpt-4o", tokenizer="o200k_base")
            estimate = await tokens.count_tokens([{"role": "user", "content": "hello"}], "claude-sonnet-5")
            assert (estimate.kind, estimate.model) == ("estimate", "claude-sonnet-5")
            with_tool = await tokens.count_tokens("hello", "gpt-4o", tools=[TOOL])
            assert with_tool.kind == "estimate"
            assert len(await tokens.tokenize("hello world", "gpt-4o")) == 2


async def test_a_name_counts_as_the_model_that_a_chat_would_go_to() -> None:
    async with gateway(**{"cheap": "claude-haiku-4-5", "gpt-4o": "claude-haiku-4-5"}) as tokens:
        for name in ("cheap", "gpt-4o"):
            count = await tokens.count_tokens("hello", name)
            assert (count.kind, count.tokenizer, count.model) == ("estimate", "claude", name)
        with pytest.raises(ModelNotAvailable):
            await tokens.tokenize("hello", "cheap")


async def test_a_count_here_needs_no_provider() -> None:
    async with Ratatoskr.builder().anthropic("k").build() as tokens:
        assert (await tokens.count_tokens("hello world", "o200k_base")).tokens == 2
        assert (await tokens.count_tokens("hello world", "openai:gpt-4o")).kind == "exact"


async def test_the_builders_tokenizers_come_first_and_are_checked_by_build() -> None:
    builder = Ratatoskr.builder().anthropic("k").tokenizers({"mine": "cl100k_base"}).tokenizers({"more": "mine"})
    async with builder.build() as tokens:
        assert (await tokens.count_tokens("hello", "more")).tokenizer == "cl100k_base"
    with pytest.raises(ConfigurationError, match="in a circle"):
        Ratatoskr.builder().anthropic("k").tokenizers({"a": "b", "b": "a"}).build()
    with pytest.raises(ConfigurationError, match="tokenizers must map"):
        Ratatoskr.builder().tokenizers(["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("input", "field"), [(None, "messages"), (b"x", "messages"), ([], "messages"), ([{"role": "user"}], "messages")]
)
async def test_wrong_input_is_named(input: Any, field: str) -> None:
    async with gateway() as tokens:
        with pytest.raises(InvalidInput) as caught:
            await tokens.count_tokens(input, "gpt-4o")
        assert caught.value.field == field
        for model in (None, "", ["gpt-4o"]):
            with pytest.raises(InvalidInput, match="model must be the name of one model"):
                await tokens.count_tokens("x", model)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="method must be"):
            await tokens.count_tokens("x", "gpt-4o", "exact")  # type: ignore[arg-type]


async def test_other_tasks_run_while_a_long_text_is_counted() -> None:
    async with gateway() as tokens:
        await tokens.count_tokens("é", "gpt-4o")
        text = "née 🙂 words " * 300_000
        longest, running = 0.0, True

        async def watch() -> None:
            nonlocal longest
            last = time.thread_time()
            while running:
                await asyncio.sleep(0)
                now = time.thread_time()
                longest, last = max(longest, now - last), now

        watcher = asyncio.create_task(watch())
        async with OtherTask() as other:
            await tokens.count_tokens(text, "gpt-4o")
        running = False
        await watcher
    assert other.runs >= 3
    assert longest < 0.05, "the processor's time of this thread: a count of this text takes ten times as long"


async def test_a_closed_gateway_counts_nothing() -> None:
    tokens = gateway()
    await tokens.aclose()
    for call in (tokens.count_tokens("x", "gpt-4o"), tokens.tokenize("x", "gpt-4o")):
        with pytest.raises(GatewayClosed):
            await call


async def test_capabilities_name_both() -> None:
    async with gateway() as tokens:
        assert {"count_tokens", "tokenize"} <= await tokens.capabilities()


# Cuts and contexts


async def test_a_text_is_cut_to_fit() -> None:
    async with gateway() as tokens:
        assert await tokens.fit_tokens("hello world again", "gpt-4o", 2) == "hello world"
        assert await tokens.fit_tokens("hello", "gpt-4o", 5) == "hello"
        assert await tokens.fit_tokens("x" * 2000 + "🐿️" * 3000, "gpt-4o", 0) == ""
        with pytest.raises(ModelNotAvailable):
            await tokens.fit_tokens("x", "claude-sonnet-5", 1)


async def test_what_is_left_of_a_context() -> None:
    async with gateway() as tokens:
        left = await tokens.context_left("hello " * 100, "gpt-4o", max_input_tokens=1000)
    assert left.tokens == 1000 - left.count.tokens > left.least
    assert left.max_input_tokens == 1000
    async with gateway() as tokens:
        with pytest.raises(InvalidInput, match="max_input_tokens must be a whole number"):
            await tokens.context_left("x", "gpt-4o", max_input_tokens=-1)


async def test_the_catalogue_says_how_large_a_context_is_without_asking_anything() -> None:
    async with asked("openai", replies({})) as (tokens, upstream):
        left = await tokens.context_left("hello", "openai:gpt-4.1")
        assert left.max_input_tokens == (await tokens.model_metadata("openai:gpt-4.1")).max_input_tokens == 1_047_576
        assert upstream.requests == []


@pytest.mark.parametrize("model", ["ratatoskr:budget", "ratatoskr:/agentic", "ratatoskr:budget/agnetic"])
async def test_a_wrong_name_of_a_preset_is_not_counted_as_a_model(model: str) -> None:
    async with asked("openai", replies({})) as (tokens, _):
        for question in (tokens.count_tokens("Hi", model), tokens.tokenize("Hi", model)):
            with pytest.raises((InvalidInput, PresetNotFound), match="preset"):
                await question


async def test_the_providers_list_says_how_large_a_context_is_where_the_catalogue_does_not() -> None:
    listed = {"data": [{"id": "claude-a", "type": "model", "max_input_tokens": 200_000}, {"id": "claude-b"}]}
    async with asked("anthropic", replies(listed)) as (tokens, upstream):
        left = await tokens.context_left("hello", "claude-a")
        assert left.max_input_tokens == 200_000
        assert [one.path.partition("?")[0] for one in upstream.requests] == ["/v1/models"]
        with pytest.raises(InvalidInput, match="give max_input_tokens") as caught:
            await tokens.context_left("hello", "claude-b")
        assert (caught.value.field, caught.value.model) == ("max_input_tokens", "claude-b")


# Asked of the provider

ADDRESSES = {
    "anthropic": ("claude-sonnet-5", "/v1/messages/count_tokens"),
    "openai": ("gpt-5.4", "/v1/responses/input_tokens"),
    "google": ("gemini-3-flash", "/v1beta/models/gemini-3-flash:countTokens"),
}


@pytest.mark.parametrize("provider", ADDRESSES)
async def test_a_provider_counts_on_request(provider: str) -> None:
    model, path = ADDRESSES[provider]
    history = [Message.system("Be brief."), Message.user("Who runs?")]
    async with asked(provider) as (tokens, upstream):
        count = await tokens.count_tokens(history, model, "provider", tools=[TOOL])
        sent = upstream.last
        assert sent.path.endswith(path)
        assert (count.kind, count.provider, count.model, count.error_band) == ("provider", provider, model, 0.0)
        assert count.tokens > 10
        assert count.warnings == ()
        assert [attempt.provider for attempt in count.attempts] == [provider]
        text = json.dumps(sent.json)
        assert all(word in text for word in ("Be brief.", "Who runs?", "look", model))
        assert not {"max_tokens", "stream", "store", "temperature"} & set(sent.json)
        alone = await tokens.count_tokens("Who runs?", model, "provider")
        assert [notice.code for notice in alone.warnings] == ["counted_as_message"]


async def test_a_key_of_chat_completions_is_counted_by_the_responses_api() -> None:
    async with ScriptedUpstream(()) as upstream:
        builder = Ratatoskr.builder().openai("k", base_url=upstream.base_url("openai"), api="chat_completions")
        async with builder.build() as tokens:
            assert (await tokens.count_tokens("hi", "gpt-4o", "provider")).tokens > 0
        assert upstream.last.path.endswith("/responses/input_tokens")


async def test_ollama_evaluates_the_prompt() -> None:
    answer = {"model": "m", "message": {"role": "assistant", "content": "x"}, "done": True, "prompt_eval_count": 26}
    async with asked("ollama", replies(answer)) as (tokens, upstream):
        count = await tokens.count_tokens([Message.user("hi")], "ollama:m", "provider")
        assert (count.tokens, count.kind) == (26, "provider")
        assert upstream.last.path == "/api/chat"
        assert upstream.last.json["options"] == {"num_predict": 1}
        assert upstream.last.json["stream"] is False
    del answer["prompt_eval_count"]
    async with asked("ollama", replies(answer)) as (tokens, _):
        with pytest.raises(MalformedResponse, match="prompt_eval_count"):
            await tokens.count_tokens("hi", "ollama:m", "provider")


@pytest.mark.parametrize("provider", ["huggingface", "openrouter"])
async def test_a_provider_that_counts_nothing_is_not_asked(provider: str) -> None:
    async with asked(provider) as (tokens, upstream):
        with pytest.raises(UnsupportedParameter, match="no address that counts tokens") as caught:
            await tokens.count_tokens("hi", f"{provider}:a/m", "provider")
        assert caught.value.field == "method"
        assert upstream.requests == []
        with pytest.raises(NoProvider):
            await tokens.count_tokens("hi", "anthropic:claude-sonnet-5", "provider")


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", "null", '{"input_tokens": "7"}', '{"input_tokens": -1}', '{"input_tokens": true}']
)
async def test_a_count_that_is_no_number_is_malformed(body: str) -> None:
    async with asked("anthropic", replies(body)) as (tokens, _):
        with pytest.raises(MalformedResponse):
            await tokens.count_tokens("hi", "claude-sonnet-5", "provider")


async def test_a_providers_error_is_an_error() -> None:
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    async with asked("anthropic", replies(error, 429)) as (tokens, _):
        with pytest.raises(RateLimited):
            await tokens.count_tokens("hi", "claude-sonnet-5", "provider")


async def test_what_is_redacted_is_kept_from_the_count_of_a_provider() -> None:
    async with ScriptedUpstream(()) as upstream:
        builder = Ratatoskr.builder().anthropic("k", base_url=upstream.base_url("anthropic"))
        async with builder.wrap(Redact([r"\d{4}"])).build() as tokens:
            for given in ("my PIN is 1234", [Message.user("my PIN is 1234")]):
                count = await tokens.count_tokens(given, "claude-sonnet-5", "provider")
                assert count.kind == "provider"
                assert "[REDACTED_1]" in upstream.last.raw.decode()
                assert "1234" not in upstream.last.raw.decode()


async def test_a_middleware_stands_around_counts_and_each_try_at_a_provider() -> None:
    class Seen(Middleware):
        def __init__(self) -> None:
            self.providers: list[str | None] = []

        async def count_tokens(self, request: CountRequest, call: Any, ask: Any) -> TokenCount:
            self.providers.append(call.provider)
            return await ask(request, call)  # type: ignore[no-any-return]

    calls, tries = Seen(), Seen()
    async with ScriptedUpstream(()) as upstream:
        builder = Ratatoskr.builder().anthropic("k", base_url=upstream.base_url("anthropic"))
        async with builder.wrap(calls).wrap(tries, each_try=True).build() as tokens:
            await tokens.count_tokens("hi", "claude-sonnet-5", "provider")
            await tokens.count_tokens("hi", "claude-sonnet-5")
    assert (calls.providers, tries.providers) == ([None, None], ["anthropic"])


# Blocking and scripted


def test_the_blocking_gateway_does_the_same() -> None:
    with gateway().sync() as tokens:
        assert tokens.count_tokens("hello world", "gpt-4o").tokens == 2
        assert tokens.count_tokens("hello world", "gpt-4o", tools=[TOOL]).kind == "estimate"
        assert tokens.tokenize("hello world", "gpt-4o").ids.tolist() == [24912, 2375]
        assert len(tokens.tokenize_batch(["a", "b"] * 300, "gpt-4o")) == 600
        assert tokens.fit_tokens("hello world", "gpt-4o", 1) == "hello"
        assert tokens.context_left("hello", "gpt-4o", max_input_tokens=50).max_input_tokens == 50


async def test_a_script_counts_as_any_gateway_or_as_it_is_told() -> None:
    async with ScriptedGateway() as tokens:
        assert (await tokens.count_tokens("hello world", "gpt-4o")).kind == "exact"
        assert (await tokens.count_tokens("hello world", "gpt-4o", "provider")).kind == "provider"
        assert len(await tokens.tokenize("hello world", "gpt-4o")) == 2
        assert [type(request) for request in tokens.token_requests] == [CountRequest, CountRequest, TokenizeRequest]
    async with ScriptedGateway(tokens=7) as tokens:
        assert (await tokens.count_tokens("hello", "m")).tokens == 7
    async with ScriptedGateway(tokens=lambda request: len(request.text or "")) as tokens:
        count = await tokens.count_tokens("hello", "m", "provider")
        assert (count.tokens, count.kind, count.provider) == (5, "provider", "scripted")
    async with ScriptedGateway(tokens=RateLimited("slow down")) as tokens:
        with pytest.raises(RateLimited):
            await tokens.count_tokens("hello", "m")
    with pytest.raises(GatewayClosed):
        await tokens.count_tokens("hello", "m")
