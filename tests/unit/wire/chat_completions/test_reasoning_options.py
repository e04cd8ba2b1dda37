"""How deep to think, in the words of each kind of host."""

from __future__ import annotations

import pytest

from ratatoskr.types.chat import ReasoningConfig

GRADED = {
    "thinking": "effort",
    "efforts": {"none": "none", "low": "low", "high": "high", "max": "xhigh"},
    "off": "none",
}


def said(wire, wanted):
    body = wire.body(reasoning=wanted)
    del body["model"], body["messages"]
    return body


@pytest.mark.parametrize(("effort", "word"), [("low", "low"), ("max", "xhigh"), ("none", "none")])
def test_an_effort_in_the_models_word(wire, effort, word):
    assert said(wire.at(**GRADED), effort) == {"reasoning_effort": word}


def test_the_lowest_effort_stands_for_none_where_it_is_near_enough(wire):
    wire.at(thinking="effort", efforts={"low": "low", "high": "high"}, off="lowest")
    assert said(wire, "none") == {"reasoning_effort": "low"}


def test_switches(wire):
    wire.at(thinking="switch", off="disabled")
    assert said(wire, "none") == {"thinking": {"type": "disabled"}}
    assert said(wire, "high") == {"thinking": {"type": "enabled"}}
    assert said(wire.at("enable_thinking", thinking="switch"), "high") == {"enable_thinking": True}
    assert said(wire.at("template_thinking", thinking="switch"), "none") == {
        "chat_template_kwargs": {"enable_thinking": False}
    }


def test_a_switch_with_efforts_says_both(wire):
    wire.at(thinking="switch", efforts={"high": "max"})
    assert said(wire, "high") == {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}


def test_efforts_with_a_switch_to_turn_them_off(wire):
    wire.at(thinking="effort", efforts={"high": "high"}, off="disabled")
    assert said(wire, "none") == {"thinking": {"type": "disabled"}}
    assert said(wire, "high") == {"reasoning_effort": "high"}


def test_a_budget(wire):
    wire.at(thinking="budget", off="zero")
    assert said(wire, ReasoningConfig(budget_tokens=99)) == {"thinking": {"type": "enabled", "budget_tokens": 99}}
    assert said(wire, "none") == {"thinking": {"type": "enabled", "budget_tokens": 0}}


@pytest.mark.parametrize(
    ("wanted", "object_"),
    [
        (ReasoningConfig("high"), {"effort": "high"}),
        (ReasoningConfig("none"), {"effort": "none"}),
        (ReasoningConfig(budget_tokens=2000), {"max_tokens": 2000}),
        (ReasoningConfig(budget_tokens=0), {"enabled": False}),
        (ReasoningConfig("low", include=False), {"effort": "low", "exclude": True}),
        (ReasoningConfig(), {"enabled": True}),
        (ReasoningConfig(include=False), {"exclude": True}),
    ],
)
def test_openrouters_object(wire, wanted, object_):
    assert said(wire.at("openrouter", thinking="effort", off="none"), wanted) == {"reasoning": object_}


def test_groq_is_asked_to_keep_thinking_out_of_the_text(wire):
    wire.at("groq", model="qwen/qwen3-32b", thinking="effort", thinks=True)
    assert wire.body()["reasoning_format"] == "parsed"
    assert said(wire, ReasoningConfig("low", include=False)) == {
        "reasoning_effort": "low",
        "reasoning_format": "hidden",
    }
    wire.at("groq", model="openai/gpt-oss-20b", thinking="effort", thinks=True)
    assert said(wire, ReasoningConfig("low", include=False)) == {"reasoning_effort": "low", "include_reasoning": False}
    assert "reasoning_format" not in wire.at("groq", model="llama-3.3-70b").body()
