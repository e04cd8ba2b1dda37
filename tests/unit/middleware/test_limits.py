"""Limits of requests and tokens: reserved before a request, settled after it, waited for in turn."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ratatoskr.backend.stream import OpenStream
from ratatoskr.errors import ConnectionFailed, GatewayClosed, RateLimited, ServiceUnavailable, Timeout
from ratatoskr.ledger.memory import MemoryLedger
from ratatoskr.middleware.estimate import estimate_input
from ratatoskr.middleware.limits import RateLimits
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.types import ChatOptions, ChatRequest, ChatResponse, Message, Usage
from ratatoskr.types.event import ContentDelta, Done
from ratatoskr.types.limit import Limit
from ratatoskr.types.timeouts import Deadlines
from unit.middleware.virtual_time import VirtualClock, run

CLOCK = VirtualClock(1000.0)


def chat_request(max_tokens: int | None = None, text: str = "Hi") -> ChatRequest:
    return ChatRequest((Message.user(text),), options=ChatOptions("test:m", max_tokens=max_tokens))


def options(total: float | None = 600.0, *, model: str = "m", has_next: bool = False) -> CallOptions:
    return CallOptions(model, Deadlines(total=total), provider="test", attempt=1, has_next=has_next)


def answer(input_tokens: int, output_tokens: int, **fields: Any) -> ChatResponse[Any]:
    usage = Usage(input_tokens, output_tokens, source="provider")
    return ChatResponse(Message.assistant("ok"), usage, finish_reason="stop", **fields)


def counted(n: int) -> Callable[..., int]:
    return lambda request, provider, model: n


def limiter(ledger=None, count=estimate_input, **limit) -> RateLimits:
    return RateLimits([Limit("test", **limit)], ledger or MemoryLedger(), CLOCK, count)


class Upstream:
    """Answers after a while, and keeps when each request came and what it used."""

    def __init__(self, seconds: float = 0.0, usage: tuple[int, int] = (10, 10)) -> None:
        self.seconds = seconds
        self.usage = usage
        self.calls: list[CallOptions] = []
        self.times: list[float] = []

    async def ask(self, request, call):
        self.times.append(CLOCK.now() - 1000.0)
        self.calls.append(call)
        await asyncio.sleep(self.seconds)
        return answer(*self.usage)


def most_in_a_window(uses: list[tuple[float, int]], per: float) -> int:
    uses = sorted(uses)
    most, first, total = 0, 0, 0
    for time, amount in uses:
        total += amount
        while uses[first][0] <= time - per:
            total -= uses[first][1]
            first += 1
        most = max(most, total)
    return most


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("per", [2.0, 60.0])
def test_64_workers_of_random_sizes_stay_within_every_window_and_use_it(streamed, per):
    """BerriAI/litellm#5783, #17664, #41610: callers at once, big prompts and answers, streams."""
    limit, chance = 100_000, random.Random(5)
    asked: list[tuple[float, int]] = []
    answered: list[tuple[float, int]] = []

    async def use(request) -> ChatResponse[Any]:
        most = request.options.max_tokens
        size = int(request.messages[0].text), chance.randint(most // 2, most)
        asked.append((CLOCK.now(), sum(size)))
        await asyncio.sleep(chance.uniform(0.0, per / 100))
        answered.append((CLOCK.now(), sum(size)))
        return answer(*size)

    async def ask_stream(request, call):
        return OpenStream(Source([await use(request)]), [])

    async def main() -> None:
        guard = limiter(count=lambda request, *_: int(request.messages[0].text), tokens=limit, per=per)
        began = CLOCK.now()

        async def work() -> None:
            while CLOCK.now() - began < 60:
                request = chat_request(chance.randint(20, 700), str(chance.randint(20, 900)))
                try:
                    if not streamed:
                        await guard.chat(request, options(60 - (CLOCK.now() - began)), lambda r, _: use(r))
                    else:
                        stream = await guard.open_stream(request, options(60 - (CLOCK.now() - began)), ask_stream)
                        while True:
                            if any(isinstance(event, Done) for event in await stream.source.batch()):
                                break
                except RateLimited:
                    return

        await asyncio.gather(*[work() for _ in range(64)])

    run(main())
    assert most_in_a_window(asked, per) <= limit
    assert most_in_a_window(answered, per) <= limit
    assert sum(amount for _, amount in asked) >= 0.97 * limit * 60 / per


class Source:
    """A stream that gives an answer's text and then ends."""

    provider = "test"
    request_id = None

    def __init__(self, answers: list[ChatResponse[Any]], error: Exception | None = None) -> None:
        self._answer = answers[0]
        self._error = error
        self._batches = 0

    async def batch(self):
        self._batches += 1
        if self._batches == 1:
            return [ContentDelta(self._answer.text)]
        if self._error is not None:
            raise self._error
        return [Done("stop")]

    def response(self):
        return self._answer if self._batches > 1 and self._error is None else replace(self._answer, usage=Usage())

    def close(self):
        pass


def test_an_output_without_max_tokens_is_the_mean_of_the_answers_so_far():
    ledger, upstream = MemoryLedger(), Upstream(usage=(100, 300))

    async def main() -> tuple[int, ...]:
        guard = limiter(ledger, counted(100), output_tokens=10_000)
        for _ in range(5):
            await guard.chat(chat_request(), options(), upstream.ask)
        reserved = []

        async def look(request, call):
            reserved.append(await ledger.total("limit:test:*:output_tokens:60", CLOCK.now()) - 1500)
            return answer(100, 300)

        await guard.chat(chat_request(), options(), look)
        await guard.chat(chat_request(40), options(), look)
        return tuple(reserved)

    assert run(main()) == (301, 340)


def test_an_estimate_of_the_input_that_was_too_low_is_corrected():
    ledger = MemoryLedger()

    async def main() -> int:
        guard = limiter(ledger, counted(10), input_tokens=100_000)
        for _ in range(3):
            await guard.chat(chat_request(), options(), Upstream(usage=(500, 1)).ask)
        found = []

        async def look(request, call):
            found.append(await ledger.total("limit:test:*:input_tokens:60", CLOCK.now()))
            return answer(500, 1)

        await guard.chat(chat_request(), options(), look)
        return found[0]

    assert run(main()) == 1500 + 500


def test_at_95_percent_of_a_limit_calls_wait_for_their_turn_and_nobody_is_benched():
    """BerriAI/litellm#18953."""
    upstream = Upstream(usage=(95, 0))

    async def main() -> None:
        guard = limiter(count=lambda request, *_: int(request.messages[0].text), input_tokens=100)
        await guard.chat(chat_request(1, "95"), options(), upstream.ask)
        upstream.usage = (6, 0)
        await asyncio.gather(*[guard.chat(chat_request(1, "6"), options(), upstream.ask) for _ in range(3)])

    run(main())
    assert upstream.times == pytest.approx([0, 60, 60, 60], abs=1)


def test_calls_are_served_in_the_order_in_which_they_came():
    order: list[int] = []

    async def main() -> None:
        guard = limiter(requests=2)

        async def ask(request, call):
            order.append(int(request.messages[0].text))
            return answer(1, 1)

        calls = []
        for number in range(20):
            calls.append(asyncio.ensure_future(guard.chat(chat_request(text=f"{number}"), options(1000), ask)))
            await asyncio.sleep(0)
        await asyncio.gather(*calls)

    run(main())
    assert order == list(range(20))


def test_a_call_that_cannot_be_in_time_is_refused_at_once_with_the_time_at_which_it_could():
    async def main() -> list[RateLimited]:
        guard, errors = limiter(requests=1), []
        await guard.chat(chat_request(), options(), Upstream().ask)
        waiting = asyncio.ensure_future(guard.chat(chat_request(), options(100), Upstream().ask))
        await asyncio.sleep(0)
        for total in (30, 100):
            with pytest.raises(RateLimited) as caught:
                await guard.chat(chat_request(), options(total), Upstream().ask)
            errors.append(caught.value)
        assert CLOCK.now() == 1000.0
        await waiting
        return errors

    first, second = run(main())
    assert first.provider == second.provider == "ratatoskr"
    assert first.retry_after == pytest.approx(120, abs=2)
    assert second.retry_after == pytest.approx(120, abs=2)
    assert "1 requests in 60 s" in str(first)


def test_a_call_behind_others_is_refused_at_its_deadline():
    async def main() -> float:
        guard = limiter(count=counted(60), input_tokens=100)

        async def never(request, call):
            await asyncio.sleep(1e6)

        slow = [asyncio.ensure_future(guard.chat(chat_request(1), options(1e7), never)) for _ in range(1)]
        await asyncio.sleep(0)
        first = asyncio.ensure_future(guard.chat(chat_request(1), options(40), Upstream().ask))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(guard.chat(chat_request(1), options(10), Upstream().ask))
        with pytest.raises(RateLimited):
            await second
        waited = CLOCK.now() - 1000.0
        with pytest.raises(RateLimited):
            await first
        assert CLOCK.now() - 1000.0 == pytest.approx(40, abs=0.1)
        slow[0].cancel()
        return waited

    assert run(main()) == pytest.approx(10, abs=0.1)


def test_with_another_candidate_ready_a_call_waits_for_2_seconds_at_most():
    async def main() -> None:
        guard = limiter(requests=1, per=1.5)
        upstream = Upstream()
        await guard.chat(chat_request(), options(), upstream.ask)
        await guard.chat(chat_request(), options(has_next=True), upstream.ask)
        assert upstream.times[1] == pytest.approx(1.5, abs=0.1)
        slow = limiter(requests=1, per=10)
        await slow.chat(chat_request(), options(), upstream.ask)
        began = CLOCK.now()
        with pytest.raises(RateLimited, match="limit of 1 requests"):
            await slow.chat(chat_request(), options(has_next=True), upstream.ask)
        assert CLOCK.now() == began

    run(main())


def test_waiting_takes_of_the_time_of_the_attempt():
    upstream = Upstream()

    async def main() -> None:
        guard = limiter(requests=1, per=10)
        await guard.chat(chat_request(), options(), upstream.ask)
        await guard.chat(chat_request(), options(30), upstream.ask)

    run(main())
    assert [call.deadlines.total for call in upstream.calls] == [600.0, pytest.approx(20, abs=0.2)]


def test_what_is_given_back_lets_the_next_call_go_on():
    async def main() -> float:
        guard = limiter(count=counted(10), tokens=1000)
        began = CLOCK.now()
        slow = asyncio.ensure_future(guard.chat(chat_request(900), options(), Upstream(3.0, (10, 5)).ask))
        await asyncio.sleep(0)
        await guard.chat(chat_request(900), options(), Upstream().ask)
        await slow
        return CLOCK.now() - began

    assert run(main()) == pytest.approx(3.0, abs=0.1)


def test_a_cancelled_call_leaves_the_queue_and_disturbs_no_other():
    async def main() -> None:
        guard, upstream = limiter(requests=1, per=10), Upstream()
        await guard.chat(chat_request(), options(), upstream.ask)
        calls = [asyncio.ensure_future(guard.chat(chat_request(), options(), upstream.ask)) for _ in range(3)]
        await asyncio.sleep(0)
        calls[0].cancel()
        calls[1].cancel()
        await calls[2]
        assert upstream.times[1] == pytest.approx(10, abs=0.2)

    run(main())


def test_closing_ends_every_wait():
    async def main() -> None:
        guard = limiter(requests=1)
        await guard.chat(chat_request(), options(), Upstream().ask)
        calls = [asyncio.ensure_future(guard.chat(chat_request(), options(), Upstream().ask)) for _ in range(3)]
        await asyncio.sleep(1)
        guard.close()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in found] == [GatewayClosed] * 3

    run(main())


