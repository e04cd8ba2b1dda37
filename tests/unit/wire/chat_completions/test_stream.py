"""Streams: how they end, what is ignored, what is an error; no bytes break the decoders."""

from __future__ import annotations

import copy
import json
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.providers.specs import SPECS
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.event import ContentDelta, Done
from ratatoskr.types.message import Message, dump_messages, load_messages
from ratatoskr.wire import chat_completions as dialect
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported

TARGET = Target("openrouter", "m", "chat_completions", flags=frozenset({"openrouter", "no_done"}))

_NAMES = """
    id object created model choices usage error x_groq citations index delta message finish_reason logprobs content
    native_finish_reason reasoning reasoning_content reasoning_details refusal tool_calls function_call annotations
    images audio executed_tools function name arguments custom input extra_content type text summary data signature
    thinking url_citation image_url url transcript cost prompt_tokens cached_tokens token logprob bytes top_logprobs
    tokens output google thought thought_signature token_logprobs search_results title
"""

NAMES = st.sampled_from(_NAMES.split())

TYPES = st.sampled_from(
    ["text", "thinking", "reasoning.text", "reasoning.encrypted", "url_citation", "image_url", "stop", "error", "{}"]
)

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | TYPES | st.just("\ud83d")

JSON = st.recursive(LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(NAMES, v, max_size=5), max_leaves=20)

CALL = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a"'}, "extra_content": {"g": [1.5]}}

RICH = {
    "content": [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}],
    "reasoning": "h",
    "reasoning_details": [{"type": "reasoning.text", "text": "h\ud83d", "index": 0, "id": None, "signature": "s"}],
    "refusal": "no",
    "tool_calls": [CALL, {**CALL, "id": "d"}, {"index": 1, "custom": {"name": "g", "input": "i"}}],
    "function_call": {"name": "f", "arguments": {"a": 1}},
    "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "start_index": 1}}, {"type": "file"}],
    "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
    "audio": {"id": "a", "data": "AAAA", "transcript": "t"},
    "executed_tools": [{"index": 0, "type": "x", "arguments": "{}", "output": "o"}],
    "extra_content": {"google": {"thought_signature": "s"}},
}

USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "cost": 0.1, "prompt_tokens_details": {"cached_tokens": 1}}

LOGPROBS = {"content": [{"token": "a", "logprob": -1, "bytes": [1], "top_logprobs": [{"token": "b", "logprob": None}]}]}

CHOICE = {"index": 0, "finish_reason": "stop", "native_finish_reason": "x", "logprobs": LOGPROBS}

CHUNK = {"id": "i", "created": 1, "model": "m", "choices": [{**CHOICE, "delta": RICH, "message": RICH}], "usage": USAGE}


def _check(body: bytes) -> None:
    try:
        turn = dialect.decode_response(body, TARGET)
    except (FailureReported, MalformedResponse):
        pass
    else:
        _send_back(turn)
    decoder = dialect.StreamDecoder(TARGET)
    try:
        for data in (body, body, b"[DONE]"):
            decoder.feed("", data)
        decoder.end()
    except (FailureReported, MalformedResponse):
        pass
    _send_back(decoder.turn)


def _send_back(turn: object) -> None:
    """Check that the turn can be stored and sent back."""
    history = (Message("assistant", turn.parts()), Message.user("And?"))  # type: ignore[attr-defined]
    assert load_messages(dump_messages(history)) == list(history)
    msgspec.json.encode(dialect.encode_request(ChatRequest(history), TARGET, stream=False).body)


@given(JSON.map(json.dumps).map(str.encode) | st.binary(max_size=100))
@settings(max_examples=120, deadline=None)
def test_any_json_and_any_bytes(body):
    _check(body)


@given(st.dictionaries(NAMES, JSON, max_size=6))
@settings(max_examples=120, deadline=None)
def test_any_delta(delta):
    _check(json.dumps({"choices": [{"delta": delta, "message": delta, "finish_reason": "stop"}]}).encode())


def test_a_chunk_with_every_member():
    turn = dialect.decode_response(json.dumps(CHUNK).encode(), TARGET)
    assert [part.type for part in turn.parts()] == [
        "reasoning_part",
        "server_tool_call",
        "server_tool_result",
        "text_part",
        "reasoning_part",
        "text_part",
        *["tool_call"] * 4,
        "provider_part",
        "image_part",
        "text_part",
        "audio_part",
    ]
    assert turn.parts()[3].citations
    _check(json.dumps(CHUNK).encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[{"message":{"annotations":[{"type":"\xff"}]},"finish_reason":"stop"}]}',
        rb'{"created":"\ud83d","choices":[{"message":{"tool_calls":[{"function":{"name":"\ud83d"}}]}}]}',
        b'{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":{"\xff":1}}}]}}]}',
        b'{"choices":[{"message":{"reasoning_details":[{"index":0,"n":1e999}]}}]}',
        b'{"choices":[{"message":{"annotations":[{"type":["url_citation"]}]},"finish_reason":"stop"}]}',
    ],
)
def test_data_that_is_not_an_object(body):
    _check(body)


