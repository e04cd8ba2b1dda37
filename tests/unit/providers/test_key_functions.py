"""Keys that are functions, over real HTTP: both transports, both faces, streams, a 401, lists of keys, logs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from ratatoskr import (
    AuthenticationFailed,
    ConfigurationError,
    ContentDelta,
    EmbeddedGateway,
    Ratatoskr,
    Token,
)
from ratatoskr.testing import Received, Reply, ScriptedTurn, ScriptedUpstream, fault
from unit.leaks import leaks

MODEL = "openai:gpt-4.1"
BEARER = "Bearer "


class Issuer:
    """Returns `token-canary-1`, `-2`, …; an upstream of `only_latest` refuses all but the latest."""

    def __init__(self, expires_at: float | None = None) -> None:
        self.expires_at = expires_at
        self.calls = 0
        self._lock = threading.Lock()

    def __call__(self) -> Token:
        with self._lock:
            self.calls += 1
            return Token(f"token-canary-{self.calls}", self.expires_at)


def refuse_all_but(tokens: set[str], text: str = "Up the tree.") -> Callable[[Received], Any]:
    """Return a script that answers requests with these tokens, and 401 to others."""

    def answer(request: Received) -> Any:
        if request.headers["authorization"].removeprefix(BEARER) in tokens:
            return text
        body = b'{"error": {"message": "expired: ' + request.headers["authorization"].encode() + b'"}}'
        return Reply(401, {"content-type": "application/json"}, (body,))

    answer.for_ever = True  # type: ignore[attr-defined]
    return answer


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream(keep=None) as upstream:
        yield upstream


@pytest.fixture(params=["native", "httpx"])
async def gateway_to(
    request: pytest.FixtureRequest, upstream: ScriptedUpstream
) -> AsyncIterator[Callable[[Any], EmbeddedGateway]]:
    async with httpx.AsyncClient(trust_env=False) as client:

        def make(key: Any) -> EmbeddedGateway:
            builder = Ratatoskr.builder().openai(key, base_url=upstream.base_url("openai")).retries(0)
            return (builder.http_client(client) if request.param == "httpx" else builder).build()

        yield make


def sent(upstream: ScriptedUpstream) -> list[str]:
    return [request.headers["authorization"].removeprefix(BEARER) for request in upstream.requests]


async def test_a_thousand_concurrent_calls_ask_once(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream, request: pytest.FixtureRequest
) -> None:
    count = 100 if "httpx" in request.node.name else 1000  # its pool takes time that grows with the square
    issuer = Issuer()
    async with gateway_to(issuer) as gateway:
        answers = await asyncio.gather(*(gateway.chat("Who?", MODEL) for _ in range(count)))
    assert len(answers) == count
    assert issuer.calls == 1
    assert Counter(sent(upstream)) == {"token-canary-1": count}


async def test_a_storm_of_401_renews_once_and_no_call_fails(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    issuer = Issuer()
    await upstream.use(refuse_all_but({"token-canary-2"}))
    async with gateway_to(issuer) as gateway:
        answers = await asyncio.gather(*(gateway.chat("Who?", MODEL) for _ in range(100)))
    assert {answer.text for answer in answers} == {"Up the tree."}
    assert issuer.calls == 2
    assert all(len(answer.attempts) == 1 for answer in answers)  # not a retry
    counted = Counter(sent(upstream))
    assert counted["token-canary-2"] == 100
    assert counted["token-canary-1"] <= 100


async def test_a_refused_token_is_renewed_once_and_then_the_error_is_the_providers(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    issuer = Issuer()
    await upstream.use(refuse_all_but(set()))
    async with gateway_to(issuer) as gateway:
        with pytest.raises(AuthenticationFailed) as caught:
            await gateway.chat("Who?", MODEL)
    assert sent(upstream) == ["token-canary-1", "token-canary-2"]
    assert caught.value.status == 401
    assert not leaks(caught.value, "token-canary")


async def test_the_same_token_is_not_sent_again(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    await upstream.use(refuse_all_but(set()))
    async with gateway_to(lambda: "token-canary-same") as gateway:
        with pytest.raises(AuthenticationFailed):
            await gateway.chat("Who?", MODEL)
    assert sent(upstream) == ["token-canary-same"]


async def test_a_key_that_is_a_text_is_not_sent_again_after_a_401(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    await upstream.use(refuse_all_but(set()))
    async with gateway_to("sk-canary-fixed") as gateway:
        with pytest.raises(AuthenticationFailed):
            await gateway.chat("Who?", MODEL)
    assert upstream.count == 1


async def test_a_token_that_expires_amid_a_stream_does_not_break_it(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    issuer = Issuer(expires_at=1.0)  # over long ago: each call after the first second asks anew
    await upstream.use([ScriptedTurn("Up and down the tree.", deltas=5), "again"])
    async with gateway_to(issuer) as gateway:
        async with gateway.chat_stream("Who?", MODEL) as stream:
            first = await anext(aiter(stream))
            await asyncio.sleep(1.1)
            assert (await gateway.chat("Meanwhile?", MODEL)).text == "again"
            rest = [event async for event in stream]
        texts = [event.text for event in (first, *rest) if isinstance(event, ContentDelta)]
        assert "".join(texts) == "Up and down the tree."
    assert sent(upstream) == ["token-canary-1", "token-canary-2"]


async def test_a_stream_is_opened_with_a_new_token_after_a_401(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    await upstream.use(refuse_all_but({"token-canary-2"}))
    async with gateway_to(Issuer()) as gateway, gateway.chat_stream("Who?", MODEL) as stream:
        assert (await stream.collect()).text == "Up the tree."


async def test_an_async_function_and_the_list_of_models(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    issuer = Issuer()

    async def fetch() -> Token:
        await asyncio.sleep(0)
        return issuer()

    async with gateway_to(fetch) as gateway:
        assert await gateway.list_models("openai")
        await gateway.chat("Who?", MODEL)
    assert sent(upstream) == ["token-canary-1"] * 2


async def test_a_function_that_fails_is_an_error_of_its_provider_and_nothing_is_sent(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    def fail() -> str:
        raise PermissionError("token-canary-in-a-message")

    async with gateway_to(fail) as gateway:
        with pytest.raises(AuthenticationFailed) as caught:
            await gateway.chat("Who?", MODEL)
    assert (caught.value.provider, caught.value.model, caught.value.field) == ("openai", "gpt-4.1", "key")
    assert "PermissionError" in caught.value.message
    assert not leaks(caught.value, "token-canary")
    assert upstream.count == 0


async def test_beside_other_keys_a_function_that_fails_leaves_the_call_to_them(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    def fail() -> str:
        raise PermissionError

    async with gateway_to([fail, "sk-canary-fixed"]) as gateway:
        answer = await gateway.chat("Who?", MODEL)
    assert [attempt.decision for attempt in answer.attempts][:1] == ["again"]
    assert sent(upstream) == ["sk-canary-fixed"]


async def test_functions_and_keys_take_turns(
    gateway_to: Callable[..., EmbeddedGateway], upstream: ScriptedUpstream
) -> None:
    async with gateway_to([Issuer(), "sk-canary-fixed"]) as gateway:
        for _ in range(4):
            await gateway.chat("Who?", MODEL)
    assert sent(upstream) == ["token-canary-1", "sk-canary-fixed"] * 2


async def test_the_blocking_gateway_in_many_threads_asks_once(upstream: ScriptedUpstream) -> None:
    issuer = Issuer()
    gateway = Ratatoskr.builder().openai(issuer, base_url=upstream.base_url("openai")).build()
    blocking = gateway.sync()
    try:
        answers = await asyncio.gather(*(asyncio.to_thread(blocking.chat, "Who?", MODEL) for _ in range(20)))
        texts = await asyncio.to_thread(lambda: list(blocking.chat_stream("Who?", MODEL)))
    finally:
        await asyncio.to_thread(blocking.close)
    assert len(answers) == 20
    assert texts
    assert issuer.calls == 1


async def test_no_log_and_no_plan_shows_a_token(upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture) -> None:
    await upstream.use([refuse_all_but({"token-canary-2"}), refuse_all_but({"token-canary-2"}), fault("status_500")])
    gateway = Ratatoskr.builder().openai(Issuer(), base_url=upstream.base_url("openai")).retries(0).build()
    with caplog.at_level(logging.DEBUG, "ratatoskr"):
        async with gateway:
            await gateway.chat("Who?", MODEL)
            plan = (await gateway.explain(MODEL, "Who?", body=True)).plans[0]
    assert plan.request is not None
    assert plan.request.headers["authorization"] == "Bearer [redacted]"
    assert caplog.records
    assert "canary" not in "".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "canary" not in repr(gateway) + repr(await gateway.health())


def test_a_provider_of_an_installed_package_takes_no_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratatoskr.config.provider.load_entry_points", lambda: {"registered": None})
    with pytest.raises(ConfigurationError, match="takes keys, not functions"):
        Ratatoskr.builder().provider("registered", Issuer()).build()
