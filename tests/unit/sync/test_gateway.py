"""The blocking face: the same names and signatures as the gateway, from any thread but its own loop's."""

from __future__ import annotations

import asyncio
import gc
import inspect
import re
import threading
import typing
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ratatoskr import (
    ChatOptions,
    ChatRequest,
    ChatStream,
    ContentDelta,
    Done,
    EmbeddedGateway,
    GatewayClosed,
    InvalidInput,
    Message,
    Ratatoskr,
    RateLimited,
    SyncChatStream,
    SyncGateway,
    ToolCall,
)
from ratatoskr.sync.loop_thread import _PendingCall
from ratatoskr.testing import ScriptedGateway, ScriptedTurn, ScriptedUpstream, fault
from ratatoskr.testing.thread import ThreadedUpstream

GPT = "openai:gpt-4.1"
PATIENCE = 20.0


@pytest.fixture
def upstream() -> Iterator[ThreadedUpstream]:
    with ScriptedUpstream.in_thread() as upstream:
        yield upstream


@pytest.fixture
def gateway(upstream: ThreadedUpstream) -> Iterator[EmbeddedGateway]:
    gateway = Ratatoskr.builder().openai("sk-x", base_url=upstream.base_url("openai")).retries(0).build()
    yield gateway
    gateway.sync().close()


