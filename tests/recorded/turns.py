"""The assistant's turn within a request: of our requests, and of the recorded requests of real clients."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import recordings
from recorded.cases import Case
from recorded.expected.answer import Answer

Turn = list[Any]
"""A turn as the provider's JSON: blocks, items, parts, or one message."""

DUMMY = "skip_thought_signature_validator"
"""The value that Google documents for calls without a signature."""


def last_turn(family: str, body: dict[str, Any]) -> Turn:
    """Return the latest turn of the assistant in a request."""
    if family == "responses":
        return _last_items(body["input"])
    if family == "generate_content":
        return list(next((one["parts"] for one in reversed(body["contents"]) if one.get("role") == "model"), []))
    message = next((one for one in reversed(body["messages"]) if one["role"] == "assistant"), None)
    if message is None:
        return []
    if family == "messages":
        content = message["content"]
        return [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [message]


def _last_items(items: list[Any]) -> Turn:
    turn: Turn = []
    for item in reversed(items):
        kind, role = item.get("type", "message"), item.get("role")
        if kind.endswith("call_output") or role in {"user", "developer", "system"}:
            if turn:
                break
        else:
            turn.insert(0, item)
    return turn


def normalize(family: str, turn: Turn, answer: Answer) -> Turn:
    """Return a turn in a form in which two encodings of the same turn are equal."""
    return _NORMALIZE[family](turn, answer)


def _blocks(turn: Turn, answer: Answer) -> Turn:
    """Remove empty texts, which the provider rejects, nulls, and cache breakpoints."""
    out = []
    for block in turn:
        kept = {k: v for k, v in block.items() if v is not None and v != [] and k != "cache_control"}
        if kept != {"type": "text", "text": ""}:
            out.append(kept)
    return out


def _items(turn: Turn, answer: Answer) -> Turn:
    """Write messages in one form, without log probabilities."""
    return [_item(item) for item in turn]


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type", "message") != "message":
        return item
    content = item["content"]
    contents = [{"type": "output_text", "text": content}] if isinstance(content, str) else content
    parts = [{name: value for name, value in part.items() if name != "logprobs"} for part in contents]
    return {"type": "message", **item, "content": parts}


def _parts(turn: Turn, answer: Answer) -> Turn:
    """Remove thinking without a signature, ids that the provider did not send, and the value for missing signatures."""
    given = {call.id for call in answer.calls}
    out = []
    for one in turn:
        part = {_camel(name): value for name, value in one.items()}
        if part.get("thoughtSignature") == DUMMY:
            del part["thoughtSignature"]
        if "thoughtSignature" in part:  # either alphabet of base64
            part["thoughtSignature"] = part["thoughtSignature"].replace("-", "+").replace("_", "/")
        if part.get("thought") and "thoughtSignature" not in part:
            continue
        if "functionCall" in part:
            call = {"args": {}, **part["functionCall"]}
            part["functionCall"] = {k: v for k, v in call.items() if k != "id" or v in given}
        out.append(part)
    return out


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _message(turn: Turn, answer: Answer) -> Turn:
    """Remove empty members, and those in which clients send back thinking without state."""
    (message,) = turn
    kept = {name: value for name, value in message.items() if value and name not in {"reasoning", "reasoning_content"}}
    given = {call.id for call in answer.calls}
    calls = [
        {k: v for k, v in call.items() if k not in {"cache_control", "index"} and (k != "id" or v in given)}
        for call in kept.get("tool_calls", [])
    ]
    return [{**kept, "tool_calls": calls} if calls else kept]


_NORMALIZE: dict[str, Callable[[Turn, Answer], Turn]] = {
    "messages": _blocks,
    "responses": _items,
    "generate_content": _parts,
    "chat_completions": _message,
    "ollama": lambda turn, answer: turn,
}


def recorded_turn(case: Case, answer: Answer) -> Turn:
    """Return the turn of the recorded response, as it is written in a request."""
    if case.family == "chat_completions":
        return [_as_message(case, answer.wire)]
    if case.family == "ollama":
        return [_as_ollama_message(answer)]
    turn = list(answer.wire)
    while case.family == "responses" and turn and turn[-1].get("type") == "reasoning":
        turn.pop()  # the API refuses reasoning that no item follows
    return turn


def _as_message(case: Case, wire: dict[str, Any]) -> dict[str, Any]:
    calls = [{"type": "function", **call} for call in wire["calls"]]
    message: dict[str, Any] = {"role": "assistant", "content": wire["content"], "tool_calls": calls}
    message["refusal"] = wire["refusal"]
    if case.provider == "openrouter":
        message["reasoning_details"] = _join_details(wire["details"])
        message["annotations"] = [note for note in wire["annotations"] if note["type"] != "url_citation"]
    return message


def _join_details(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the deltas of one index and type, as OpenRouter requires; of other members the last value counts."""
    items: dict[Any, dict[str, Any]] = {}
    for piece in pieces:
        item = items.setdefault((piece.get("index"), piece["type"]), {})
        for name, value in piece.items():
            if name in {"text", "summary", "data"} and isinstance(value, str):
                item[name] = item.get(name, "") + value
            elif value is not None or name not in item:
                item[name] = value
    return list(items.values())


def _as_ollama_message(answer: Answer) -> dict[str, Any]:
    functions = [{"index": n, "name": c.name, "arguments": c.arguments} for n, c in enumerate(answer.calls)]
    calls = [{"id": call.id, "function": made} for call, made in zip(answer.calls, functions, strict=True)]
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    return (
        message
        | ({"thinking": answer.reasoning} if answer.reasoning else {})
        | ({"tool_calls": calls} if calls else {})
    )


def is_subset(theirs: Any, ours: Any) -> bool:
    """Return whether another JSON value contains everything in one; items of lists in order."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return all(name in ours and is_subset(value, ours[name]) for name, value in theirs.items())
    if isinstance(theirs, list) and isinstance(ours, list):
        rest = iter(ours)
        return all(any(is_subset(piece, other) for other in rest) for piece in theirs)
    if isinstance(theirs, str) and isinstance(ours, str) and theirs[:1] == ours[:1] == "{":
        with contextlib.suppress(ValueError):
            return bool(json.loads(theirs) == json.loads(ours))  # arguments, which clients encode again
    return bool(theirs == ours)


def follow_ups(cases: list[Case]) -> list[tuple[Case, dict[str, Any]]]:
    """Return the cases whose next request was recorded, with the body of that request up to the answer."""
    runs: dict[tuple[str, str, str], dict[int, tuple[Case, dict[str, Any]]]] = defaultdict(dict)
    for case in cases:
        recording = recordings.exchange(case.path)
        source = recording["source"]
        if recording["request"] is not None:
            run = runs[source["repo"], source["path"], case.family]
            run[source["interaction"]] = (case, recording["request"]["body"])
    return [
        (case, body)
        for run in runs.values()
        for place, (case, request) in run.items()
        if place + 1 in run and (body := _up_to_answer(request, run[place + 1][1])) is not None
    ]


def _up_to_answer(request: dict[str, Any], next_request: dict[str, Any]) -> dict[str, Any] | None:
    """Return a request that continues another, without what follows the answer to the other."""
    if next_request.get("previous_response_id"):
        return None
    if "input" in next_request:
        return next_request
    name = "messages" if "messages" in next_request else "contents"
    before, after = len(request.get(name, ())), next_request[name]
    if len(after) <= before or after[before]["role"] not in {"assistant", "model"}:
        return None
    return {**next_request, name: after[: before + 1]}
