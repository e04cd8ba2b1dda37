"""Responses of Ollama, requests to it, and the codec run over them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.part import ProviderState
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ToolDefinition
from ratatoskr.wire import ollama
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.turn import TurnBuilder

TARGET = Target("ollama", "qwen3:8b", "ollama")
BASE = {"model": "qwen3:8b", "created_at": "2026-11-01T12:00:00Z"}
END = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3, "total_duration": 5}


def line(content: str = "", *, done: bool = False, **message: Any) -> dict[str, Any]:
    response = {**BASE, "message": {"role": "assistant", "content": content, **message}, "done": False}
    return {**response, **END} if done else response


def call(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"function": {"index": 0, "name": "f", "arguments": arguments}, **more}


def decode_stream(*lines: Any) -> tuple[list[Any], TurnBuilder]:
    decoder = ollama.StreamDecoder(TARGET)
    events = [event for one in lines for event in decoder.feed("", json.dumps(one).encode())]
    return events + decoder.end(), decoder.turn


def decode_body(body: Any) -> TurnBuilder:
    return ollama.decode_response(json.dumps(body).encode(), TARGET)


words = st.text(st.characters() | st.sampled_from("\ud83d\ude00\ud800"), max_size=6)

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated_responses(draw: st.DrawFn) -> bytes:
    tools = [call({"a": "\ud83d\ude00"}, id="x"), call({})]
    value = draw(
        st.sampled_from(
            [
                line("a", thinking="t", tool_calls=tools, images=["eA=="]),
                {**line("b"), "logprobs": [{"token": "b", "logprob": 1, "bytes": [1], "top_logprobs": []}]},
                line(done=True),
                {**BASE, "response": "c", "thinking": "d", "image": "eA==", **END},
                {"error": "x", "status": 500},
            ]
        )
    )
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(0, 2))):
        place = value
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and place[key] and draw(st.integers(0, 4)):
                place = place[key]
                continue
            place[key] = draw(values)
            break
    return json.dumps(value).encode()


anything = mutated_responses() | st.binary(max_size=40) | values.map(lambda v: json.dumps(v).encode())

SWITCH = ModelRules(thinking="switch", off="disabled")
SCHEMA = {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}
ADD = ToolDefinition("add", "Add.", {"type": "object", "$defs": {}})
ELSEWHERE = (ProviderState("google/generate_content/gemini-3.5-flash", b'"theirs"'),)
USER = Message.user("Hi")
PLAIN = {"model": "qwen3:8b", "truncate": False, "shift": False}


def encode(*messages: Message, rules: ModelRules = SWITCH, **fields: Any) -> Encoded:
    target = Target("ollama", "qwen3:8b", "ollama", rules, fields.pop("flags", frozenset()))
    stream = fields.pop("stream", False)
    kept = {name: fields.pop(name) for name in ("tools", "tool_choice") if name in fields}
    request = ChatRequest(messages or (USER,), options=ChatOptions(**fields), **kept)
    return ollama.encode_request(request, target, stream=stream)


def encode_body(*messages: Message, **fields: Any) -> Any:
    return json.loads(msgspec.json.encode(encode(*messages, **fields).body))


def encode_messages(*messages: Message, **fields: Any) -> Any:
    return encode_body(*messages, **fields)["messages"]
