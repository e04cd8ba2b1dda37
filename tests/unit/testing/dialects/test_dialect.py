"""Each dialect says what a turn says, at once and in streams, and reads what a request asks for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream, TokenCounts
from ratatoskr.testing.dialects.dialect import IdSequence
from ratatoskr.testing.routes import DIALECTS
from unit.testing.wires import ENDS, WIRES, joined

DIALECT_NAMES = dict.fromkeys(("chat", "openrouter", "huggingface"), "chat_completions")

TURN = ScriptedTurn(
    "Hello, it is warm.",
    reasoning="They ask about the weather.",
    usage=TokenCounts(input=10, output=20, reasoning=5, cache_read=3, cache_write=2),
    signature="c2lnbmVk",
    request_id="my-request",
)
CALLS = ScriptedTurn(
    "Let me look.",
    tool_calls=[ScriptedToolCall("weather", {"city": "Paris"}), ScriptedToolCall("time", '{"zone": "CET"}')],
)


@pytest.mark.parametrize("stream", [False, True])
async def test_text_thinking_and_usage_are_told(wire, stream, ask):
    async with ScriptedUpstream(TURN) as upstream:
        response = await ask(upstream, wire, stream=stream)
    assert response.status_code == 200
    text = response.text
    assert upstream.last.asked.stream is stream
    if stream:
        events = wire.events(response.content)
        assert len(events) > 4
        assert joined(wire, events, "text") == TURN.text
        assert joined(wire, events, "reasoning") == ("" if wire.name == "chat" else TURN.reasoning)
    else:
        assert TURN.text in text
        assert (TURN.reasoning in text) is (wire.name != "chat")
    signed = {"openrouter", "responses", "anthropic", "gemini"}
    assert ("c2lnbmVk" in text) is (wire.name in signed)
    known = [header for header, value in response.headers.items() if value == "my-request"]
    assert known in (["x-request-id"], ["request-id"], ["x-generation-id"])


USAGE = {
    "chat": {"prompt_tokens": 15, "completion_tokens": 25, "total_tokens": 40},
    "openrouter": {"prompt_tokens": 15, "completion_tokens": 25, "total_tokens": 40, "cost": 0.000123},
    "huggingface": {"prompt_tokens": 15, "completion_tokens": 25, "total_tokens": 40},
    "responses": {"input_tokens": 15, "output_tokens": 25, "total_tokens": 40},
    "anthropic": {
        "input_tokens": 10,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 2,
        "output_tokens": 25,
    },
    "gemini": {
        "promptTokenCount": 15,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 5,
    },
    "ollama": {"prompt_eval_count": 15, "eval_count": 25},
}


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_stands_where_the_dialect_puts_it(wire, stream, ask):
    extra = {"stream_options": {"include_usage": True}} if wire.name == "chat" and stream else {}
    if wire.name == "huggingface" and stream:
        extra = {"stream_options": {"include_usage": True}}
    async with ScriptedUpstream(TURN) as upstream:
        response = await ask(upstream, wire, stream=stream, **extra)
    document = response.json() if not stream else [d for _, d in wire.events(response.content) if d != "[DONE]"][-1]
    if wire.name == "anthropic" and stream:
        document = dict(wire.events(response.content))["message_delta"]
    found = document.get("response", document)
    usage = found.get("usage") or found.get("usageMetadata") or found
    assert {name: usage[name] for name in USAGE[wire.name]} == USAGE[wire.name]


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_are_told_with_their_arguments(wire, stream, ask):
    turn = CALLS
    if wire.name in {"gemini", "ollama", "anthropic"} and not stream:
        turn = replace(
            turn, tool_calls=[ScriptedToolCall("weather", {"city": "Paris"}), ScriptedToolCall("time", {"zone": "CET"})]
        )
    if wire.name in {"gemini", "ollama"}:
        turn = replace(
            turn, tool_calls=[ScriptedToolCall("weather", {"city": "Paris"}), ScriptedToolCall("time", {"zone": "CET"})]
        )
    async with ScriptedUpstream(turn) as upstream:
        response = await ask(upstream, wire, stream=stream)
    assert response.text.count("weather") >= 1
    if not stream:
        assert json.dumps({"city": "Paris"}, separators=(",", ":")).strip("{}") in response.text.replace("\\", "")
        return
    calls = {}
    for name, data in wire.events(response.content):
        if wire.name == "responses" and name == "response.function_call_arguments.delta":
            calls[data["output_index"]] = calls.get(data["output_index"], "") + data["delta"]
        elif wire.name == "anthropic" and name == "content_block_delta" and "partial_json" in data["delta"]:
            calls[data["index"]] = calls.get(data["index"], "") + data["delta"]["partial_json"]
        elif wire.name == "gemini":
            for part in data["candidates"][0]["content"]["parts"]:
                if "functionCall" in part:
                    calls[len(calls)] = json.dumps(part["functionCall"]["args"])
        elif wire.name == "ollama":
            for call in data["message"].get("tool_calls", []):
                calls[call["function"]["index"]] = json.dumps(call["function"]["arguments"])
        elif wire.name in {"chat", "openrouter", "huggingface"} and data != "[DONE]":
            for call in [c for choice in data["choices"] for c in choice["delta"].get("tool_calls", [])]:
                calls[call["index"]] = calls.get(call["index"], "") + call["function"]["arguments"]
    assert [json.loads(text) for text in calls.values()] == [{"city": "Paris"}, {"zone": "CET"}]


FINISH = {
    "stop": ["stop", "stop", "completed", "end_turn", "STOP", "stop"],
    "length": ["length", "length", "max_output_tokens", "max_tokens", "MAX_TOKENS", "length"],
    "content_filter": ["content_filter", "content_filter", "content_filter", "refusal", "SAFETY", "stop"],
    "paused": ["stop", "stop", "completed", "pause_turn", "CONTINUATION", "stop"],
    "strange": ["strange", "strange", "completed", "strange", "strange", "strange"],
}
ORDER = ["chat", "openrouter", "responses", "anthropic", "gemini", "ollama"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("word", "name"), [(word, name) for word in FINISH for name in ORDER])
async def test_finish_reasons_are_said_in_the_dialects_word(word, name, stream, ask):
    async with ScriptedUpstream(ScriptedTurn("Some text.", finish=word)) as upstream:
        response = await ask(upstream, WIRES[name], stream=stream)
    assert f'"{FINISH[word][ORDER.index(name)]}"' in response.text


TURNS = {
    "text": ScriptedTurn("Hello, you."),
    "thinking": ScriptedTurn("Hello.", reasoning="They greet."),
    "calls": ScriptedTurn(tool_calls=[ScriptedToolCall("look", {"at": "it"})]),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
async def test_a_response_knows_where_content_and_end_begin(wire, turn):
    """Faults are placed by these two."""
    dialect = DIALECTS[DIALECT_NAMES.get(wire.name, wire.name)]
    path = "/models/m:streamGenerateContent" if wire.name == "gemini" else wire.path
    request = dialect.parse(wire.provider, path, "alt=sse", {"anthropic-version": "2023-06-01"}, wire.body(stream=True))
    reply = dialect.reply(turn, request, IdSequence())

    def has_content(count):
        events = b"".join(reply.events[:count]).decode()
        said = [text for text in ("Hello", "They greet", "look", "Hel", "Th") if text in events]
        return bool(said)

    thinking_is_hidden = wire.name == "chat" and turn.reasoning
    assert has_content(reply.first + 1) or thinking_is_hidden
    assert reply.first <= reply.last < len(reply.events)
    assert not has_content(reply.first) or wire.name == "responses"
    told = [(number, *one) for number, event in enumerate(reply.events) for one in wire.events(event)]
    ends = [number for number, name, data in told if ENDS[wire.name](name, data)]
    assert ends
    assert all(n >= reply.last for n in ends)
