"""Chat Completions: one choice, complete or in deltas."""

from __future__ import annotations

import json
from typing import Any

from recorded.expected.answer import Answer, Call, Failure, find_opaque, payloads, retry_after_of, status_of

OPAQUE = frozenset({"signature", "data", "thought_signature"})

REASONS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def read(recording: dict[str, Any]) -> Answer | Failure:
    """Return the content of the recording."""
    chunks = payloads(recording)
    status = status_of(recording)
    failed = next((chunk for chunk in chunks if chunk.get("error")), None)
    if status >= 400 or failed is not None:
        return _failure(failed, recording, status)
    message: dict[str, Any] = {"content": "", "refusal": "", "thinking": "", "details": [], "annotations": []}
    calls: dict[Any, dict[str, Any]] = {}
    answer = Answer()
    for chunk in chunks:
        answer.id, answer.model = chunk.get("id") or answer.id, chunk.get("model") or answer.model
        if chunk.get("usage"):
            _count(answer, chunk["usage"])
        for choice in chunk.get("choices") or []:
            _add(message, calls, choice.get("delta") or choice.get("message") or {})
            answer.finish = choice.get("native_finish_reason") or choice.get("finish_reason") or answer.finish
            answer.reason = REASONS[choice["finish_reason"]] if choice.get("finish_reason") else answer.reason
            answer.tokens += [one["token"] for one in (choice.get("logprobs") or {}).get("content") or []]
    answer.text = message["content"] + message["refusal"]
    answer.reasoning = message["thinking"]
    answer.calls = [_call(call) for call in calls.values()]
    notes = [note["url_citation"] for note in message["annotations"] if note["type"] == "url_citation"]
    answer.sources = [(note["url"], note.get("title")) for note in notes]
    answer.reason = "refusal" if message["refusal"] else answer.reason
    answer.reason = "tool_calls" if calls and answer.reason == "stop" else answer.reason
    answer.opaque = list(find_opaque(message["details"], OPAQUE)) + list(find_opaque(list(calls.values()), OPAQUE))
    answer.images = len(message.get("images", []))
    answer.wire = {**message, "calls": list(calls.values())}
    return answer


def _failure(body: Any, recording: dict[str, Any], status: int) -> Failure:
    if body is None:
        page = recording["response"]["body"]
        return Failure(status, page.split("<title>")[1].split("</title>")[0].strip() if "<title>" in page else page)
    error = body["error"]
    if isinstance(error, str):
        return Failure(status, error, _texts(body.get("error_type")), retry_after_of(recording))
    metadata = error.get("metadata") or {}
    if status == 200:
        status = error["code"]
    behind = f": {metadata['raw']}" if metadata.get("raw") else ""  # the message of the provider behind OpenRouter
    codes = _texts(error.get("code"), error.get("type"), metadata.get("error_type"))
    return Failure(status, error["message"] + behind, codes, retry_after_of(recording))


def _texts(*values: Any) -> frozenset[str]:
    return frozenset(value for value in values if isinstance(value, str))


def _add(message: dict[str, Any], calls: dict[Any, dict[str, Any]], delta: dict[str, Any]) -> None:
    message["content"] += delta.get("content") or ""
    message["refusal"] += delta.get("refusal") or ""
    message["thinking"] += delta.get("reasoning") or delta.get("reasoning_content") or ""
    message["details"] += delta.get("reasoning_details") or []
    message["annotations"] += delta.get("annotations") or []
    if delta.get("images"):
        message.setdefault("images", []).extend(delta["images"])
    if delta.get("function_call"):
        calls["legacy"] = {"function": delta["function_call"]}
    for call in delta.get("tool_calls") or []:
        place = calls.setdefault(call["index"] if "index" in call else call["id"], {"function": {"arguments": ""}})
        for name in ("id", "type", "extra_content"):
            if call.get(name):
                place[name] = call[name]
        place["function"]["name"] = call["function"].get("name") or place["function"].get("name")
        place["function"]["arguments"] += call["function"].get("arguments") or ""


def _call(call: dict[str, Any]) -> Call:
    function = call["function"]
    return Call(function["name"], json.loads(function["arguments"] or "{}"), call.get("id"))


def _count(answer: Answer, usage: dict[str, Any]) -> None:
    prompt, completion = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    answer.prompt, answer.completion = usage["prompt_tokens"], usage["completion_tokens"]
    answer.cached = _first(prompt.get("cached_tokens"), usage.get("cached_tokens"))
    answer.written = prompt.get("cache_write_tokens")
    answer.reasoned = _first(completion.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    answer.cost = usage.get("cost")
    if usage.get("is_byok"):  # the caller also pays the provider whose key was used
        answer.cost += usage["cost_details"]["upstream_inference_cost"]


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
