"""One answer with every kind of block, as a response_body and cut into events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ratatoskr.types.event import ChatEvent
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire.anthropic import StreamDecoder
from ratatoskr.wire.dialect import Target

EVERY_BLOCK: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Let me see … 🤔", "signature": "c2lnbmF0dXJl+/=="},
    {"type": "thinking", "thinking": "", "signature": "b25seSBzaWduZWQ="},
    {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "weather in Paris"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [
            {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "RUM="}
        ],
        "caller": {"type": "direct"},
    },
    {"type": "text", "text": "It is "},
    {
        "type": "text",
        "text": "sunny \u2028 \U0001f31e",
        "citations": [
            {
                "type": "web_search_result_location",
                "url": "https://a.example",
                "title": "A",
                "cited_text": "Sun.",
                "encrypted_index": "RUk=",
            },
            {
                "type": "char_location",
                "cited_text": "Sun",
                "document_index": 0,
                "document_title": "Doc",
                "start_char_index": 0,
                "end_char_index": 3,
            },
        ],
    },
    {"type": "server_tool_use", "id": "srvtoolu_2", "name": "bash_code_execution", "input": {"command": "ls"}},
    {
        "type": "bash_code_execution_tool_result",
        "tool_use_id": "srvtoolu_2",
        "content": {"type": "bash_code_execution_tool_result_error", "error_code": "unavailable"},
    },
    {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ask", "server_name": "wiki", "input": {"q": 1.50}},
    {
        "type": "mcp_tool_result",
        "tool_use_id": "mcptoolu_1",
        "is_error": True,
        "content": [{"type": "text", "text": "no"}],
    },
    {"type": "container_upload", "file_id": "file_1"},
    {"type": "compaction", "content": "a summary", "encrypted_content": "ZW4="},
    {"type": "novelty", "what": {"nobody": ["knows", None, 1e3]}},
    {"type": "tool_use", "id": "toolu_1", "name": "get", "input": {"z": 1.0, "a": ["é"]}, "caller": {"type": "direct"}},
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
]
CONTAINER = {"id": "container_1", "expires_at": "2026-11-30T00:00:00Z"}

Events = list[tuple[str, bytes]]


def dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.fixture
def target() -> Target:
    return Target("anthropic", "claude-sonnet-4-5-20250929", "messages", ModelRules(max_output_tokens=64000))


@pytest.fixture
def every_block() -> list[dict[str, Any]]:
    return EVERY_BLOCK


def _response_body(blocks: list[dict[str, Any]], **more: Any) -> bytes:
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": blocks}
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3, "output_tokens": 9}
    ending = {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None, "usage": usage}
    return dumps({**base, **ending, **more})


@pytest.fixture
def response_body() -> Callable[..., bytes]:
    """Return the body of an answer of these blocks."""
    return _response_body


def _cut(text: str) -> list[str]:
    return [text[i : i + 3] for i in range(0, len(text), 3)]


def _start_and_deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "text":
            cited = [{"type": "citations_delta", "citation": c} for c in block.get("citations", ())]
            texts = [{"type": "text_delta", "text": t} for t in _cut(block["text"])]
            empty = {"citations": []} if cited else {}
            return {**empty, "type": "text", "text": ""}, cited + texts
        case "thinking":
            texts = [{"type": "thinking_delta", "thinking": t} for t in _cut(block["thinking"])]
            signed = [{"type": "signature_delta", "signature": block["signature"]}]
            return {"type": "thinking", "thinking": "", "signature": ""}, texts + signed
        case "tool_use" | "server_tool_use" | "mcp_tool_use":
            written = dumps(block["input"]).decode() if block["input"] else ""
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in ["", *_cut(written)]]
            return {**block, "input": {}}, deltas
        case "compaction":
            rest = {k: v for k, v in block.items() if k != "type"}
            return {"type": "compaction", "content": None}, [{"type": "compaction_delta", **rest}]
    return block, []


def _events(blocks: list[dict[str, Any]], **more: Any) -> Iterator[dict[str, Any]]:
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3, "output_tokens": 1}
    empty = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "usage": usage}
    yield {"type": "message_start", "message": {**empty, "stop_reason": None}}
    for index, block in enumerate(blocks):
        start, deltas = _start_and_deltas(block)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": "end_turn", "stop_sequence": None, **more}
    yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 9}}
    yield {"type": "message_stop"}


@pytest.fixture
def events() -> Callable[..., Events]:
    """Return the events of an answer of these blocks."""
    return lambda blocks, **more: [(e["type"], dumps(e)) for e in _events(blocks, **more)]


@pytest.fixture
def read(target: Target) -> Callable[[Events], tuple[StreamDecoder, list[ChatEvent]]]:
    """Feed events to a decoder; return it and what it gave."""

    def feed(given: Events) -> tuple[StreamDecoder, list[ChatEvent]]:
        decoder = StreamDecoder(target)
        out = [event for name, data in given for event in decoder.feed(name, data)]
        return decoder, out + decoder.end()

    return feed
