"""Reasoning parameters, and thinking in all the forms in which hosts send it."""

from __future__ import annotations

import pytest

from ratatoskr.types.chat import ReasoningConfig
from ratatoskr.types.event import ContentDelta, Done, ReasoningDelta
from ratatoskr.types.message import Message
from ratatoskr.types.part import (
    ReasoningPart,
    TextPart,
)
from unit.wire.chat_completions.states import state


@pytest.mark.parametrize("member", ["reasoning", "reasoning_content"])
def test_thinking_in_a_separate_member(wire, member):
    events, turn = wire.deltas({member: "H", "content": ""}, {member: "m.", "content": None}, {"content": "Yes"})
    assert events == [
        ReasoningDelta("H"),
        ReasoningDelta("m."),
        ContentDelta("Yes", part=1),
        Done("stop"),
    ]
    expected = (ReasoningPart("Hm.", state=state(b'"%s"' % member.encode())), TextPart("Yes"))
    assert turn.parts() == expected
    assert wire.decode({"content": "Yes", member: "Hm."}).parts() == expected


def test_thinking_that_is_in_two_members_is_read_once(wire):
    _, turn = wire.deltas({"reasoning": "Hm.", "reasoning_content": "Hm."}, {"content": "Yes"})
    assert [part.text for part in turn.parts()] == ["Hm.", "Yes"]