@pytest.fixture
def blocking(gateway: EmbeddedGateway) -> SyncGateway:
    return gateway.sync()


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work` in threads and raise what any of them raised."""
    raised: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not [thread for thread in threads if thread.is_alive()]
    if raised:
        raise raised[0]


# the same names and signatures

ONE_SIDED = {"aclose", "close", "sync", "backend", "stop"}
"""What one of the two has alone: the ends and the way across."""
RESULTS = {"ChatStream": "SyncChatStream", "ToolStream": "SyncToolStream", "AsyncIterator": "Iterator"}


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


SHARED = sorted(public(EmbeddedGateway) - ONE_SIDED)


def test_every_method_is_there_on_both_sides() -> None:
    assert public(SyncGateway) - ONE_SIDED == set(SHARED)
    assert {"collect", "text", "provider", "model", "request_id", "response", "partial", "close"} <= public(
        SyncChatStream
    ) & public(ChatStream)


def shape(function: Any) -> tuple[list[inspect.Parameter], str]:
    """Return the parameters and what comes back, said as for the blocking face."""
    signature = inspect.signature(function)
    result = re.sub(
        r"\b(ChatStream|ToolStream|AsyncIterator)\b", lambda name: RESULTS[name[0]], str(signature.return_annotation)
    )
    return [parameter for name, parameter in signature.parameters.items() if name != "self"], result


@pytest.mark.parametrize("name", SHARED)
def test_signatures_are_the_same(name: str) -> None:
    theirs, ours = getattr(EmbeddedGateway, name), getattr(SyncGateway, name)
    assert shape(theirs) == shape(ours)
    assert not inspect.iscoroutinefunction(ours)
    assert [shape(one) for one in typing.get_overloads(theirs)] == [shape(one) for one in typing.get_overloads(ours)]


@pytest.mark.parametrize("name", SHARED)
def test_both_say_in_the_same_words_what_they_do(name: str) -> None:
    docs = [inspect.getdoc(getattr(cls, name)) or "" for cls in (EmbeddedGateway, SyncGateway)]
    first, second = (doc.partition("\n")[0] for doc in docs)
    assert first.endswith(".")
    assert first == second


# where it may be called


def test_many_threads_share_one(blocking: SyncGateway) -> None:
    answers: list[str] = []
    before = [t.name for t in threading.enumerate()].count("ratatoskr-sync")  # of gateways that nothing has closed

    def work(number: int) -> None:
        for turn in range(5):
            prompt = f"word {number}-{turn}."
            assert blocking.chat(prompt, GPT).content.endswith(prompt)
            with blocking.chat_stream(prompt, GPT) as stream:
                answers.append("".join(stream.text()))
            assert answers

    in_threads(8, work)
    assert len(answers) == 40
    assert [t.name for t in threading.enumerate()].count("ratatoskr-sync") == before + 1


async def test_it_works_inside_a_running_loop_as_in_a_notebook(blocking: SyncGateway) -> None:
    assert blocking.chat("Hi", GPT).content.endswith("Hi")
    assert blocking.chat_stream("Hi", GPT).collect().content.endswith("Hi")


async def test_it_does_not_block_the_loops_of_others(gateway: EmbeddedGateway, blocking: SyncGateway) -> None:
    answers = await asyncio.gather(
        gateway.chat("one", GPT), asyncio.to_thread(blocking.chat, "two", GPT), gateway.chat("three", GPT)
    )
    assert [answer.content[-3:] for answer in answers] == ["one", "two", "ree"]


def test_on_its_own_loop_it_refuses_instead_of_waiting_for_ever() -> None:
    told: list[str] = []

    def turn(_: ChatRequest) -> str:
        assert threading.current_thread().name == "ratatoskr-sync"
        for call in (blocking.chat, blocking.chat_stream, blocking.health):
            with pytest.raises(RuntimeError, match="would never return: await it there") as caught:
                call(*(() if call == blocking.health else ("Hi",)))  # type: ignore[operator]  # three shapes
            told.append(str(caught.value))
        return "answered"

    blocking = ScriptedGateway(turn, "after").sync()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert blocking.chat("Hi").content == "answered"
        gc.collect()
    assert len(told) == 3
    assert blocking.chat("Hi").content == "after"
    blocking.close()


async def test_a_call_that_is_interrupted_before_its_first_step_ends_without_a_word() -> None:
    async def never() -> None:
        raise AssertionError("it was cancelled before")

    running: set[Any] = set()
    call = _PendingCall(never(), running)
    call.start()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        call.outcome()
    assert not running
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()
        await asyncio.sleep(0)


# the end


def test_closing_either_closes_both(upstream: ThreadedUpstream) -> None:
    for close in ("blocking", "gateway", "block", "from its own loop"):
        gateway = Ratatoskr.builder().openai("sk-x", base_url=upstream.base_url("openai")).build()
        blocking = gateway.sync()
        assert blocking.chat("Hi", GPT).content
        stream = blocking.chat_stream("Hi", GPT)
        if close == "blocking":
            blocking.close()
        elif close == "gateway":
            asyncio.run(gateway.aclose())
        elif close == "block":
            with blocking:
                pass
        else:
            blocking._thread.post(lambda gateway=gateway: asyncio.ensure_future(gateway.aclose()))
            thread = blocking._thread._thread
            assert thread is not None
            thread.join(PATIENCE)
            assert not thread.is_alive()
        for call in (
            lambda blocking=blocking: blocking.chat("Hi", GPT),
            lambda blocking=blocking: blocking.chat_stream("Hi", GPT),
            lambda blocking=blocking: list(blocking.chat_many([])),
            lambda gateway=gateway: asyncio.run(gateway.chat("Hi", GPT)),
        ):
            with pytest.raises(GatewayClosed):
                call()
        stream.close()
        blocking.close()
        gateway.sync().close()


def test_what_is_under_way_ends_with_it_and_keeps_what_came(upstream: ThreadedUpstream) -> None:
    gateway = Ratatoskr.builder().openai("sk-x", base_url=upstream.base_url("openai")).build()
    blocking = gateway.sync()
    upstream.use([ScriptedTurn("one two three", deltas=3, gated=True), ScriptedTurn("never", delay=60)])
    upstream.release(2)
    stream = blocking.chat_stream("Hi", GPT)
    assert isinstance(next(stream), ContentDelta)
    ended: list[BaseException] = []

    def work(number: int) -> None:
        with pytest.raises(GatewayClosed) as caught:
            _ = list(stream) if number == 0 else blocking.chat("Hi", GPT)
        ended.append(caught.value)

    closer = threading.Thread(target=lambda: (upstream.until(lambda: upstream.count == 2), blocking.close()))
    closer.start()
    in_threads(2, work)
    closer.join(PATIENCE)
    assert len(ended) == 2
    partial = next(e.partial for e in ended if isinstance(e, GatewayClosed) and e.partial is not None)
    assert "one two three".startswith(partial.content)
    assert partial.content


def test_a_stream_that_is_read_on_after_the_end_of_its_gateway_keeps_what_came(upstream: ThreadedUpstream) -> None:
    gateway = Ratatoskr.builder().openai("sk-x", base_url=upstream.base_url("openai")).build()
    blocking = gateway.sync()
    upstream.use(ScriptedTurn("one two three", deltas=3, gated=True))
    upstream.release(2)
    stream = blocking.chat_stream("Hi", GPT)
    assert isinstance(next(stream), ContentDelta)
    blocking.close()
    with pytest.raises(GatewayClosed) as caught:
        list(stream)
    assert caught.value.partial is not None
    assert caught.value.partial.content.startswith("one")
    assert caught.value.partial.raw is None


# streams


def test_a_stream_is_opened_by_the_call_itself(upstream: ThreadedUpstream, blocking: SyncGateway) -> None:
    upstream.use([fault("rate_limited_seconds"), ScriptedTurn("a b c", deltas=3)])
    with pytest.raises(RateLimited):
        blocking.chat_stream("Hi", GPT)
    stream = blocking.chat_stream("Hi", GPT)
    assert (stream.provider, stream.model) == ("openai", "gpt-4.1")
    events = list(stream)
    assert events[-1] == Done("stop")
    assert stream.response.content == "a b c"
    assert list(stream) == []


def test_a_stream_may_be_closed_from_another_thread(upstream: ThreadedUpstream, blocking: SyncGateway) -> None:
    upstream.use(ScriptedTurn("one two three", deltas=3, gated=True))
    upstream.release(2)
    stream = blocking.chat_stream("Hi", GPT)
    assert isinstance(next(stream), ContentDelta)
    threading.Thread(target=stream.close).start()
    upstream.until(lambda: upstream.open_connections == 0)
    assert list(stream) == []
    assert stream.partial.content.startswith("one")
    with pytest.raises(RuntimeError, match="Done"):
        _ = stream.response


def test_a_reader_that_waits_is_let_go_when_its_stream_is_closed(
    upstream: ThreadedUpstream, blocking: SyncGateway
) -> None:
    upstream.use(ScriptedTurn("one two three", deltas=3, gated=True))
    upstream.release(2)
    stream = blocking.chat_stream("Hi", GPT)
    read: list[Any] = []
    waiting = threading.Event()

    def reading() -> None:
        read.append(next(stream))
        waiting.set()
        read.extend(stream)

    reader = threading.Thread(target=reading, daemon=True)
    reader.start()
    assert waiting.wait(PATIENCE)
    stream.close()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert isinstance(read[0], ContentDelta)
    assert not any(isinstance(event, Done) for event in read)
    upstream.until(lambda: upstream.open_connections == 0)


def test_a_stream_that_is_dropped_closes_upstream_and_says_so(
    upstream: ThreadedUpstream, blocking: SyncGateway
) -> None:
    upstream.use(ScriptedTurn("one two three", deltas=3, gated=True))
    upstream.release(2)
    held = [blocking.chat_stream("Hi", GPT)]
    with pytest.warns(ResourceWarning, match="dropped before its end"):
        held.clear()
    upstream.until(lambda: upstream.open_connections == 0)


# the rest of the face


def test_many_are_answered_as_they_finish_and_leaving_cancels(
    upstream: ThreadedUpstream, blocking: SyncGateway
) -> None:
    requests = [ChatRequest((Message.user(f"{n}."),), options=ChatOptions(model=GPT)) for n in range(20)]
    outcomes = dict(blocking.chat_many(requests, concurrency=4))
    assert sorted(outcomes) == list(range(20))
    upstream.use([ScriptedTurn("quick"), *(ScriptedTurn("slow", delay=60) for _ in range(3))])
    for _, outcome in blocking.chat_many(requests, concurrency=4):
        assert getattr(outcome, "content", None) == "quick"
        break
    upstream.until(lambda: upstream.open_connections <= 1)
    with pytest.raises(InvalidInput, match="concurrency"):
        list(blocking.chat_many(requests, concurrency=0))


def test_tools_run_beside_the_loop_not_on_it() -> None:
    ran_in: list[str] = []

    def where(place: str) -> str:
        """Tell where it runs."""
        ran_in.append(threading.current_thread().name)
        return place

    gateway = ScriptedGateway(ToolCall("1", "where", '{"place": "Oslo"}'), "done")
    with gateway.sync() as blocking:
        response, messages = blocking.run_tools("Go.", "m", tools=[where])
    assert response.content == "done"
    assert [message.role for message in messages] == ["assistant", "tool", "assistant"]
    assert ran_in
    assert ran_in != ["ratatoskr-sync"]
