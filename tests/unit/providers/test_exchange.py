"""What is sent to a provider, and which error a failed exchange gives."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from ratatoskr.config.secrets import Secret
from ratatoskr.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    MalformedResponse,
    ModelNotFound,
    RatatoskrError,
    RateLimited,
    RedirectRefused,
    ServiceUnavailable,
    Timeout,
)
from ratatoskr.providers import exchange
from ratatoskr.providers.exchange import Binding, ProviderClient, load_dialect
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.chat import ChatOptions
from ratatoskr.types.token import KeySource
from ratatoskr.version import VERSION
from ratatoskr.wire import chat_completions
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import ReportedFailure
from unit.providers.fakes import KEY, LIMITS, FakeReply, FakeTransport, shown_locals

TARGET = Target("openai", "gpt-4o-mini", "chat_completions")
BINDING = Binding(TARGET, chat_completions)
BODY = b'{"messages": "geheim"}'
OWN = {"content-type": "application/json", "user-agent": f"ratatoskr/{VERSION}"}


def client_of(transport: FakeTransport, spec: str = "openai", keys: tuple[str, ...] = (KEY,), **more: Any) -> Any:
    return ProviderClient(SPECS[spec], transport, [Secret(key) for key in keys], **more)


async def send(client: ProviderClient, headers: tuple[tuple[str, str], ...] = (), body: bytes = BODY) -> Any:
    return await client.send(BINDING, "/chat/completions", body, headers, "sse", LIMITS)


async def fail(client: ProviderClient) -> RatatoskrError:
    with pytest.raises(RatatoskrError) as caught:
        await send(client)
    return caught.value


async def test_the_request_has_the_address_the_body_the_key_and_the_deadlines() -> None:
    transport = FakeTransport(reply := FakeReply())
    assert await send(client_of(transport), (("x-more", "1"),)) is reply
    (request,) = transport.requests
    assert request.url == "https://api.openai.com/v1/chat/completions"
    assert request.headers == (
        ("content-type", "application/json"),
        ("user-agent", f"ratatoskr/{VERSION}"),
        ("authorization", f"Bearer {KEY}"),
        ("x-more", "1"),
    )
    assert (request.method, request.body, request.framing, request.deadlines) == ("POST", BODY, "sse", LIMITS)


async def test_a_request_without_a_body_is_a_get() -> None:
    transport = FakeTransport(FakeReply())
    await send(client_of(transport), body=b"")
    assert (transport.requests[0].method, transport.requests[0].body) == ("GET", b"")


async def test_the_callers_address_and_headers_are_used() -> None:
    transport = FakeTransport(FakeReply())
    client = client_of(transport, "anthropic", base_url="http://localhost:1/", headers={"x-team": "a"})
    assert client.base_url == "http://localhost:1"
    await send(client)
    assert transport.requests[0].url == "http://localhost:1/chat/completions"
    sent = dict(transport.requests[0].headers)
    assert sent == OWN | {"x-team": "a", "x-api-key": KEY}


async def test_without_a_key_no_key_is_sent() -> None:
    transport = FakeTransport(FakeReply())
    await send(client_of(transport, "ollama", ()))
    assert dict(transport.requests[0].headers) == OWN


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (302, RedirectRefused),
        (401, AuthenticationFailed),
        (404, ModelNotFound),
        (429, RateLimited),
        (503, ServiceUnavailable),
    ],
)
async def test_another_status_is_an_error_with_its_context(status: int, cls: type[RatatoskrError]) -> None:
    body = {"error": {"message": "model 'x' not found", "code": "some_code"}}
    reply = FakeReply(body, status, {"x-request-id": "req_1", "retry-after": "7"})
    error = await fail(client_of(FakeTransport(reply)))
    assert type(error) is cls
    assert (error.provider, error.model, error.status) == ("openai", "gpt-4o-mini", status)
    assert (error.request_id, error.provider_code, error.retry_after) == ("req_1", "some_code", 7.0)
    assert error.message == "model 'x' not found"


@pytest.mark.parametrize("status", [200, 201, 299])
async def test_every_2xx_is_a_reply(status: int) -> None:
    assert (await send(client_of(FakeTransport(FakeReply(b"", status))))).status == status


async def test_an_error_of_the_transport_gets_the_provider_and_the_model() -> None:
    error = await fail(client_of(FakeTransport(ConnectionFailed("refused", phase="connect"))))
    assert isinstance(error, ConnectionFailed)
    assert (error.provider, error.model, error.phase) == ("openai", "gpt-4o-mini", "connect")


async def test_the_next_request_uses_the_next_key_after_a_429() -> None:
    transport = FakeTransport(FakeReply(status=429), FakeReply(), FakeReply(status=500), FakeReply())
    client = client_of(transport, keys=("one", "two"))
    assert (await fail(client)).other_keys == 1
    await send(client)
    assert (await fail(client)).other_keys == 0
    await send(client)
    used = [dict(request.headers)["authorization"] for request in transport.requests]
    assert used == ["Bearer one", "Bearer two", "Bearer two", "Bearer two"]


async def test_a_key_is_busy_until_its_request_ends_by_a_reply_an_error_or_a_cancellation() -> None:
    go_on = asyncio.Event()
    used: list[str] = []

    class Slow(FakeTransport):
        async def send(self, request: Any) -> Any:
            used.append(dict(request.headers)["authorization"][-1])
            await go_on.wait()
            return await super().send(request)

    client = client_of(Slow(FakeReply(), FakeReply(status=500), *[FakeReply()] * 6), keys=("1", "2", "3"))
    tasks = [asyncio.ensure_future(send(client)) for _ in range(5)]
    await asyncio.sleep(0)
    assert used == ["1", "2", "3", "1", "2"]
    for task in tasks[2:4]:
        task.cancel()
    await asyncio.wait(tasks[2:4])
    tasks += [asyncio.ensure_future(send(client)) for _ in range(2)]
    await asyncio.sleep(0)
    assert used[5:] == ["3", "1"]
    go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results[:2]] == [FakeReply, ServiceUnavailable]
    used.clear()
    for _ in range(3):
        await send(client)
    assert sorted(used) == ["1", "2", "3"]


@pytest.mark.parametrize("reply", [FakeReply(status=401), FakeReply(status=500), ConnectionFailed("reset")])
async def test_a_traceback_with_locals_shows_no_key(reply: Any) -> None:
    transport = FakeTransport(reply)
    error = await fail(client_of(transport, headers={"x-secret": KEY}))
    assert KEY not in shown_locals(error)
    assert KEY not in repr(transport.requests)
    assert "geheim" not in repr(transport.requests)


@pytest.mark.parametrize(
    ("spec", "headers", "expected"),
    [
        ("openai", {"x-request-id": "a"}, "a"),
        ("anthropic", {"request-id": "b", "x-request-id": "a"}, "b"),
        ("openrouter", {"x-generation-id": "g", "x-request-id": "a"}, "g"),
        ("openrouter", {"x-request-id": "a"}, "a"),
        ("openai", {}, None),
    ],
)
def test_the_request_id_is_in_the_headers_that_the_spec_names(
    spec: str, headers: dict[str, str], expected: str | None
) -> None:
    assert client_of(FakeTransport(), spec).request_id(FakeReply(headers=headers)) == expected


def test_a_failure_reported_inside_a_200_is_an_error_by_its_code() -> None:
    reply = FakeReply(headers={"x-request-id": "req_1"})
    failure = ReportedFailure("slow down", code="rate_limit_exceeded")
    error = client_of(FakeTransport()).build_error(failure, reply, TARGET)
    assert isinstance(error, RateLimited)
    assert (error.provider, error.model, error.status, error.request_id) == ("openai", "gpt-4o-mini", None, "req_1")


def test_context_is_added_and_a_request_id_that_is_known_is_kept() -> None:
    client, reply = client_of(FakeTransport()), FakeReply(headers={"x-request-id": "req_1"})
    error = MalformedResponse("bad")
    assert client.add_context(error, reply, TARGET) is error
    assert (error.provider, error.model, error.request_id) == ("openai", "gpt-4o-mini", "req_1")
    assert client.add_context(MalformedResponse("bad", request_id="own"), reply, TARGET).request_id == "own"


def test_a_dialect_is_imported_once() -> None:
    assert load_dialect("ratatoskr.wire.chat_completions") is chat_completions
    assert load_dialect("ratatoskr.wire.chat_completions") is load_dialect("ratatoskr.wire.chat_completions")


def test_only_the_very_options_that_were_accepted_are_not_checked_again() -> None:
    binding = Binding(TARGET, chat_completions)
    options = ChatOptions(temperature=0.5)
    assert not binding.is_accepted(options, "error")
    binding.accepted = (options, "error")
    assert binding.is_accepted(options, "error")
    assert not binding.is_accepted(options, "pass")
    assert not binding.is_accepted(ChatOptions(temperature=0.5), "error")


class Seconds:
    """Stands in for the module `time`: each reading of the clock is `step` seconds later."""

    def __init__(self, step: float) -> None:
        self.step, self.now = step, 0.0
        self.time = time.time

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


async def test_the_time_that_a_key_function_took_is_part_of_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = FakeTransport(FakeReply(status=401), FakeReply())
    made = iter(["token-one", "token-two"])
    client = ProviderClient(SPECS["openai"], transport, [KeySource(lambda: next(made))])
    monkeypatch.setattr(exchange, "time", Seconds(0.5))
    await send(client)
    assert [request.deadlines.total for request in transport.requests] == [3.5, 2.5]
    assert [dict(request.headers)["authorization"] for request in transport.requests] == [
        "Bearer token-one",
        "Bearer token-two",
    ]


async def test_where_no_time_is_left_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = FakeTransport()
    client = ProviderClient(SPECS["openai"], transport, [KeySource(lambda: "token-one")])
    monkeypatch.setattr(exchange, "time", Seconds(5.0))
    error = await fail(client)
    assert isinstance(error, Timeout)
    assert (error.phase, error.provider) == ("attempt", "openai")
    assert transport.requests == []