@pytest.mark.parametrize(
    ("error", "requests", "tokens"),
    [
        (ConnectionFailed(sent=False), 0, 0),
        (ServiceUnavailable(status=503), 1, 0),
        (RateLimited(status=429), 1, 0),
        (Timeout(phase="attempt"), 1, 60),
        (ConnectionFailed(sent=True), 1, 60),
        (ServiceUnavailable(status=503, partial=answer(10, 7)), 1, 17),
    ],
)
def test_a_failed_try_keeps_what_it_can_have_used(error, requests, tokens):
    ledger = MemoryLedger()

    async def main() -> list[int]:
        guard = limiter(ledger, counted(10), requests=9, tokens=900)

        async def fail(request, call):
            raise error

        with pytest.raises(type(error)):
            await guard.chat(chat_request(50), options(), fail)
        return [await ledger.total(f"limit:test:*:{name}:60", CLOCK.now()) for name in ("requests", "tokens")]

    assert run(main()) == [requests, tokens]


def test_a_stream_that_is_abandoned_counts_what_has_come():
    ledger = MemoryLedger()

    async def main() -> tuple[int, int]:
        guard = limiter(ledger, counted(10), tokens=900)
        whole = replace(answer(10, 5), message=Message.assistant("x" * 90))

        async def ask(request, call):
            return OpenStream(Source([whole]), [])

        stream = await guard.open_stream(chat_request(50), options(), ask)
        reserved = await ledger.total("limit:test:*:tokens:60", CLOCK.now())
        await stream.source.batch()
        stream.close()
        return reserved, await ledger.total("limit:test:*:tokens:60", CLOCK.now())

    assert run(main()) == (60, 10 + 30)


def test_an_input_over_the_limit_is_refused_and_an_output_that_may_be_waits_to_be_alone():
    async def main() -> None:
        guard, upstream = limiter(count=counted(10), tokens=100), Upstream(1.0)
        with pytest.raises(RateLimited, match="about 101 tokens, and the limit is 100") as caught:
            await limiter(count=counted(101), tokens=100).chat(chat_request(1), options(), upstream.ask)
        assert not caught.value.retryable
        await asyncio.gather(*[guard.chat(chat_request(5000), options(), upstream.ask) for _ in range(2)])
        assert upstream.times == pytest.approx([0, 61], abs=1)

    run(main())
