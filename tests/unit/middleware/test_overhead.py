"""What limits, budgets, breakers, costs and a wrap add to a call, counted in calls of functions, which do not vary."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from ratatoskr import Budget, Ratatoskr
from ratatoskr.middleware import Middleware
from ratatoskr.models.cost import cost_of
from ratatoskr.models.price import Price
from ratatoskr.transport import native
from ratatoskr.types.usage import Usage, UsageDetails

BODY = (
    b'{"id":"1","object":"chat.completion","created":1,"model":"gpt-4.1","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Up and down."},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,'
    b'"completion_tokens":34,"total_tokens":46,"prompt_tokens_details":{"cached_tokens":0}}}'
)


class Reply:
    status = 200
    headers = {"content-type": "application/json"}  # noqa: RUF012
    streamed = False
    body = BODY

    def close(self) -> None: ...

    def release(self) -> None: ...


class PassThrough(Middleware):
    async def chat(self, request: Any, call: Any, ask: Any) -> Any:
        return await ask(request, call)


def count(work: Any) -> int:
    """Return how many functions of Python are called."""
    found = 0

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal found
        found += event == "call"

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


async def calls_of_a_chat(builder: Any) -> int:
    gateway = builder.build()
    steps = []
    async with gateway:
        for _ in range(3):
            assert (await gateway.chat("Hello", "openai:gpt-4.1", max_tokens=100)).cost is not None

        async def ask() -> None:
            assert (await gateway.chat("Hello", "openai:gpt-4.1", max_tokens=100)).cost is not None

        def run_to_the_end() -> None:
            asked = ask()
            with pytest.raises(StopIteration):  # nothing waits
                asked.send(None)

        steps.append(count(run_to_the_end))
    return steps[0]


async def test_all_together_call_few_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(self: Any, request: Any) -> Reply:
        return Reply()

    monkeypatch.setattr(native.NativeTransport, "send", send)

    def base() -> Any:
        return Ratatoskr.builder().openai("sk-test-12345678")

    plain = await calls_of_a_chat(base().breaker(None))
    every = await calls_of_a_chat(
        base().limits("openai", requests=10**6, tokens=10**9).budget(Budget("1000")).wrap(PassThrough())
    )
    assert 100 < plain < 300
    assert every - plain <= 52  # 50 in November 2026; 82 before reservations were made at once


def test_a_price_calls_few_functions() -> None:
    price, at = Price(input="2", output="8", cache_read="0.5", web_searches="10"), 1.8e9
    plain = Usage(1000, 100, 500, source="provider")
    details = UsageDetails(
        input_audio_tokens=30, cache_read_audio_tokens=10, output_audio_tokens=5, web_searches=2, service_tier="flex"
    )
    detailed = Usage(1000, 100, 500, 20, 10, "provider", details=details)
    for usage, most in ((plain, 8), (detailed, 10)):
        cost_of(usage, price, at=at)
        assert count(lambda usage=usage: cost_of(usage, price, at=at)) <= most
