"""What the dialects say has the shape of real traffic: the same keys of the same types, in the same order of events."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import pytest

import recordings
from ratatoskr._core import SseParser
from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream, TokenCounts
from unit.testing.wires import SCHEMA

OPEN = {"args", "arguments", "input", "tools", "schema", "metadata", "parameters", "logprobs", "tool_choice"}
"""Keys whose contents the caller or the model decides."""

RECORDED = {
    ("openai", "chat"): r"/chat/completions$",
    ("openrouter", "openrouter"): r"/chat/completions$",
    ("huggingface", "huggingface"): r"/v1/chat/completions$",
    ("openai", "responses"): r"/responses$",
    ("anthropic", "anthropic"): r"/v1/messages$",
    ("google", "gemini"): r"enerateContent$",
    ("ollama", "ollama"): r"/api/chat$",
}
SPARE = {
    # What no recording happens to show, and the provider's reference does.
    ("chat", "chunk"): {"choices[].delta.refusal:string", "usage.prompt_tokens_details.cache_write_tokens:number"},
    ("huggingface", "whole"): {"choices[].message.tool_calls[].function:object"},
    ("gemini", "chunk"): {"usageMetadata.cachedContentTokenCount:number"},
    ("anthropic", "whole"): set(),
}
TURNS = [
    ScriptedTurn("Hello, it is warm.", usage=TokenCounts(10, 20, 5, 3, 2)),
    ScriptedTurn("Hello", reasoning="They ask.", usage=TokenCounts(10, 20, 5, 3, 2)),
    ScriptedTurn(tool_calls=[ScriptedToolCall("weather", {"city": "Paris"}), ScriptedToolCall("time", {})]),
    ScriptedTurn("Look:", reasoning="They ask.", tool_calls=[ScriptedToolCall("weather", {"city": "Paris"})]),
    ScriptedTurn("Too l", finish="length"),
]


def kind(value):
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def paths(value, at=""):
    """Return each path in a JSON value with its type."""
    found = {f"{at}:{kind(value)}"}
    if at.rpartition(".")[2] in OPEN:
        return found
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for inner in value:
            found |= paths(inner, at + "[]")
    return found


def parts(wire, content, streamed):
    """Return (kind of event, value) of a response."""
    if not streamed:
        return [("whole", json.loads(content))]
    parser = SseParser(wire.framing)
    data = [data for _, data in [*parser.feed(content), *parser.finish()] if data != b"[DONE]"]
    values = [json.loads(one) for one in data]
    if wire.name in {"responses", "anthropic"}:
        return [(value["type"], value) for value in values]
    if wire.name == "ollama":
        return [("done" if value["done"] else "delta", value) for value in values]
    return [("chunk", value) for value in values]


def recorded(wire):
    """Return the shapes of real traffic: kind of event -> paths, and the orders of kinds."""
    shapes, orders = defaultdict(set), []
    for path in recordings.paths(wire.provider):
        exchange = recordings.exchange(path)
        response, request = exchange["response"], exchange.get("request") or {}
        place = (request.get("url_path_and_query") or "").partition("?")[0]
        if response.get("status") != 200 or not re.search(RECORDED[wire.provider, wire.name], place):
            continue
        text = response.get("body_text")
        streamed = text is not None
        if not streamed and not isinstance(response.get("body"), dict):
            continue
        told = parts(wire, text.encode() if streamed else json.dumps(response["body"]), streamed)
        orders.append([name for name, _ in told])
        for name, value in told:
            shapes[name] |= paths(value)
    if wire.name == "responses":  # one object in three places: at once, completed, incomplete
        ends = [shapes[name] for name in ("response.completed", "response.incomplete")]
        whole = shapes["whole"] | {path.removeprefix("response.") for end in ends for path in end}
        shapes["whole"] = whole
        for end in ends:
            end |= {f"response.{path}" for path in whole}
    return shapes, orders


def follows(orders):
    """Return which kind of event was ever seen right after which."""
    return {pair for order in orders for pair in zip(["start", *order], [*order, "end"], strict=True)}


@recordings.needed
@pytest.mark.parametrize("stream", [False, True])
async def test_keys_types_and_order_are_those_of_real_traffic(wire, stream, ask):
    shapes, orders = recorded(wire)
    thinking = {"reasoning": {"effort": "low"}} if wire.name == "responses" else {}
    usage = {"stream_options": {"include_usage": True}} if wire.name in {"chat", "huggingface"} and stream else {}
    form = {"text": {"format": {"type": "json_schema", "name": "w", "schema": SCHEMA, "strict": True}}}
    wrong, order = {}, []
    async with ScriptedUpstream(TURNS) as upstream:
        for number in range(len(TURNS)):
            more = form if wire.name == "responses" and number == 0 else {}
            response = await ask(upstream, wire, stream=stream, **thinking, **usage, **more)
            told = parts(wire, response.content, stream)
            order.append([name for name, _ in told])
            for name, value in told:
                extra = paths(value) - shapes[name] - SPARE.get((wire.name, name), set())
                if extra:
                    wrong.setdefault(name, set()).update(extra)
    assert shapes
    assert not wrong
    if wire.name in {"responses", "anthropic"} and stream:
        assert follows(order) <= follows(orders), follows(order) - follows(orders)