def test_reasoning_details_and_reasoning_are_the_same_text(wire):
    def piece(text, **more):
        return {"type": "reasoning.text", "text": text, "format": "f", "index": 0, **more}

    events, turn = wire.deltas(
        {"content": "", "reasoning": "H", "reasoning_details": [piece("H")]},
        {"content": "", "reasoning": "m.", "reasoning_details": [piece("m.")]},
        {"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}]},
        {"content": "Yes"},
    )
    assert [e.text for e in events if isinstance(e, ReasoningDelta)] == ["H", "m."]
    complete = wire.decode({"content": "Yes", "reasoning": "Hm.", "reasoning_details": [piece("Hm.", signature="s")]})
    assert turn.parts() == complete.parts()
    data = b'{"type":"reasoning.text","text":"Hm.","format":"f","index":0,"signature":"s"}'
    assert turn.parts() == (ReasoningPart("Hm.", state=state(data)), TextPart("Yes"))


def test_details_of_one_index_and_two_types_are_two_items(wire):
    summary = {"type": "reasoning.summary", "summary": "a", "index": 0}
    sealed = {"type": "reasoning.encrypted", "data": "x=", "index": 0}
    _, turn = wire.deltas(
        {"reasoning": "a", "reasoning_details": [summary]},
        {"reasoning": None, "reasoning_details": [sealed]},
        {"reasoning": "a", "reasoning_details": [summary]},
        {"reasoning_details": [{**sealed, "data": "y="}]},
    )
    first, second = turn.parts()
    assert (first.text, first.state[0].data) == ("aa", b'{"type":"reasoning.summary","summary":"aa","index":0}')
    assert (second.text, second.state[0].data) == ("", b'{"type":"reasoning.encrypted","data":"x=y=","index":0}')


def test_items_with_different_ids_are_not_joined(wire):
    items = [{"type": "reasoning.encrypted", "data": "x", "id": name, "index": 0} for name in ("a", "b")]
    _, turn = wire.deltas(*({"reasoning_details": [item]} for item in items))
    assert turn.parts() == wire.decode({"reasoning_details": items}).parts()
    assert len(turn.parts()) == 2


def test_a_signed_thought_without_text_is_kept(wire):
    item = {"type": "reasoning.text", "text": "", "signature": "s", "index": 0}
    _, turn = wire.deltas({"reasoning": "", "reasoning_details": [item]}, {"content": "Yes"})
    assert turn.parts()[0] == ReasoningPart(
        "", state=state(b'{"type":"reasoning.text","text":"","signature":"s","index":0}')
    )


def test_thinking_beside_details_without_text_is_not_lost(wire):
    item = {"type": "reasoning.encrypted", "data": "x", "index": 0}
    turn = wire.decode({"reasoning": "Hm.", "reasoning_details": [item], "content": "Yes"})
    assert [part.text for part in turn.parts()] == ["", "Hm.", "Yes"]


def test_an_item_of_thinking_joins_a_split_surrogate_pair(wire):
    half = [
        rb'{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"a\ud83d","index":0}]}}]}',
        rb'{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"\ude00b","index":0}]}}]}',
    ]
    _, turn = wire.stream(*half, wire.chunk({}, "stop"))
    assert turn.parts()[0].text == "a😀b"
    assert turn.parts()[0].state[0].data.decode() == '{"type":"reasoning.text","text":"a😀b","index":0}'


def test_googles_extra_content_marks_thinking_and_signs_text(wire):
    signed = {"google": {"thought_signature": "c2ln"}}
    _, turn = wire.deltas(
        {"content": "Hm", "extra_content": {"google": {"thought": True}}},
        {"content": "Hi"},
        {"content": "", "extra_content": signed},
    )
    thought, text = turn.parts()
    assert thought == ReasoningPart("Hm", state=state(b'"content"'))
    assert text == TextPart("Hi", state=state(b'{"extra_content":{"google":{"thought_signature":"c2ln"}}}'))
    assert wire.decode({"content": "Hi", "extra_content": signed}).parts() == (text,)
    (back,) = wire.messages(Message.assistant(turn.parts()))
    assert back["extra_content"] == signed
    assert back["content"] == "Hi"
    (silent,) = wire.messages(Message.assistant(wire.decode({"content": None, "extra_content": signed}).parts()))
    assert silent == {"role": "assistant", "content": None, "extra_content": signed}
    assert wire.decode({"content": "Hi", "extra_content": None}).parts() == (TextPart("Hi"),)


GRADED = {
    "thinking": "effort",
    "efforts": {"none": "none", "low": "low", "high": "high", "max": "xhigh"},
    "off": "none",
}


def reasoning(wire, config):
    body = wire.body(reasoning=config)
    del body["model"], body["messages"]
    return body


@pytest.mark.parametrize(("effort", "name"), [("low", "low"), ("max", "xhigh"), ("none", "none")])
def test_an_effort_as_the_model_names_it(wire, effort, name):
    assert reasoning(wire.at(**GRADED), effort) == {"reasoning_effort": name}


def test_the_lowest_effort_replaces_none(wire):
    wire.at(thinking="effort", efforts={"low": "low", "high": "high"}, off="lowest")
    assert reasoning(wire, "none") == {"reasoning_effort": "low"}


def test_switches(wire):
    wire.at(thinking="switch", off="disabled")
    assert reasoning(wire, "none") == {"thinking": {"type": "disabled"}}
    assert reasoning(wire, "high") == {"thinking": {"type": "enabled"}}
    assert reasoning(wire.at("enable_thinking", thinking="switch"), "high") == {"enable_thinking": True}
    assert reasoning(wire.at("template_thinking", thinking="switch"), "none") == {
        "chat_template_kwargs": {"enable_thinking": False}
    }


def test_a_switch_with_efforts(wire):
    wire.at(thinking="switch", efforts={"high": "max"})
    assert reasoning(wire, "high") == {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}


def test_efforts_with_a_switch_to_turn_them_off(wire):
    wire.at(thinking="effort", efforts={"high": "high"}, off="disabled")
    assert reasoning(wire, "none") == {"thinking": {"type": "disabled"}}
    assert reasoning(wire, "high") == {"reasoning_effort": "high"}


def test_a_budget(wire):
    wire.at(thinking="budget", off="zero")
    assert reasoning(wire, ReasoningConfig(budget_tokens=99)) == {"thinking": {"type": "enabled", "budget_tokens": 99}}
    assert reasoning(wire, "none") == {"thinking": {"type": "enabled", "budget_tokens": 0}}


@pytest.mark.parametrize(
    ("config", "members"),
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
def test_openrouters_object(wire, config, members):
    assert reasoning(wire.at("openrouter", thinking="effort", off="none"), config) == {"reasoning": members}


def test_groqs_reasoning_format(wire):
    wire.at("groq", model="qwen/qwen3-32b", thinking="effort", thinks=True)
    assert wire.body()["reasoning_format"] == "parsed"
    assert reasoning(wire, ReasoningConfig("low", include=False)) == {
        "reasoning_effort": "low",
        "reasoning_format": "hidden",
    }
    wire.at("groq", model="openai/gpt-oss-20b", thinking="effort", thinks=True)
    assert reasoning(wire, ReasoningConfig("low", include=False)) == {
        "reasoning_effort": "low",
        "include_reasoning": False,
    }
    assert "reasoning_format" not in wire.at("groq", model="llama-3.3-70b").body()
