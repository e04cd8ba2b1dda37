"""Streams: how they end, what is passed over, what is an error."""

from __future__ import annotations

import json

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.event import ContentDelta, Done
from ratatoskr.wire import chat_completions as dialect
from ratatoskr.wire.failure import FailureReported


def test_done_comes_once_and_everything_after_it_is_ignored(wire):
    decoder = dialect.StreamDecoder(wire.target)
    events = decoder.feed("", wire.chunk({"content": "Hi"}, "stop")) + decoder.feed("", b"[DONE]")
    assert events[-1] == Done("stop")
    for late in (b"[DONE]", wire.chunk({"content": "x"}), b"garbage", b'{"error":"x"}'):
        assert decoder.feed("", late) == []
    assert decoder.end() == []


def test_without_done_a_stream_is_not_whole(wire):
    events, turn = wire.stream(wire.chunk({"content": "Hi"}, "stop"), done=False)
    assert events == [ContentDelta("Hi")]
    assert not turn.done


def test_hosts_that_send_no_done_are_whole_with_a_finish_reason_and_the_end_of_the_body(wire):
    wire.at("no_done")
    events, turn = wire.stream(wire.chunk({"content": "Hi"}, "stop"), done=False)
    assert events == [ContentDelta("Hi"), Done("stop")]
    assert turn.done
    _, turn = wire.stream(wire.chunk({"content": "Hi"}), done=False)
    assert not turn.done


def test_behind_huggingface_a_stream_without_done_is_whole_once_its_usage_is_told(wire):
    """Some of the hosts behind its router send no `[DONE]`; others send the usage just before it."""
    wire.at(*SPECS["huggingface"].flags)
    last = wire.chunk({}, "stop")
    _, turn = wire.stream(wire.chunk({"content": "Hi"}), last, done=False)
    assert not turn.done
    counted = json.dumps({**json.loads(last), "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
    _, turn = wire.stream(wire.chunk({"content": "Hi"}), counted, done=False)
    assert turn.done


def test_done_without_a_finish_reason_is_malformed(wire):
    with pytest.raises(MalformedResponse):
        wire.stream(wire.chunk({"content": "Hi"}))


def test_a_whole_message_where_a_delta_should_be_is_taken_once(wire):
    def chunk(content, finish=None):
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
        return json.dumps({"id": "r", "model": "m", "choices": [choice]}).encode()

    events, turn = wire.stream(chunk("Hello", "stop"))
    assert events == [ContentDelta("Hello"), Done("stop")]
    _, turn = wire.stream({"content": "Hello"}, chunk("Hello", "stop"))
    assert [part.text for part in turn.parts()] == ["Hello"]


def test_what_has_no_choices_is_passed_over(wire):
    events, _ = wire.stream(
        b'{"object":"chat.completion.novelty","novelty":{"delta":"x"}}',
        b'{"choices":[],"prompt_filter_results":[{"prompt_index":0}],"model":""}',
        b"",
        b'{"choices":null}',
        wire.chunk({"content": "Hi", "unknown": {"a": 1}}, obfuscation="xx"),
        wire.chunk({}, "stop"),
    )
    assert events == [ContentDelta("Hi"), Done("stop")]


ERRORS = [
    ("", b'{"error":{"message":"Overloaded","type":"server_error","code":"overloaded"}}'),
    ("", b'{"choices":[],"error":{"code":502,"message":"Overloaded","metadata":{"error_type":"provider_overloaded"}}}'),
    ("", b'{"choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"Overloaded"}}'),
    ("", b'{"choices":[{"delta":{},"error":{"code":502,"message":"Overloaded"},"finish_reason":"error"}]}'),
    ("error", b'{"message":"Overloaded"}'),
    ("", b'{"error":"Overloaded"}'),
    ("", b'{"object":"error","message":"Overloaded","code":503}'),
    ("", b'{"choices":[],"x_groq":{"error":"Overloaded"}}'),
]


@pytest.mark.parametrize(("name", "data"), ERRORS)
def test_errors_inside_a_stream_are_told(wire, name, data):
    decoder = dialect.StreamDecoder(wire.target)
    assert decoder.feed("", wire.chunk({"content": "Hi"})) == [ContentDelta("Hi")]
    with pytest.raises(FailureReported) as caught:
        decoder.feed(name, data)
    assert caught.value.failure.message == "Overloaded"
    assert not decoder.turn.done


def test_text_in_the_chunk_of_an_error_is_not_lost(wire):
    decoder = dialect.StreamDecoder(wire.target)
    with pytest.raises(FailureReported):
        decoder.feed("", wire.chunk({"content": "Hi"}, "error", error={"code": 502, "message": "x"}))
    assert decoder.turn.take() == [ContentDelta("Hi")]


@pytest.mark.parametrize(
    "data", [b"{", b"[1]", b'"x"', b'{"choices":{}}', b'{"choices":[{"delta":"x"}]}', b"[DONE", b"\xff"]
)
def test_what_is_not_of_the_dialect_is_malformed(wire, data):
    with pytest.raises(MalformedResponse):
        dialect.StreamDecoder(wire.target).feed("", data)


def test_json_deeper_than_the_limit_is_malformed(wire):
    deep = b'{"choices":' + b"[" * 70 + b"]" * 70 + b"}"
    with pytest.raises(MalformedResponse, match="deeper"):
        dialect.StreamDecoder(wire.target).feed("", deep)


def test_halves_of_a_surrogate_pair_in_two_deltas_are_joined(wire):
    events, turn = wire.stream(
        rb'{"choices":[{"delta":{"content":"a\ud83d"}}]}',
        rb'{"choices":[{"delta":{"content":"\ude00"}}]}',
        rb'{"choices":[{"delta":{"content":"\ud83d"},"finish_reason":"stop"}]}',
    )
    assert turn.parts()[0].text == "a😀\ufffd"
    assert "".join(e.text for e in events if isinstance(e, ContentDelta)) == "a😀\ufffd"
