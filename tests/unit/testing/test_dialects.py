"""Each dialect says what a turn says, at once and in streams, and reads what a request asks for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream, TokenCounts, fault
from unit.testing.wires import SCHEMA, WIRES, joined

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


async def test_chat_completions_tells_usage_in_streams_only_when_asked(ask):
    wire = WIRES["chat"]
    async with ScriptedUpstream(TURN) as upstream:
        without = wire.events((await ask(upstream, wire, stream=True)).content)
        options = {"stream_options": {"include_usage": True}}
        asked = wire.events((await ask(upstream, wire, stream=True, **options)).content)
    assert not any("usage" in data for _, data in without[:-1])
    assert [data["usage"] for _, data in asked[:-2]] == [None] * (len(asked) - 2)
    assert asked[-2][1]["choices"] == []
    assert asked[-2][1]["usage"]["total_tokens"] == 40
    assert asked[-1][1] == "[DONE]"


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


async def test_gemini_blocks_a_prompt_without_candidates(ask):
    async with ScriptedUpstream(ScriptedTurn(finish="content_filter")) as upstream:
        document = (await ask(upstream, WIRES["gemini"])).json()
    assert document["promptFeedback"] == {"blockReason": "SAFETY"}
    assert "candidates" not in document


async def test_gemini_without_sse_streams_one_array(client):
    async with ScriptedUpstream(TURN) as upstream:
        address = upstream.base_url("google") + "/v1/models/some-model:streamGenerateContent"
        response = await client.post(address, json=WIRES["gemini"].body())
    parts = [part for one in response.json() for part in one["candidates"][0]["content"]["parts"]]
    assert "".join(p["text"] for p in parts if not p.get("thought")) == TURN.text


async def test_responses_number_their_events_and_end_once(ask):
    async with ScriptedUpstream(replace(TURN, refusal="No more.")) as upstream:
        events = WIRES["responses"].events((await ask(upstream, WIRES["responses"], stream=True)).content)
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    assert [name for name, _ in events if name in {"response.completed", "response.incomplete"}] == [events[-1][0]]
    assert all(name == data["type"] for name, data in events)


async def test_anthropic_names_a_refused_request_alike_in_head_and_body(ask):
    async with ScriptedUpstream(fault("overloaded")) as upstream:
        response = await ask(upstream, WIRES["anthropic"])
    assert response.json()["request_id"] == response.headers["request-id"]


async def test_blocks_go_out_as_they_are(ask):
    block = {"type": "redacted_thinking", "data": "b3BhcXVl"}
    async with ScriptedUpstream(ScriptedTurn("Hello", blocks=[block])) as upstream:
        document = (await ask(upstream, WIRES["anthropic"])).json()
        events = WIRES["anthropic"].events((await ask(upstream, WIRES["anthropic"], stream=True)).content)
    assert document["content"][0] == block
    assert events[1][1]["content_block"] == block


async def test_ollama_generates_too(client, upstream):
    wire = WIRES["ollama"]
    body = {"model": "m", "prompt": "Tell me.", "stream": False}
    whole = (await client.post(upstream.base_url("ollama") + "/api/generate", json=body)).json()
    assert whole["done"] is True
    streamed = await client.post(upstream.base_url("ollama") + "/api/generate", json={**body, "stream": True})
    assert "".join(data["response"] for _, data in wire.events(streamed.content)) == whole["response"]


def with_tools(wire):
    weather = {"name": "weather", "description": "Tells it.", "parameters": SCHEMA}
    match wire.name:
        case "responses":
            return {"tools": [{"type": "function", **weather}]}
        case "anthropic":
            return {"tools": [{"name": "weather", "input_schema": SCHEMA}]}
        case "gemini":
            return {"tools": [{"functionDeclarations": [weather]}]}
    return {"tools": [{"type": "function", "function": weather}]}


RESULTS = {
    "responses": {"type": "function_call_output", "call_id": "c", "output": "22 degrees"},
    "anthropic": {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "22 degrees"}]}],
    },
    "gemini": {
        "role": "user",
        "parts": [{"functionResponse": {"name": "weather", "response": {"said": "22 degrees"}}}],
    },
    "ollama": {"role": "tool", "tool_name": "weather", "content": "22 degrees"},
}


async def test_by_itself_a_tool_is_called_and_its_result_is_used(wire, ask, client, upstream):
    first = await ask(upstream, wire, **with_tools(wire))
    assert upstream.last.asked.tools[0].name == "weather"
    assert '"city' in first.text.replace("\\", "")
    assert "3" in first.text
    body = wire.body(**with_tools(wire))
    history = body["input" if wire.name == "responses" else "contents" if wire.name == "gemini" else "messages"]
    history.append(RESULTS.get(wire.name, {"role": "tool", "tool_call_id": "c", "content": "22 degrees"}))
    second = await client.post(wire.address(upstream), json=body, headers=wire.headers)
    assert upstream.last.asked.results[0].count("22 degrees") == 1
    assert "22 degrees" in second.text.replace("\\", "")


FORMATS = {
    "responses": {"text": {"format": {"type": "json_schema", "name": "w", "schema": SCHEMA, "strict": True}}},
    "anthropic": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "gemini": {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
    "ollama": {"format": SCHEMA},
}


async def test_by_itself_an_answer_fits_the_schema_that_was_asked_for(wire, ask, upstream):
    chat = {"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA}}}
    response = await ask(upstream, wire, **FORMATS.get(wire.name, chat))
    assert upstream.last.asked.schema == SCHEMA
    assert '{\\"city\\":\\"city\\",\\"degrees\\":3}' in response.text
