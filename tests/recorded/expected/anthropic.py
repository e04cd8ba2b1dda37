"""Anthropic Messages: content blocks, complete or in deltas."""

from __future__ import annotations

import copy
import json
from typing import Any

from recorded.expected.answer import Answer, Call, Failure, find_opaque, payloads, retry_after_of, status_of

OPAQUE = frozenset({"signature", "data", "encrypted_content", "encrypted_index", "encrypted_stdout"})


REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "paused",
    "compaction": "paused",
    "model_context_window_exceeded": "length",
}


def read(recording: dict[str, Any]) -> Answer | Failure:
    """Return the content of the recording."""
    events = payloads(recording)
    failed = next((event for event in events if event.get("error")), None)
    if failed is not None:
        error = failed["error"]
        status = status_of(recording)
        return Failure(status, error["message"], frozenset({error["type"]}), retry_after_of(recording))
    is_stream = "content" not in events[0] or events[0]["type"] == "message_start"
    return _answer(_merge_events(events) if is_stream else events[0])


def _merge_events(events: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    inputs: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = copy.deepcopy(event["message"])
            case "content_block_start":
                blocks[event["index"]] = copy.deepcopy(event["content_block"])
            case "content_block_delta":
                _add_delta(blocks[event["index"]], event["delta"], inputs, event["index"])
            case "message_delta":
                message |= {name: value for name, value in event["delta"].items() if value is not None}
                message["usage"] |= {name: n for name, n in (event.get("usage") or {}).items() if n is not None}
    for index, written in inputs.items():
        blocks[index]["input"] = json.loads(written)
    message["content"] = [block for _, block in sorted(blocks.items())]
    return message


def _add_delta(block: dict[str, Any], delta: dict[str, Any], inputs: dict[int, str], index: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
        case "input_json_delta":
            if delta["partial_json"]:
                inputs[index] = inputs.get(index, "") + delta["partial_json"]
        case "compaction_delta":
            block |= {name: value for name, value in delta.items() if name != "type"}
        case other:
            raise AssertionError(f"unknown type of delta: {other}")


def _answer(message: dict[str, Any]) -> Answer:
    blocks, usage = message["content"], message["usage"]
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    compactions = [one for one in usage.get("iterations") or [] if one["type"] == "compaction"]  # counted beside it
    cited = [citation for block in blocks for citation in block.get("citations") or []]
    return Answer(
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        reasoning="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        calls=[Call(b["name"], b["input"], b["id"]) for b in blocks if b["type"] == "tool_use"],
        sources=[(one.get("url") or one.get("source"), one.get("title") or one.get("document_title")) for one in cited],
        server_calls=[b["name"] for b in blocks if b["type"] in {"server_tool_use", "mcp_tool_use"}],
        server_results=sum(b["type"].endswith("_tool_result") for b in blocks),
        opaque=list(find_opaque(blocks, OPAQUE)),
        prompt=usage["input_tokens"] + (read or 0) + (written or 0) + sum(one["input_tokens"] for one in compactions),
        cached=read,
        written=written,
        completion=usage["output_tokens"] + sum(one["output_tokens"] for one in compactions),
        reasoned=(usage.get("output_tokens_details") or {}).get("thinking_tokens"),
        finish=message["stop_reason"],
        reason=REASONS[message["stop_reason"]],
        model=message["model"],
        id=message["id"],
        wire=blocks,
    )
