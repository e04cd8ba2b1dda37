"""What the providers document about the order and the form of a conversation, as checks of a request's body.

Each function returns what is wrong, and is written from the vendor's documents, not from the encoders:

- Anthropic: docs.anthropic.com/en/api/messages and …/agents-and-tools/tool-use/implement-tool-use
- OpenAI: platform.openai.com/docs/api-reference/chat/create, …/responses/create and …/guides/function-calling
- Google: ai.google.dev/gemini-api/docs/function-calling
- Mistral: docs.mistral.ai/capabilities/function_calling and the errors 3230 and 3240 of its API
- Ollama: github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Body = dict[str, Any]


def check_anthropic(body: Body) -> Iterator[str]:
    """Blocks that are not blank, results directly behind their calls, unique ids, and an end that is continued."""
    turns = [
        (turn["role"], _as_blocks(turn["content"], "text")) for turn in body["messages"] if turn["role"] != "system"
    ]
    if not turns or turns[0][0] != "user":
        yield "the first turn is not the user's"
    seen: set[str] = set()
    open_calls: list[str] = []
    for role, blocks in turns:
        if not blocks:
            yield f"a {role} turn without content"
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(open_calls):
            yield f"calls {open_calls} are answered by {results}"
        if [block["type"] for block in blocks][: len(results)] != ["tool_result"] * len(results):
            yield "results do not come first"
        open_calls = []
        for block in blocks:
            yield from _check_anthropic_block(block, role, seen)
            if block["type"] == "tool_use":
                open_calls.append(block["id"])
    if open_calls:
        yield f"calls {open_calls} at the end"
    if turns and turns[-1][0] == "assistant" and "search" not in str(turns[-1][1]):
        yield "the last turn is the assistant's"
    yield from _check_server_tools(turns)


_USER_BLOCKS = {"text", "image", "document", "tool_result"}
_ASSISTANT_BLOCKS = {
    *("text", "tool_use", "thinking", "redacted_thinking", "server_tool_use", "web_search_tool_result"),
    "novelty",  # stands for a type that comes later
}


def _check_anthropic_block(block: Body, role: str, seen: set[str]) -> Iterator[str]:
    if block["type"] not in (_USER_BLOCKS if role == "user" else _ASSISTANT_BLOCKS):
        yield f"a {block['type']} in a turn of {role}"
    if block["type"] == "text" and not block["text"].strip():
        yield "a blank text"
    if block["type"] == "tool_use":
        if not isinstance(block["input"], dict):
            yield "input that is not an object"
        if block["id"] in seen or not re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]):
            yield f"id {block['id']!r}"
        seen.add(block["id"])
    if block["type"] == "tool_result" and any(
        inner["type"] == "text" and not inner["text"].strip() for inner in _as_blocks(block.get("content", []), "text")
    ):
        yield "a blank text in a result"


def _check_server_tools(turns: list[tuple[str, list[Body]]]) -> Iterator[str]:
    for number, (_, blocks) in enumerate(turns):
        calls = {block["id"] for block in blocks if block["type"] == "server_tool_use"}
        results = {block["tool_use_id"] for block in blocks if block["type"] == "web_search_tool_result"}
        if calls != results and number < len(turns) - 1:
            yield f"server tools {calls} with results {results}"


def _as_blocks(content: Any, text_type: str) -> list[Body]:
    return [{"type": text_type, "text": content}] if isinstance(content, str) else content


def check_openai(body: Body) -> Iterator[str]:
    """What every Chat Completions host requires, and ids of at most 40 characters."""
    yield from check_chat_completions(body)
    for message in body["messages"]:
        yield from (f"id {call['id']!r}" for call in message.get("tool_calls", []) if len(call["id"]) > 40)


def check_chat_completions(body: Body, *, own_members: frozenset[str] = frozenset()) -> Iterator[str]:
    """Messages of tools directly behind their calls, JSON objects as arguments, and no message without content."""
    open_calls: list[str] = []
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                yield f"a result of {message['tool_call_id']!r}, which is not open"
            else:
                open_calls.remove(message["tool_call_id"])
            if not isinstance(content, str | list):
                yield "a result without content"
            continue
        if open_calls:
            yield f"a message of {role} while {open_calls} are open"
        calls = message.get("tool_calls", [])
        unknown = message.keys() - {"role", "content", "name", "tool_calls", "refusal", "audio"} - own_members
        if unknown:
            yield f"members {unknown}"
        if content is None and not (calls or message.get("refusal")):
            yield f"a message of {role} without content"
        for call in calls:
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                yield "arguments that are no object"
            open_calls.append(call["id"])
    if open_calls:
        yield f"calls {open_calls} at the end"


def check_mistral(body: Body, *, own_members: frozenset[str] = frozenset()) -> Iterator[str]:
    """The order of Mistral, which is stricter, ids of nine characters, and content or calls in every answer."""
    yield from check_chat_completions(body, own_members=own_members | {"prefix"})
    for message in body["messages"]:
        if message["role"] == "assistant" and not (message["content"] or message.get("tool_calls")):
            yield "an empty message of the assistant"
    roles = [message["role"] for message in body["messages"]]
    if ("tool", "user") in pairwise(roles):
        yield "a user behind a tool"
    if roles[-1] not in ("user", "tool") and not body["messages"][-1].get("prefix"):
        yield f"the last message is of {roles[-1]}"
    for message in body["messages"]:
        for call in message.get("tool_calls", []):
            if not re.fullmatch(r"[a-zA-Z0-9]{9}", call["id"]):
                yield f"id {call['id']!r}"


def check_responses(body: Body) -> Iterator[str]:
    """An output for each call, no reasoning without an item behind it, ids of at most 64 characters."""
    calls: set[str] = set()
    answered: set[str] = set()
    reasoning = False
    for item in body["input"]:
        kind = item.get("type", "message")
        of_assistant = kind in ("reasoning", "function_call") or item.get("role") == "assistant"
        if reasoning and not of_assistant:
            yield "reasoning without its item"
        reasoning = kind == "reasoning" or (reasoning and not of_assistant)
        if kind == "function_call":
            if not isinstance(json.loads(item["arguments"]), dict):
                yield "arguments that are no object"
            if item["call_id"] in calls or len(item["call_id"]) > 64:
                yield f"id {item['call_id']!r}"
            calls.add(item["call_id"])
        if kind == "function_call_output":
            if item["call_id"] not in calls - answered:
                yield f"an output of {item['call_id']!r}, which is not open"
            answered.add(item["call_id"])
        if kind == "message" and not item["content"]:
            yield "an empty message"
    if reasoning:
        yield "reasoning at the end"
    if calls != answered:
        yield f"calls {calls - answered} without output"


def check_gemini(body: Body) -> Iterator[str]:
    """As many function responses as function calls in the next content, roles that alternate at calls, and parts."""
    contents = body["contents"]
    if not contents or contents[0]["role"] != "user":
        yield "the first content is not the user's"
    open_calls: list[str] = []
    before = ""
    for content in contents:
        if not content["parts"]:
            yield "a content without parts"
        for part in content["parts"]:
            if len(part.keys() - {"thought", "thoughtSignature"}) != 1:
                yield f"a part with {sorted(part)}"
        responses = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        if sorted(responses) != sorted(open_calls):
            yield f"calls {open_calls} are answered by {responses}"
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        if calls and (content["role"] != "model" or before != "user"):
            yield "calls that do not follow the user"
        if not all(isinstance(call["args"], dict) for call in calls):
            yield "arguments that are no object"
        open_calls = [call["name"] for call in calls]
        before = content["role"]
    if open_calls:
        yield f"calls {open_calls} at the end"


def check_ollama(body: Body) -> Iterator[str]:
    """Texts that are strings, arguments that are objects, and a result with a name for each call."""
    open_calls: list[str] = []
    for message in body["messages"]:
        if not isinstance(message["content"], str):
            yield "content that is no string"
        if message["role"] == "tool":
            if message["tool_name"] not in open_calls:
                yield f"a result of {message['tool_name']!r}, which is not open"
            else:
                open_calls.remove(message["tool_name"])
            continue
        if open_calls:
            yield f"a message of {message['role']} while {open_calls} are open"
        for call in message.get("tool_calls", []):
            if not isinstance(call["function"]["arguments"], dict):
                yield "arguments that are no object"
            open_calls.append(call["function"]["name"])
    if open_calls:
        yield f"calls {open_calls} at the end"
