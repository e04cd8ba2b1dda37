"""An open stream: events in batches, errors after the events before them, and the response so far."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr.errors import (
    ConnectionFailed,
    ContentFiltered,
    MalformedResponse,
    RatatoskrError,
    RateLimited,
    UnsupportedParameter,
)
from ratatoskr.providers.stream import HttpStream
from ratatoskr.types.event import ContentDelta, Done, UsageEvent
from ratatoskr.types.timeouts import Deadlines
from unit.other_tasks import OtherTask, work
from unit.providers.fakes import (
    DONE,
    KEY,
    LIMITS,
    FakeReply,
    FakeTransport,
    call_options,
    chat_request,
    chunk,
    provider_of,
    shown_locals,
)

HEADERS = {"x-request-id": "req_1", "set-cookie": "secret"}
HELLO = chunk({"role": "assistant", "content": "Hel"})
REST = chunk({"content": "lo"})
STOP = chunk({}, "stop")
FAILURE = ("", b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}')


async def open_stream(
    *batches: Any, headers: dict[str, str] = HEADERS, **options: Any
) -> tuple[HttpStream, FakeReply, FakeTransport]:
    reply = FakeReply(b"", headers=headers, batches=batches)
    transport = FakeTransport(reply)
    return await provider_of(transport).open(chat_request(**options), call_options()), reply, transport


async def fail(stream: HttpStream) -> RatatoskrError:
    with pytest.raises(RatatoskrError) as caught:
        await stream.batch()
    return caught.value


async def test_events_come_in_the_batches_of_the_reply_and_the_end_is_left_to_the_transport() -> None:
    stream, reply, transport = await open_stream([HELLO], [REST, STOP, DONE])
    assert await stream.batch() == [ContentDelta("Hel")]
    assert not reply.left
    assert await stream.batch() == [ContentDelta("lo"), Done("stop")]
    assert (reply.left, reply.closed) == (True, False)
    assert transport.body["stream"] is True


async def test_the_request_asks_for_events_and_has_no_total_deadline() -> None:
    _, _, transport = await open_stream()
    (request,) = transport.requests
    assert request.framing == "sse"
    assert request.deadlines == Deadlines(LIMITS.connect, LIMITS.first_byte, LIMITS.idle, None, "attempt")


async def test_a_dialect_of_lines_asks_for_lines() -> None:
    line = ("", b'{"model": "qwen3:8b", "message": {"role": "assistant", "content": "Hi"}, "done": false}')
    transport = FakeTransport(FakeReply(b"", batches=[[line]]))
    stream = await provider_of(transport, "ollama").open(chat_request(), call_options("qwen3:8b"))
    assert transport.requests[0].framing == "ndjson"
    assert await stream.batch() == [ContentDelta("Hi")]


async def test_batches_without_events_are_passed_over() -> None:
    stream, _, _ = await open_stream([chunk({"role": "assistant"})], [], [HELLO])
    assert await stream.batch() == [ContentDelta("Hel")]


async def test_other_tasks_run_between_batches_without_meaning() -> None:
    class Slow(list[Any]):
        """A batch that takes longer to decode than a task may hold the event loop."""

        def __iter__(self) -> Any:
            work()
            return super().__iter__()

    role = chunk({"role": "assistant"})
    stream, _, _ = await open_stream(*(Slow([role]) for _ in range(10)), [HELLO])
    async with OtherTask() as other:
        assert await stream.batch() == [ContentDelta("Hel")]
    assert other.runs >= 9


async def test_a_batch_of_very_many_events_is_decoded_in_parts() -> None:
    role = chunk({"role": "assistant"})
    stream, reply, _ = await open_stream([role] * 1000 + [REST] * 300, [STOP, DONE])
    parts = []
    while reply.batches:
        parts.append(await stream.batch())
    assert [event for part in parts for event in part] == [ContentDelta("lo")] * 300 + [Done("stop")]
    assert max(map(len, parts)) <= 256
    assert stream.response().content == "lo" * 300


async def test_an_error_in_a_later_part_of_a_batch_comes_after_the_events_before_it() -> None:
    stream, reply, _ = await open_stream([REST] * 300 + [FAILURE] + [REST] * 300)
    assert [len(await stream.batch()) for _ in range(2)] == [256, 44]
    assert isinstance(await fail(stream), RateLimited)
    assert isinstance(await fail(stream), RateLimited)
    assert reply.closed


async def test_the_response_has_what_has_arrived() -> None:
    stream, _, _ = await open_stream([HELLO], [REST, STOP, DONE])
    await stream.batch()
    response = stream.response()
    assert (response.content, response.finish_reason) == ("Hel", "unknown")
    await stream.batch()
    response = stream.response()
    assert (response.content, response.finish_reason, response.native_finish_reason) == ("Hello", "stop", "stop")
    assert (response.provider, response.model, response.request_id) == ("openai", "gpt-4o-mini-2024-07-18", "req_1")
    assert response.raw is not None
    assert (response.raw.status, response.raw.headers, response.raw.body) == (200, {"x-request-id": "req_1"}, None)


async def test_usage_comes_before_the_end() -> None:
    usage = ("", b'{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}')
    stream, _, _ = await open_stream([HELLO, STOP, usage, DONE])
    events = await stream.batch()
    assert [type(event) for event in events] == [ContentDelta, UsageEvent, Done]
    assert stream.response().usage.total_tokens == 12


async def test_model_and_request_id_come_from_the_events_where_no_header_has_them() -> None:
    stream, _, _ = await open_stream([HELLO], headers={})
    assert (stream.provider, stream.model, stream.request_id) == ("openai", "gpt-4o-mini", None)
    await stream.batch()
    assert (stream.model, stream.request_id) == ("gpt-4o-mini-2024-07-18", "chatcmpl-1")


async def test_notices_of_the_request_are_in_the_response() -> None:
    reply = FakeReply(b"", batches=[[HELLO]])
    request = chat_request(top_k=3)
    stream = await provider_of(FakeTransport(reply)).open(request, call_options(policy="drop"))
    assert [(notice.code, notice.field) for notice in stream.response().warnings] == [("parameter_dropped", "top_k")]


# Errors


async def test_an_error_behind_events_comes_with_the_next_call() -> None:
    stream, reply, _ = await open_stream([HELLO, FAILURE])
    assert await stream.batch() == [ContentDelta("Hel")]
    assert reply.closed
    error = await fail(stream)
    assert isinstance(error, RateLimited)
    assert (error.provider, error.model, error.request_id) == ("openai", "gpt-4o-mini", "req_1")
    assert await fail(stream) is error


async def test_an_error_without_events_before_it_comes_at_once() -> None:
    stream, reply, _ = await open_stream([FAILURE])
    assert isinstance(await fail(stream), RateLimited)
    assert reply.closed


async def test_a_malformed_event_ends_the_stream_behind_the_events_before_it() -> None:
    stream, reply, _ = await open_stream([HELLO, ("", b"not JSON"), REST])
    assert await stream.batch() == [ContentDelta("Hel")]
    error = await fail(stream)
    assert isinstance(error, MalformedResponse)
    assert (error.provider, error.model, error.request_id) == ("openai", "gpt-4o-mini", "req_1")
    assert reply.closed


async def test_an_end_before_the_end_of_the_answer_is_malformed() -> None:
    stream, _, _ = await open_stream([HELLO], None)
    await stream.batch()
    assert "ended before its end" in (await fail(stream)).message


async def test_an_error_of_the_transport_gets_its_context_and_is_raised_again() -> None:
    stream, _, _ = await open_stream([HELLO], ConnectionFailed("reset", phase="body"))
    await stream.batch()
    error = await fail(stream)
    assert isinstance(error, ConnectionFailed)
    assert (error.provider, error.model, error.request_id) == ("openai", "gpt-4o-mini", "req_1")
    assert await fail(stream) is error


async def test_a_stream_that_was_filtered_before_any_output_is_an_error_with_its_tokens() -> None:
    usage = ("", b'{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 0}}')
    stream, reply, _ = await open_stream([chunk({}, "content_filter"), usage, DONE])
    error = await fail(stream)
    assert isinstance(error, ContentFiltered)
    assert (error.provider, error.provider_code, error.request_id) == ("openai", "content_filter", "chatcmpl-1")
    assert error.partial is not None
    assert (error.partial.usage.prompt_tokens, error.partial.raw) == (9, None)
    assert reply.closed


async def test_a_stream_that_was_filtered_after_some_output_ends_as_usual() -> None:
    stream, _, _ = await open_stream([HELLO, chunk({}, "content_filter"), DONE])
    assert await stream.batch() == [ContentDelta("Hel"), Done("content_filter")]


async def test_closing_closes_the_reply() -> None:
    stream, reply, _ = await open_stream([HELLO])
    stream.close()
    stream.close()
    assert reply.closed


async def test_a_traceback_with_locals_shows_no_key() -> None:
    stream, _, _ = await open_stream(ConnectionFailed("reset", phase="body"))
    assert KEY not in shown_locals(await fail(stream))


# A 2xx that is not a stream


async def open_unstreamed(body: Any, content_type: str = "application/json") -> RatatoskrError:
    reply = FakeReply(body, headers={"content-type": content_type, "x-request-id": "req_1"})
    with pytest.raises(RatatoskrError) as caught:
        await provider_of(FakeTransport(reply)).open(chat_request(), call_options())
    return caught.value


@pytest.mark.parametrize("as_list", [False, True])
async def test_an_error_in_plain_json_is_that_error(as_list: bool) -> None:
    body: Any = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    error = await open_unstreamed(b"[%s]" % FakeReply(body).body if as_list else body)
    assert isinstance(error, RateLimited)
    assert (error.provider, error.model, error.request_id) == ("openai", "gpt-4o-mini", "req_1")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b'{"error": null}', b"[" * 100_000])
async def test_anything_else_is_malformed_and_names_the_content_type(body: bytes) -> None:
    error = await open_unstreamed(body, "text/html")
    assert isinstance(error, MalformedResponse)
    assert "'text/html'" in error.message
    assert (error.status, error.provider, error.request_id) == (200, "openai", "req_1")


async def test_what_cannot_be_sent_is_refused_before_sending() -> None:
    transport = FakeTransport()
    with pytest.raises(UnsupportedParameter):
        await provider_of(transport).open(chat_request(top_k=3), call_options())
    assert transport.requests == []
