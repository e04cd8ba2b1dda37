"""Breakpoints of prompt caches."""

from __future__ import annotations

import pytest

from ratatoskr.types.message import Message
from ratatoskr.types.part import TextPart, ToolCall, ToolResult
from ratatoskr.types.tool import ToolDefinition

EPHEMERAL = {"cache_control": {"type": "ephemeral"}}
HISTORY = (
    Message.system(TextPart("Long.", cache=True)),
    Message.user(["a", TextPart("b", cache=True)]),
    Message.assistant((TextPart("x", cache=True), ToolCall("1", "f", "{}", cache=True))),
    Message("tool", (ToolResult("1", "r", cache=True),)),
)
TOOL = ToolDefinition("f", "", {}, cache=True)


@pytest.mark.parametrize("model", ["anthropic/claude-opus-5", "google/gemini-3-pro"])
def test_openrouter_marks_parts_calls_results_and_tools(wire, model):
    body = wire.at("openrouter", model=model).body(*HISTORY, tools=(TOOL,))
    system, user, assistant, tool = body["messages"]
    assert system["content"] == [{"type": "text", "text": "Long.", **EPHEMERAL}]
    assert user["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b", **EPHEMERAL}]
    assert assistant["content"] == [{"type": "text", "text": "x", **EPHEMERAL}]
    assert assistant["tool_calls"][0]["cache_control"] == {"type": "ephemeral"}
    assert tool["content"] == [{"type": "text", "text": "r", **EPHEMERAL}]
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral"}


def test_other_models_cache_by_themselves(wire):
    body = wire.at("openrouter", model="openai/gpt-5").body(*HISTORY, tools=(TOOL,), cache_prompt=True)
    assert "cache_control" not in str(body)


def test_breakpoints_in_openais_words(wire):
    (message,) = wire.at("openai", "cache_breakpoints").messages(Message.user([TextPart("a", cache=True)]))
    assert message["content"] == [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}]
    assert wire.body(cache_prompt=False)["prompt_cache_options"] == {"mode": "explicit"}
    assert "prompt_cache" not in str(wire.body(cache_prompt=True))


def test_cache_prompt_marks_the_instructions_and_the_end_of_the_prompt(wire):
    wire.at("cache_control")
    messages = wire.messages(
        Message.system("S"), "one", Message.assistant("two"), Message.user(["3", "4"]), cache_prompt=True
    )
    assert messages == [
        {"role": "system", "content": [{"type": "text", "text": "S", **EPHEMERAL}]},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "3"}, {"type": "text", "text": "4", **EPHEMERAL}]},
    ]


def test_the_callers_own_breakpoints_stand(wire):
    wire.at("cache_control")
    messages = wire.messages(Message.user(TextPart("a", cache=True)), Message.user("b"), cache_prompt=True)
    assert messages[1] == {"role": "user", "content": "b"}
    assert "cache_control" not in str(wire.messages("a", cache_prompt=False))
