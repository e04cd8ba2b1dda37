"""The assistant's turn inside a request: of ours, and of the real clients whose follow-up was recorded."""

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
"""The pieces of a turn in the provider's words: blocks, items, parts, or one message."""

DUMMY = "skip_thought_signature_validator"
"""What Google documents for a call that no model has signed."""


def last_turn(family: str, body: dict[str, Any]) -> Turn:
    """Return the latest turn of the assistant in a request."""
    if family == "responses":
        return _last_items(body["input"])
    if family == "generate_content":
        return list(next((one["parts"] for one in reversed(body["contents"]) if one.get("role") == "model"), []))
    message = next((one for one in reversed(body["messages"]) if one["role"] == "assistant"), None)
    if message is None:
        return []  # nothing was said
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


def plain(family: str, turn: Turn, answer: Answer) -> Turn:
    """Return a turn without what says nothing, so that two spellings of the same turn are equal."""
    return _PLAIN[family](turn, answer)


def _blocks(turn: Turn, answer: Answer) -> Turn:
    """Leave out empty texts, which the provider refuses, nulls, and breakpoints of caches."""
    out = []
    for block in turn:
        said = {k: v for k, v in block.items() if v is not None and v != [] and k != "cache_control"}
        if said != {"type": "text", "text": ""}:
            out.append(said)
    return out


def _items(turn: Turn, answer: Answer) -> Turn:
    """Spell messages alike; log probabilities are for the reader, not for the model."""
    return [_item(item) for item in turn]


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type", "message") != "message":
        return item
    content = item["content"]
    said = [{"type": "output_text", "text": content}] if isinstance(content, str) else content
    parts = [{name: value for name, value in part.items() if name != "logprobs"} for part in said]
    return {"type": "message", **item, "content": parts}


def _parts(turn: Turn, answer: Answer) -> Turn:
    """Leave out thinking that nobody signed, ids that the provider did not give, and the stand-in for a signature."""
    given = {call.id for call in answer.calls}
    out = []
    for one in turn:
        part = {_camel(name): value for name, value in one.items()}
        if part.get("thoughtSignature") == DUMMY:
            del part["thoughtSignature"]
        if "thoughtSignature" in part:  # base64 may be spelled in either alphabet
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
    """Leave out what is empty, and the names under which clients repeat thinking that has no state."""
    (message,) = turn
    kept = {name: value for name, value in message.items() if value and name not in {"reasoning", "reasoning_content"}}
    given = {call.id for call in answer.calls}
    calls = [
        {k: v for k, v in call.items() if k not in {"cache_control", "index"} and (k != "id" or v in given)}
        for call in kept.get("tool_calls", [])
    ]
    return [{**kept, "tool_calls": calls} if calls else kept]


_PLAIN: dict[str, Callable[[Turn, Answer], Turn]] = {
    "messages": _blocks,
    "responses": _items,
    "generate_content": _parts,
    "chat_completions": _message,
    "ollama": lambda turn, answer: turn,
}


def as_answered(case: Case, answer: Answer) -> Turn:
    """Return the turn that the recording of the answer holds, in the words of a request."""
    if case.family == "chat_completions":
        return [_as_message(case, answer.wire)]
    if case.family == "ollama":
        return [_as_ollamas(answer)]
    return list(answer.wire)


def _as_message(case: Case, wire: dict[str, Any]) -> dict[str, Any]:
    calls = [{"type": "function", **call} for call in wire["calls"]]
    message: dict[str, Any] = {"role": "assistant", "content": wire["content"] + wire["refusal"], "tool_calls": calls}
    if case.way == "openrouter":
        message["reasoning_details"] = _run_together(wire["details"])
        message["annotations"] = [note for note in wire["annotations"] if note["type"] != "url_citation"]
    return message


def _run_together(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the pieces of one index and type, as OpenRouter asks for; what is not text is what came last."""
    items: dict[Any, dict[str, Any]] = {}
    for piece in pieces:
        item = items.setdefault((piece.get("index"), piece["type"]), {})
        for name, value in piece.items():
            if name in {"text", "summary", "data"} and isinstance(value, str):
                item[name] = item.get(name, "") + value
            elif value is not None or name not in item:
                item[name] = value
    return list(items.values())


def _as_ollamas(answer: Answer) -> dict[str, Any]:
    functions = [{"index": n, "name": c.name, "arguments": c.arguments} for n, c in enumerate(answer.calls)]
    calls = [{"id": call.id, "function": made} for call, made in zip(answer.calls, functions, strict=True)]
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    return (
        message
        | ({"thinking": answer.reasoning} if answer.reasoning else {})
        | ({"tool_calls": calls} if calls else {})
    )


def is_within(said: Any, ours: Any) -> bool:
    """Tell whether everything in one JSON value is in another; pieces of a list in their order."""
    if isinstance(said, dict) and isinstance(ours, dict):
        return all(name in ours and is_within(value, ours[name]) for name, value in said.items())
    if isinstance(said, list) and isinstance(ours, list):
        rest = iter(ours)
        return all(any(is_within(piece, other) for other in rest) for piece in said)
    if isinstance(said, str) and isinstance(ours, str) and said[:1] == ours[:1] == "{":
        with contextlib.suppress(ValueError):
            return bool(json.loads(said) == json.loads(ours))  # arguments, which clients write anew
    return bool(said == ours)


def follow_ups(cases: list[Case]) -> list[tuple[Case, dict[str, Any]]]:
    """Return the answers whose next request was recorded, with the body of that request up to the answer in it."""
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
        for place, (case, asked) in run.items()
        if place + 1 in run and (body := _up_to_answer(asked, run[place + 1][1])) is not None
    ]


def _up_to_answer(asked: dict[str, Any], next_asked: dict[str, Any]) -> dict[str, Any] | None:
    """Return a request that goes on where another ended, without what stands behind the answer to the other."""
    if next_asked.get("previous_response_id"):
        return None
    if "input" in next_asked:
        return next_asked
    name = "messages" if "messages" in next_asked else "contents"
    before, after = len(asked.get(name, ())), next_asked[name]
    if len(after) <= before or after[before]["role"] not in {"assistant", "model"}:
        return None
    return {**next_asked, name: after[: before + 1]}