@given(st.randoms(use_true_random=False), JSON)
@settings(max_examples=120, deadline=None)
def test_mutated_chunks(chance: random.Random, value):
    tree = json.loads(json.dumps(CHUNK))
    for _ in range(chance.randint(1, 3)):
        _mutate(tree, chance, value)
    body = json.dumps(tree).encode()
    if chance.random() < 0.3:
        at = chance.randrange(len(body))
        body = body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
    _check(body)


def _mutate(node, chance, value):
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(node[key], (dict, list)) and node[key] and chance.random() < 0.8:
            node = node[key]
            continue
        if chance.random() < 0.2:
            del node[key]
        else:
            node[key] = copy.deepcopy(value)
        return


def test_everything_after_done_is_ignored(wire):
    decoder = dialect.StreamDecoder(wire.target)
    events = decoder.feed("", wire.chunk({"content": "Hi"}, "stop")) + decoder.feed("", b"[DONE]")
    assert events[-1] == Done("stop")
    for late in (b"[DONE]", wire.chunk({"content": "x"}), b"garbage", b'{"error":"x"}'):
        assert decoder.feed("", late) == []
    assert decoder.end() == []


def test_without_done_a_stream_is_incomplete(wire):
    events, turn = wire.stream(wire.chunk({"content": "Hi"}, "stop"), done=False)
    assert events == [ContentDelta("Hi")]
    assert not turn.done


def test_no_done_flag_a_finish_reason_and_the_end_of_the_body_are_enough(wire):
    wire.at("no_done")
    events, turn = wire.stream(wire.chunk({"content": "Hi"}, "stop"), done=False)
    assert events == [ContentDelta("Hi"), Done("stop")]
    assert turn.done
    _, turn = wire.stream(wire.chunk({"content": "Hi"}), done=False)
    assert not turn.done


def test_usage_or_done_flag_a_stream_without_done_must_have_usage(wire):
    """Some hosts behind the router of HuggingFace send no `[DONE]`; others send usage directly before it."""
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


def test_a_message_in_place_of_a_delta_is_read_once(wire):
    def chunk(content, finish=None):
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
        return json.dumps({"id": "r", "model": "m", "choices": [choice]}).encode()

    events, turn = wire.stream(chunk("Hello", "stop"))
    assert events == [ContentDelta("Hello"), Done("stop")]
    _, turn = wire.stream({"content": "Hello"}, chunk("Hello", "stop"))
    assert [part.text for part in turn.parts()] == ["Hello"]


def test_objects_without_choices_are_ignored(wire):
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
def test_errors_in_a_stream_are_raised(wire, name, data):
    decoder = dialect.StreamDecoder(wire.target)
    assert decoder.feed("", wire.chunk({"content": "Hi"})) == [ContentDelta("Hi")]
    with pytest.raises(FailureReported) as caught:
        decoder.feed(name, data)
    assert caught.value.failure.message == "Overloaded"
    assert not decoder.turn.done


def test_text_in_a_chunk_with_an_error_is_kept(wire):
    decoder = dialect.StreamDecoder(wire.target)
    with pytest.raises(FailureReported):
        decoder.feed("", wire.chunk({"content": "Hi"}, "error", error={"code": 502, "message": "x"}))
    assert decoder.turn.take() == [ContentDelta("Hi")]


@pytest.mark.parametrize(
    "data", [b"{", b"[1]", b'"x"', b'{"choices":{}}', b'{"choices":[{"delta":"x"}]}', b"[DONE", b"\xff"]
)
def test_other_objects_are_malformed(wire, data):
    with pytest.raises(MalformedResponse):
        dialect.StreamDecoder(wire.target).feed("", data)


def test_json_deeper_than_the_limit_is_malformed(wire):
    deep = b'{"choices":' + b"[" * 70 + b"]" * 70 + b"}"
    with pytest.raises(MalformedResponse, match="deeper"):
        dialect.StreamDecoder(wire.target).feed("", deep)


def test_a_surrogate_pair_split_between_two_deltas_is_joined(wire):
    events, turn = wire.stream(
        rb'{"choices":[{"delta":{"content":"a\ud83d"}}]}',
        rb'{"choices":[{"delta":{"content":"\ude00"}}]}',
        rb'{"choices":[{"delta":{"content":"\ud83d"},"finish_reason":"stop"}]}',
    )
    assert turn.parts()[0].text == "a😀\ufffd"
    assert "".join(e.text for e in events if isinstance(e, ContentDelta)) == "a😀\ufffd"
