"""Tools, the choice among them, and function calls whose arguments come in pieces."""

from __future__ import annotations

from typing import Any

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import Done, ToolCallDelta, ToolCallEnd, ToolCallStart
from ratatoskr.types.part import ToolCall
from ratatoskr.types.rules import ModelRules
from ratatoskr.types.tool import ProviderTool, ToolDefinition
from unit.wire.gemini.samples import ADD, chunk, decode_parts, decode_stream, encode_body, signature_state


def test_functions_stand_together_and_a_providers_tool_in_its_place():
    search = ProviderTool("google", {"googleSearch": {}})
    two = ToolDefinition("two.b", "", {"type": "object"})
    said = encode_body(tools=(search, ADD, ProviderTool("google", {"urlContext": {}}), two))
    assert said["tools"] == [
        {"googleSearch": {}},
        {
            "functionDeclarations": [
                {"name": "add", "description": "Add two numbers.", "parametersJsonSchema": dict(ADD.parameters)},
                {"name": "two.b", "parametersJsonSchema": {"type": "object"}},
            ]
        },
        {"urlContext": {}},
    ]
    assert said["toolConfig"] == {"includeServerSideToolInvocations": True}


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("add", {"mode": "ANY", "allowedFunctionNames": ["add"]}),
    ],
)
def test_a_choice_of_tools_is_a_mode(choice: str, config: Any):
    assert encode_body(tools=(ADD,), tool_choice=choice)["toolConfig"] == {"functionCallingConfig": config}


def test_no_choice_sends_nothing_and_a_strict_tool_asks_for_validation():
    assert "toolConfig" not in encode_body(tools=(ADD,))
    strict = ToolDefinition("add", "", {"type": "object"}, strict=True)
    assert encode_body(tools=(strict, ADD))["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    loose = ToolDefinition("loose", "", {"type": "object"}, strict=False)
    assert "toolConfig" not in encode_body(tools=(strict, loose))
    assert "toolConfig" not in encode_body(tools=(strict,), rules=ModelRules())


def test_arguments_in_pieces_give_events_when_they_are_complete():
    pieces = [
        {"name": "f", "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.city", "stringValue": "Bos", "willContinue": True}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.city", "stringValue": "ton"}], "willContinue": True},
        {
            "partialArgs": [
                {"jsonPath": "$.days[0].n", "numberValue": 3},
                {"jsonPath": "$.days[0]['a b']", "boolValue": True},
            ],
            "willContinue": True,
        },
        {"partialArgs": [{"jsonPath": "$.days[1]", "nullValue": "NULL_VALUE"}], "willContinue": True},
        {},
    ]
    events, turn = decode_stream(*[chunk({"functionCall": piece}) for piece in pieces], chunk(finish="STOP"))
    (call,) = turn.parts()
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"city":"Boston","days":[{"n":3,"a b":true},null]}'
    assert [type(event) for event in events[:3]] == [ToolCallStart, ToolCallDelta, ToolCallEnd]
    cut, turn = decode_stream(*[chunk({"functionCall": piece}) for piece in pieces[:3]], chunk(finish="MAX_TOKENS"))
    assert cut == [Done("length")]
    assert turn.parts() == ()


def test_a_call_continues_if_only_the_piece_of_its_argument_says_so():
    begun = {"name": "f", "partialArgs": [{"jsonPath": "$.a", "stringValue": "b", "willContinue": True}]}
    events, turn = decode_stream(
        chunk({"functionCall": begun}),
        chunk({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "c"}]}}),
        chunk({"functionCall": {}}, finish="STOP"),
    )
    (call,) = turn.parts()
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"a":"bc"}'
    assert events[-1] == Done("tool_calls")


def test_an_answer_that_stops_inside_a_call_is_malformed():
    begun = chunk({"functionCall": {"name": "f", "willContinue": True}})
    with pytest.raises(MalformedResponse, match="inside a function call"):
        decode_stream(begun, chunk(finish="STOP"))
    with pytest.raises(MalformedResponse, match="before the previous one had ended"):
        decode_stream(begun, chunk({"functionCall": {"name": "g", "args": {}}}, finish="STOP"))


@pytest.mark.parametrize("path", ["city", "$", "$[0]", "$.a[", "$.a[5]", "$.a.b.c[x]"])
def test_pieces_that_do_not_fit_are_malformed(path: str):
    with pytest.raises(MalformedResponse):
        decode_stream(chunk({"functionCall": {"name": "f", "partialArgs": [{"jsonPath": path, "stringValue": "x"}]}}))


def call_part(name: str | None = None, args: Any = None, **more: Any) -> dict[str, Any]:
    members = {"name": name, "args": args}
    return {"functionCall": {key: value for key, value in members.items() if value is not None}} | more


@pytest.mark.parametrize("first", [{}, None])
def test_arguments_without_a_name_belong_to_the_call_without_arguments_before_them(first: Any):
    parts = (call_part("ls", first, thoughtSignature="c2ln"), call_part(args={"path": "/x"}))
    events, turn = decode_stream(*(chunk(part) for part in parts), chunk(finish="STOP"))
    [call] = turn.parts()
    assert isinstance(call, ToolCall)
    assert (call.name, call.args()) == ("ls", {"path": "/x"})
    assert call.state == signature_state("c2ln")
    assert [event.call for event in events if isinstance(event, ToolCallEnd)] == [call]
    assert turn.finish_reason == "tool_calls"
    assert decode_parts(*parts).parts() == turn.parts()


@pytest.mark.parametrize("behind", [[{"text": "."}], [call_part("pwd", {})], [call_part("cat", {"a": 1})], []])
def test_a_call_without_arguments_is_whole_when_something_else_follows(behind: list[Any]):
    events, turn = decode_stream(chunk(call_part("ls", {}), *behind), chunk(finish="STOP"))
    assert turn.parts() == decode_parts(call_part("ls", {}), *behind).parts()
    first = next(event for event in events if isinstance(event, ToolCallEnd))
    assert (first.call.name, first.call.arguments) == ("ls", "{}")
    assert events.index(first) == 2, "its end comes before what follows"


@pytest.mark.parametrize("before", [[], [call_part("ls", {"a": 1})], [call_part("ls"), {"text": "."}]])
def test_arguments_of_no_call_before_them_are_a_call_without_a_name(before: list[Any]):
    call = decode_parts(*before, call_part(args={"b": 2})).parts()[-1]
    assert isinstance(call, ToolCall)
    assert (call.name, call.args()) == ("", {"b": 2})
