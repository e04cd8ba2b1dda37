"""Whatever comes: events, a told error or a malformed response, never anything else."""

from __future__ import annotations

import copy
import json
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.chat import ChatRequest
from ratatoskr.types.message import Message, dump_messages, load_messages
from ratatoskr.wire import chat_completions as dialect
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported

TARGET = Target("openrouter", "m", "chat_completions", flags=frozenset({"openrouter", "no_done"}))

_WORDS = """
    id object created model choices usage error x_groq citations index delta message finish_reason logprobs content
    native_finish_reason reasoning reasoning_content reasoning_details refusal tool_calls function_call annotations
    images audio executed_tools function name arguments custom input extra_content type text summary data signature
    thinking url_citation image_url url transcript cost prompt_tokens cached_tokens token logprob bytes top_logprobs
    tokens output google thought thought_signature token_logprobs search_results title
"""
WORDS = st.sampled_from(_WORDS.split())
TYPES = st.sampled_from(
    ["text", "thinking", "reasoning.text", "reasoning.encrypted", "url_citation", "image_url", "stop", "error", "{}"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | TYPES | st.just("\ud83d")
JSON = st.recursive(LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(WORDS, v, max_size=5), max_leaves=20)

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
    """What came can be kept, and sent again."""
    history = (Message("assistant", turn.parts()),)  # type: ignore[attr-defined]
    assert load_messages(dump_messages(history)) == list(history)
    msgspec.json.encode(dialect.encode_request(ChatRequest(history), TARGET, stream=False).body)


@given(JSON.map(json.dumps).map(str.encode) | st.binary(max_size=100))
@settings(max_examples=120, deadline=None)
def test_any_json_and_any_bytes(body):
    _check(body)


@given(st.dictionaries(WORDS, JSON, max_size=6))
@settings(max_examples=120, deadline=None)
def test_any_delta(delta):
    _check(json.dumps({"choices": [{"delta": delta, "message": delta, "finish_reason": "stop"}]}).encode())


def test_a_rich_chunk_is_understood():
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
def test_text_that_is_none(body):
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
