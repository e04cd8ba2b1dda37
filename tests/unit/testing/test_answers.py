"""The default turn: it calls tools, matches schemas, and otherwise repeats the prompt."""

from __future__ import annotations

import json

from ratatoskr.testing import ParsedRequest
from ratatoskr.testing.answers import make_default_turn
from ratatoskr.testing.turns import OfferedTool
from unit.testing.wires import SCHEMA


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


def parsed(**fields):
    return ParsedRequest("openai", "m", prompt="Moin", **fields)


def test_a_required_tool_is_called_before_the_first_one():
    tools = (OfferedTool("one", SCHEMA), OfferedTool("two", {}))
    assert [make_default_turn(parsed(tools=tools, choice=choice)).tool_calls[0].name for choice in (None, "two")] == [
        "one",
        "two",
    ]
    assert make_default_turn(parsed(tools=tools, choice="none")).tool_calls == ()


def test_json_and_reasoning_come_where_they_are_requested():
    assert json.loads(make_default_turn(parsed(json_mode=True)).text)
    assert make_default_turn(parsed(schema=SCHEMA)).text == '{"city":"city","degrees":3}'
    assert make_default_turn(parsed(thinking=True)).reasoning
    assert not make_default_turn(parsed()).reasoning


def test_a_text_repeats_the_start_of_the_prompt_or_the_results():
    assert make_default_turn(parsed()).text.endswith(": Moin")
    assert make_default_turn(parsed(results=("22 degrees", "rain"))).text == "The tool says: 22 degrees | rain"
