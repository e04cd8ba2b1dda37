"""Messages of the assistant: thinking, opaque members and refusals go back in the members in which they came."""

from __future__ import annotations

import json
import re

import pytest

from ratatoskr.errors import InvalidInput
from ratatoskr.types.message import Message, dump_messages, load_messages
from ratatoskr.types.part import ProviderState, ReasoningPart, TextPart, ToolCall
from ratatoskr.wire.turn import REFUSAL_STATE


def codes(encoded):
    return [(notice.code, notice.field) for notice in encoded.notices]


@pytest.mark.parametrize("part", [ReasoningPart("Hm."), ReasoningPart("")])
def test_a_message_of_which_nothing_can_be_sent_is_left_out(wire, part):
    """Moonshot refuses a message of the assistant with neither content nor calls, as Mistral does."""
    encoded = wire.request("a", Message.assistant([part]), "b")
    assert encoded.body["messages"] == [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    assert [code for code, _ in codes(encoded)] == ["foreign_state_dropped"]
    with pytest.raises(InvalidInput) as refused:
        wire.request(Message.assistant([part]))
    assert refused.value.field == "messages"


def test_mistral_is_sent_no_empty_answer(wire):
    assert [one["role"] for one in wire.messages("a", Message.assistant(""), "b")] == ["user", "assistant", "user"]
    assert [one["role"] for one in wire.at("mistral").messages("a", Message.assistant(""), "b")] == ["user", "user"]


@pytest.mark.parametrize("flags", [(), ("groq",), ("openai",)])
@pytest.mark.parametrize("member", ["reasoning", "reasoning_content", "reasoning_text"])
def test_thinking_is_sent_back_in_the_member_in_which_it_came(wire, flags, member):
    wire.at(*flags)
    answer = Message("assistant", wire.decode({member: "Hm.", "content": "Yes."}).parts())
    assert answer.reasoning == "Hm."
    encoded = wire.request(answer)
    assert encoded.body["messages"] == [{"role": "assistant", "content": "Yes.", member: "Hm."}]
    assert encoded.notices == []
    other = wire.at(provider="other").request(answer)
    assert other.body["messages"] == [{"role": "assistant", "content": "Yes."}]
    assert codes(other) == [("foreign_state_dropped", "messages[0].content[0]")]


def test_thinking_that_has_no_member_to_go_back_in_is_named_in_a_notice(wire):
    thought = {"content": "Hm.", "extra_content": {"google": {"thought": True}}}
    _, turn = wire.deltas(thought, {"content": "Yes."})
    encoded = wire.request(Message("assistant", turn.parts()))
    assert encoded.body["messages"] == [{"role": "assistant", "content": "Yes."}]
    assert codes(encoded) == [("reasoning_dropped", "messages[0].content[0]")]


BLOCKS = [
    {"type": "thinking", "thinking": "Hm. Well.", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "cmVk"},
    {"type": "thinking", "thinking": "So.", "signature": "c2lnMg=="},
]
OPAQUE = {"reasoning_opaque": "b3BhcXVl", "reasoning_encrypted": {"data": "ZW5j"}, "thinking_blocks": BLOCKS}


@pytest.mark.parametrize("member", OPAQUE)
@pytest.mark.parametrize("text", [{}, {"reasoning_content": "Hm."}])
def test_opaque_members_go_back_to_their_issuer_only(wire, member, text):
    answer = Message("assistant", wire.decode({**text, member: OPAQUE[member], "content": "Yes."}).parts())
    assert load_messages(dump_messages([answer])) == [answer]
    assert wire.messages(answer) == [{"role": "assistant", "content": "Yes.", **text, member: OPAQUE[member]}]
    other = wire.at(provider="other").request(answer)
    assert other.body["messages"] == [{"role": "assistant", "content": "Yes."}]
    assert [code for code, _ in codes(other)] == ["foreign_state_dropped"]


def test_an_opaque_member_behind_the_text_goes_back_too(wire):
    _, turn = wire.deltas({"content": "Yes."}, {"reasoning_opaque": None}, {"reasoning_opaque": "b3A="})
    assert wire.messages(Message("assistant", turn.parts())) == [
        {"role": "assistant", "content": "Yes.", "reasoning_opaque": "b3A="}
    ]


def test_blocks_of_thinking_that_were_streamed_are_joined(wire):
    deltas = [
        [{"type": "thinking", "thinking": "Hm. ", "signature": None}],
        [{"type": "thinking", "thinking": "Well."}],
        [{"type": "thinking", "thinking": "", "signature": "c2ln"}],
        [BLOCKS[1]],
        [{"type": "thinking", "thinking": "So."}, {"type": "thinking", "thinking": "", "signature": "c2lnMg=="}],
    ]
    _, turn = wire.deltas(*({"thinking_blocks": delta} for delta in deltas), {"content": "Yes."})
    assert wire.messages(Message("assistant", turn.parts()))[0]["thinking_blocks"] == BLOCKS


@pytest.mark.parametrize("content", [None, "I think: "])
def test_a_refusal_goes_back_as_one(wire, content):
    answer = Message("assistant", wire.decode({"content": content, "refusal": "No."}).parts())
    encoded = wire.request(answer)
    assert encoded.body["messages"] == [{"role": "assistant", "content": content, "refusal": "No."}]
    assert encoded.notices == []
    other = wire.at(provider="other").request(answer)
    assert other.body["messages"] == [{"role": "assistant", "content": f"{content or ''}No."}]
    assert [code for code, _ in codes(other)] == ["foreign_state_dropped"]


def test_a_refusal_of_another_dialect_is_one_at_openai(wire):
    state = (ProviderState("openai/responses/gpt-5.4", REFUSAL_STATE),)
    refused = Message.assistant([TextPart("No.", state=state)])
    assert wire.at("openai").messages(refused) == [{"role": "assistant", "content": None, "refusal": "No."}]
    assert wire.at().messages(refused) == [{"role": "assistant", "content": "No."}]


@pytest.mark.parametrize("arguments", ["", "  \n", "null", " null "])
def test_blank_arguments_are_an_empty_object(wire, arguments):
    (message,) = wire.messages(Message.assistant(ToolCall("c1", "f", arguments)))
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


def test_arguments_keep_their_white_space(wire):
    (message,) = wire.messages(Message.assistant(ToolCall("c1", "f", '{ "a": 1.0 }\n')))
    assert message["tool_calls"][0]["function"]["arguments"] == '{ "a": 1.0 }\n'


@pytest.mark.parametrize("arguments", ['{"a": "b', "[1]", '"a"', "f(1)"])
def test_arguments_that_are_no_object_go_into_one(wire, arguments):
    encoded = wire.request(Message.assistant(ToolCall("c1", "f", arguments)))
    sent = encoded.body["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"INVALID_JSON": arguments}
    assert codes(encoded) == [("arguments_replaced", "messages[0].content[0]")]


@pytest.mark.parametrize(
    ("model", "accepted"),
    [("anthropic/claude-opus-4.5", r"[A-Za-z0-9_-]{1,64}"), ("openai/gpt-5", r".{1,40}"), ("mistralai/m", r"\w{9}")],
)
def test_ids_fit_the_vendor_behind_openrouter(wire, model, accepted):
    call = ToolCall(f"functions.get weather:0{'x' * 60}", "get", "{}")
    first, second = wire.at("openrouter", model=model).messages(
        Message.assistant(call), Message.tool_results(call.result("ok"))
    )
    assert first["tool_calls"][0]["id"] == second["tool_call_id"]
    assert re.fullmatch(accepted, second["tool_call_id"])
    own = wire.at("openrouter", model="moonshotai/kimi-k2").messages(Message.assistant(call))
    assert own[0]["tool_calls"][0]["id"] == call.id


def test_the_last_message_is_one_that_mistral_continues(wire):
    wire.at("mistral")
    assert wire.messages("a", Message.assistant("b"))[-1] == {"role": "assistant", "content": "b", "prefix": True}
    assert "prefix" not in wire.messages("a", Message.assistant("b"), "c")[1]
    encoded = wire.request(Message.system("Be brief."))
    assert encoded.body["messages"] == [{"role": "user", "content": "Be brief."}]
    assert codes(encoded) == [("system_as_user", "messages")]
    call = ToolCall("abcdefghi", "f", "{}")
    behind = wire.messages(
        "a", Message.assistant([call]), Message.tool_results(call.result("r")), Message.system("Now.")
    )
    assert [message["role"] for message in behind] == ["user", "assistant", "tool", "assistant", "user"]


def test_an_opaque_member_alone_has_an_empty_content(wire):
    answer = Message("assistant", wire.decode({"content": None, "reasoning_opaque": "x"}).parts())
    assert wire.messages(answer) == [{"role": "assistant", "content": "", "reasoning_opaque": "x"}]
