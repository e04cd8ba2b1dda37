"""The Responses API: output items of a complete response or of a stream."""

from __future__ import annotations

import json
from typing import Any

from recorded.expected.answer import Answer, Call, Failure, find_opaque, payloads, retry_after_of, status_of

OPAQUE = frozenset({"encrypted_content"})
NO_TOOLS = frozenset({"message", "reasoning", "function_call", "custom_tool_call", "mcp_list_tools"})


def read(recording: dict[str, Any]) -> Answer | Failure:
    """Return the content of the recording."""
    events = payloads(recording)
    if "type" not in events[0] or not str(events[0]["type"]).startswith(("response.", "error")):
        body = events[0]
        if body.get("error"):
            return _failure(body["error"], recording)
        return _answer(body, body["output"])
    for event in events:
        if event["type"] == "error" or (event.get("response") or {}).get("error"):
            return _failure(event.get("error") or event.get("response", {}).get("error") or event, recording)
    last = next(e["response"] for e in events if e["type"] in {"response.completed", "response.incomplete"})
    done = [e for e in events if e["type"] == "response.output_item.done"]
    items = [e["item"] for e in sorted(done, key=lambda e: e["output_index"])]
    if last["output"]:
        assert [item["type"] for item in items] == [item["type"] for item in last["output"]]
    answer = _answer(last, items)
    reasoning = _streamed_reasoning(events)
    if reasoning:
        answer.reasoning = reasoning  # the items at the end may have another summary than the one that was streamed
    return answer


def _streamed_reasoning(events: list[dict[str, Any]]) -> str:
    """Return the reasoning as it was streamed: the sections of an item with an empty line between them."""
    items: dict[int, dict[Any, str]] = {}
    for event in events:
        if event["type"] in {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}:
            sections = items.setdefault(event["output_index"], {})
            section = (event["type"], event.get("summary_index"), event.get("content_index"))
            sections[section] = sections.get(section, "") + event["delta"]
    return "".join("\n\n".join(sections.values()) for _, sections in sorted(items.items()))


def _failure(error: dict[str, Any], recording: dict[str, Any]) -> Failure:
    codes = {str(error[name]) for name in ("code", "type") if error.get(name)}
    status = status_of(recording)
    return Failure(None if status == 200 else status, error["message"], frozenset(codes), retry_after_of(recording))


def _answer(response: dict[str, Any], items: list[dict[str, Any]]) -> Answer:
    usage = response.get("usage") or {}
    contents = [part for item in items if item["type"] == "message" for part in item["content"]]
    tool_calls = [item for item in items if item["type"].endswith("_call") and item["type"] not in NO_TOOLS]
    inside = usage.get("input_tokens_details") or {}
    incomplete = (response.get("incomplete_details") or {}).get("reason")
    return Answer(
        text="".join(part.get("text", part.get("refusal", "")) for part in contents),
        reasoning="".join(_reasoning(item) for item in items if item["type"] == "reasoning"),
        calls=[_call(item) for item in items if item["type"] in {"function_call", "custom_tool_call"}],
        sources=[_source(note) for part in contents for note in part.get("annotations") or []],
        server_calls=[item.get("name") or item["type"].removesuffix("_call") for item in tool_calls],
        server_results=_results(items),
        opaque=list(find_opaque(items, OPAQUE)),
        tokens=[one["token"] for part in contents for one in part.get("logprobs") or []],
        prompt=usage.get("input_tokens"),
        cached=inside.get("cached_tokens"),
        written=inside.get("cache_write_tokens"),
        completion=usage.get("output_tokens"),
        reasoned=(usage.get("output_tokens_details") or {}).get("reasoning_tokens"),
        cost=usage.get("cost"),
        finish=incomplete or response.get("status"),
        reason={"max_output_tokens": "length", "content_filter": "content_filter"}[incomplete]
        if incomplete
        else _reason(items),
        model=response["model"],
        id=response["id"],
        wire=items,
    )


def _reason(items: list[dict[str, Any]]) -> str:
    if any(item["type"] in {"function_call", "custom_tool_call"} for item in items):
        return "tool_calls"
    refused = any(part["type"] == "refusal" for item in items for part in item.get("content") or [])
    return "refusal" if refused else "stop"


def _source(note: dict[str, Any]) -> tuple[str | None, str | None]:
    return note.get("url"), note.get("title") or note.get("filename")


def _reasoning(item: dict[str, Any]) -> str:
    """Return the sections of one reasoning item, with an empty line between them."""
    sections = [*(item.get("summary") or []), *(item.get("content") or [])]
    return "\n\n".join(section["text"] for section in sections if section["text"])


def _call(item: dict[str, Any]) -> Call:
    if item["type"] == "custom_tool_call":
        return Call(item["name"], item["input"], item["call_id"])
    return Call(item["name"], json.loads(item["arguments"] or "{}"), item["call_id"])


def _results(items: list[dict[str, Any]]) -> int:
    """Return the number of results of the provider's tools: within the item of the call, or as separate items."""
    names = ("results", "outputs", "output", "error")
    inside: int = sum(
        any(item.get(name) is not None for name in names) and item["type"].endswith("_call") for item in items
    )
    return inside + len([item for item in items if item["type"] == "tool_search_output"])
