"""Turns: texts in pieces, arguments as JSON, finish reasons and usage that follow from the rest."""

from __future__ import annotations

import pytest

from ratatoskr.testing import ParsedRequest, ScriptedToolCall, ScriptedTurn, TokenCounts
from ratatoskr.testing.turns import encode_json, join_text, split_text


@pytest.mark.parametrize(
    ("text", "count", "pieces"),
    [
        ("abcdef", 4, ["ab", "cd", "ef"]),
        ("abc", 9, ["a", "b", "c"]),
        ("abc", 0, ["abc"]),
        ("", 4, []),
        (["a", "bc"], 1, ["a", "bc"]),
    ],
)
def test_a_text_is_split_and_joined_again(text, count, pieces):
    assert split_text(text, count) == pieces
    assert join_text(pieces) == join_text(text)


def test_a_lone_surrogate_is_escaped():
    assert encode_json({"a": "\ud83d"}) == b'{"a":"\\ud83d"}'
    assert encode_json({"a": "ü"}) == '{"a":"ü"}'.encode()


def test_arguments_are_json_or_what_the_model_wrote():
    assert ScriptedToolCall("f", {"a": 1}).json == '{"a":1}'
    assert ScriptedToolCall("f", '{"a": ').json == '{"a": '
    assert ScriptedToolCall("f", ['{"a"', ": 1}"]).json == ['{"a"', ": 1}"]


def test_the_finish_reason_follows_from_the_calls():
    call = ScriptedToolCall("f")
    turns = [ScriptedTurn("a"), ScriptedTurn(tool_calls=[call]), ScriptedTurn(tool_calls=[call], finish="length")]
    assert [turn.finish_reason for turn in turns] == ["stop", "tool_calls", "length"]


def test_the_usage_is_given_or_estimated():
    request = ParsedRequest("openai", "m", size=400)
    turn = ScriptedTurn("x" * 40, reasoning="y" * 41, tool_calls=[ScriptedToolCall("f", "z" * 20)])
    assert turn.usage_for(request) == TokenCounts(input=100, output=15, reasoning=11)
    assert ScriptedTurn().usage_for(ParsedRequest("openai", "m")) == TokenCounts(input=1, output=1)
    given = TokenCounts(1, 2, 3, 4, 5)
    assert ScriptedTurn("x", usage=given).usage_for(request) is given
    assert (given.total_input, given.total_output) == (10, 5)
