"""Requests to Anthropic Messages, and values for property tests of its decoders."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ToolDefinition
from ratatoskr.wire.anthropic import encode_request
from ratatoskr.wire.dialect import Encoded, Target

TARGET = Target("anthropic", "m", "messages")
leaves = st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats(allow_nan=False) | st.text(max_size=8)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
block_types = st.sampled_from(
    ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use", "x_tool_result", "odd"]
)
block_values = st.fixed_dictionaries(
    {"type": block_types | json_values},
    optional={
        name: st.text(max_size=5) | json_values
        for name in (
            "text",
            "thinking",
            "signature",
            "id",
            "name",
            "input",
            "content",
            "tool_use_id",
            "citations",
            "data",
        )
    },
)
delta_values = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta", "odd_delta"]
        )
        | json_values
    },
    optional={
        name: st.text(max_size=5) | json_values
        for name in (
            "text",
            "thinking",
            "signature",
            "partial_json",
            "citation",
            "stop_reason",
            "stop_details",
            "container",
        )
    },
)
event_values = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
                "error",
                "odd",
            ]
        )
    },
    optional={
        "index": st.integers(0, 2),
        "content_block": block_values,
        "delta": delta_values,
        "usage": json_values,
        "message": st.fixed_dictionaries(
            {}, optional={"id": json_values, "content": st.lists(block_values, max_size=2), "usage": json_values}
        ),
        "error": json_values,
    },
)


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()  # lone surrogates stay as escapes, as providers send them


SCHEMA = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/City"}, "deep": {"anyOf": [{"const": 1}, {"not": {}}]}},
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"City": {"type": "string", "x-odd": [None, 1.50]}},
}
CLOSED = {**SCHEMA, "properties": {"city": {"$ref": "#/$defs/City"}}, "$defs": {"City": {"type": "string"}}}
WEATHER = ToolDefinition("weather", "Tells the weather.", SCHEMA)
NOW = ToolDefinition("now", "", {"type": "object", "properties": {}})


def make_target(model: str = "claude-x", **rules: Any) -> Target:
    return Target("anthropic", model, "messages", ModelRules(**rules))


def encode(target: Target | None = None, *messages: Message, stream: bool = False, **more: Any) -> Encoded:
    names = {"tools", "tool_choice"}
    options = ChatOptions(**{k: v for k, v in more.items() if k not in names})
    given = messages or (Message.user("Hi"),)
    request = ChatRequest(tuple(given), options=options, **{k: v for k, v in more.items() if k in names})
    return encode_request(request, target or make_target(), stream=stream)


def encode_body(target: Target | None = None, *messages: Message, **more: Any) -> Any:
    return json.loads(msgspec.json.encode(encode(target, *messages, **more).body))


ADAPTIVE = {"thinking": "adaptive", "thinks": True, "off": "disabled", "efforts": {"xhigh": "max", "high": "high"}}
BUDGET = {"thinking": "budget", "off": "disabled", "max_output_tokens": 64000}


def encode_history(target: Target, *messages: Message, **options: Any) -> Encoded:
    return encode_request(ChatRequest(messages, options=ChatOptions(**options)), target, stream=False)


def encode_turns(target: Target, *messages: Message) -> Any:
    return json.loads(msgspec.json.encode(encode_history(target, *messages).body["messages"]))
