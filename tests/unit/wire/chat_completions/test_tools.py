"""Tool calls, in deltas and complete, and tools that Groq runs."""

from __future__ import annotations

import json

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import (
    Done,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from ratatoskr.types.part import (
    ServerToolCall,
    ServerToolResult,
    ToolCall,
)
from unit.wire.chat_completions.states import state


def test_tools_that_groq_runs(wire):
    begun = {"index": 0, "type": "search", "arguments": '{"q":1}'}
    done = {**begun, "output": "found"}
    _, turn = wire.deltas({"executed_tools": [begun]}, {"executed_tools": [done]}, {"content": "Hi"})
    call, result, _ = turn.parts()
    assert call == ServerToolCall("0", "search", '{"q":1}', state=state(b'"executed_tools"'))
    assert isinstance(result, ServerToolResult)
    assert '"output":"found"' in result.content
    complete = wire.decode({"content": "Hi", "executed_tools": [done]})
    assert complete.parts() == turn.parts()


def test_search_results_of_a_tool_without_output_are_kept(wire):
    ran = [{"type": "search", "arguments": "{}", "search_results": {"results": [n]}} for n in (1, 2)]
    parts = wire.decode({"content": "Hi", "executed_tools": ran}).parts()
    assert [part.type for part in parts] == [*["server_tool_call", "server_tool_result"] * 2, "text_part"]
    assert [part.tool_call_id for part in parts if isinstance(part, ServerToolResult)] == ["0", "1"]
    assert '"results":[2]' in parts[3].content


def piece(index=None, id=None, name=None, arguments=None, **more):
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    call = {"function": function, **more} if function else dict(more)
    return {"tool_calls": [call | {k: v for k, v in (("index", index), ("id", id)) if v is not None}]}


def calls(turn):
    return [(call.id, call.name, call.arguments) for call in turn.parts() if isinstance(call, ToolCall)]


def test_a_call_in_deltas(wire):
    events, turn = wire.deltas(
        piece(0, "c1", "add", "", type="function"),
        piece(0, arguments='{"a"'),
        piece(0, arguments=": 1}"),
        finish="tool_calls",
    )
    call = ToolCall("c1", "add", '{"a": 1}')
    assert events == [
        ToolCallStart(0, "c1", "add"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ": 1}"),
        ToolCallEnd(0, call),
        Done("tool_calls"),
    ]
    complete = wire.decode(
        {"tool_calls": [{"id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}]}, "tool_calls"
    )
    assert turn.parts() == complete.parts() == (call,)


def test_interleaved_calls_are_separated_by_index(wire):
    _, turn = wire.deltas(
        piece(0, "a", "f", ""),
        piece(1, "b", "g", ""),
        piece(1, arguments='{"x":'),
        piece(0, arguments='{"y":'),
        piece(1, arguments="1}"),
        piece(0, arguments="2}"),
    )
    assert calls(turn) == [("a", "f", '{"y":2}'), ("b", "g", '{"x":1}')]


def test_several_calls_in_one_delta(wire):
    both = {"tool_calls": piece(0, "a", "f", "{}")["tool_calls"] + piece(1, "b", "g", "{}")["tool_calls"]}
    _, turn = wire.deltas(both)
    assert calls(turn) == [("a", "f", "{}"), ("b", "g", "{}")]
    assert turn.finish_reason == "tool_calls"  # although the host sent `stop`


@pytest.mark.parametrize("index", [0, -1, None])
def test_a_new_id_under_the_same_index_is_a_new_call(wire, index):
    _, turn = wire.deltas(piece(index, "a", "f", "{}"), piece(index, "b", "f", '{"x":1}'))
    assert calls(turn) == [("a", "f", "{}"), ("b", "f", '{"x":1}')]


def test_a_complete_call_after_a_complete_call_with_the_same_index_is_a_new_call(wire):
    _, turn = wire.deltas(piece(0, None, "f", '{"x":1}'), piece(0, None, "f", '{"x":2}'), piece(0, None, "g", "{}"))
    assert [(name, arguments) for _, name, arguments in calls(turn)] == [
        ("f", '{"x":1}'),
        ("f", '{"x":2}'),
        ("g", "{}"),
    ]
    assert len({call[0] for call in calls(turn)}) == 3


def test_hosts_that_repeat_id_and_name_with_every_delta(wire):
    _, turn = wire.deltas(piece(0, "a", "f", '{"x"'), piece(0, "a", "f", ":1}"), piece(0, "a", "f", ""))
    assert calls(turn) == [("a", "f", '{"x":1}')]


def test_arguments_with_another_index_than_the_name_belong_to_the_open_call(wire):
    pieces = [piece(0, "a", "f", "{}"), piece(0, "b", "g", ""), piece(1, None, None, '{"x"'), piece(1, "", "", ":1}")]
    assert calls(wire.deltas(*pieces)[1]) == [("a", "f", "{}"), ("b", "g", '{"x":1}')]


def test_a_known_id_takes_precedence_over_a_shared_index(wire):
    pieces = [piece(0, "a", "f", ""), piece(0, "b", "g", ""), piece(0, "a", None, "{}"), piece(0, "b", None, "[1]")]
    assert calls(wire.deltas(*pieces)[1]) == [("a", "f", "{}"), ("b", "g", "[1]")]


def test_deltas_without_an_index_are_matched_by_id(wire):
    _, turn = wire.deltas(
        piece(None, "a", "f", ""),
        piece(None, "b", "g", ""),
        piece(None, "a", None, "{}"),
        piece(None, "b", None, "[1]"),
    )
    assert calls(turn) == [("a", "f", "{}"), ("b", "g", "[1]")]


def test_a_delta_with_neither_belongs_to_the_only_call(wire):
    _, turn = wire.deltas(piece(0, "a", "f", ""), piece(arguments="{}"))
    assert calls(turn) == [("a", "f", "{}")]


def test_a_delta_with_neither_belongs_to_the_only_incomplete_call(wire):
    _, turn = wire.deltas(
        piece(None, "a", "f", "{}"), piece(None, "b", "g", ""), piece(arguments="[1]"), {"tool_calls": [{}]}
    )
    assert calls(turn) == [("a", "f", "{}"), ("b", "g", "[1]")]


def test_an_ambiguous_delta_is_malformed(wire):
    with pytest.raises(MalformedResponse):
        wire.deltas(piece(0, "a", "f", ""), piece(1, "b", "g", ""), piece(arguments="{}"))


def test_missing_ids_are_generated_deterministically(wire):
    _, turn = wire.deltas(piece(0, None, "f", "{}"), piece(1, "", "f", "{}"))
    complete = wire.decode({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}] * 2})
    assert turn.parts() == complete.parts()
    first, second = (call.id for call in turn.parts())
    assert first != second
    other = wire.decode({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}, id="r2")
    assert other.parts()[0].id not in {first, second}


def test_a_name_that_comes_late_starts_the_call_late(wire):
    events, turn = wire.deltas(piece(0, "a", None, '{"x"'), piece(0, None, "f", ":1}"))
    assert events[:3] == [ToolCallStart(0, "a", "f"), ToolCallDelta(0, '{"x"'), ToolCallDelta(0, ":1}")]
    assert calls(turn) == [("a", "f", '{"x":1}')]


def test_a_call_without_a_name_is_kept(wire):
    _, turn = wire.deltas(piece(0, "a", None, "{}"))
    assert calls(turn) == [("a", "", "{}")]


def test_arguments_stay_as_the_model_wrote_them(wire):
    text = '{ "b": 1.50, "a": 1e3, "b": "\\u00e9" }'
    _, turn = wire.deltas(piece(0, "a", "f", text))
    assert calls(turn) == [("a", "f", text)]


def test_arguments_that_are_an_object_keep_their_bytes(wire):
    raw = '{"b":1.50,"a":12345678901234567890123}'
    call = b'{"index":0,"id":"a","function":{"name":"f","arguments":%s}}'
    data = b'{"choices":[{"index":0,"delta":{"tool_calls":[' + call + b"]}}]}"
    _, turn = wire.stream(data % raw.encode(), wire.chunk({}, "tool_calls"))
    assert calls(turn) == [("a", "f", raw)]


def test_a_surrogate_pair_split_between_two_deltas_is_joined(wire):
    data = rb'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"%s"}}]}}]}'
    _, turn = wire.stream(
        wire.chunk(piece(0, "a", "f", "")), data % rb"[\"\ud83d", data % rb"\ude00\"]", wire.chunk({}, "tool_calls")
    )
    assert calls(turn) == [("a", "f", '["😀"]')]


def test_function_call(wire):
    _, turn = wire.deltas(
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        finish="function_call",
    )
    complete = wire.decode({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, "function_call")
    assert turn.parts() == complete.parts()
    assert [call[1:] for call in calls(turn)] == [("f", "{}")]
    assert (turn.finish_reason, turn.native_finish_reason) == ("tool_calls", "function_call")


def test_state_of_a_call_in_deltas(wire):
    _, turn = wire.deltas(piece(0, "a", "f", "{}", extra_content={"g": 1}))
    assert turn.parts()[0].state[0].data == b'{"extra_content":{"g":1}}'


def test_tgis_calls(wire):
    """Streamed without a list around the call, with a number for an id, or with the object itself as arguments."""
    pieces = [
        {"index": 0, "id": "", "function": {"name": name, "arguments": a}} for name, a in (("f", "{"), (None, "}"))
    ]
    _, turn = wire.deltas(*({"tool_calls": piece} for piece in pieces), finish="eos_token")
    assert [(call.name, call.arguments) for call in turn.parts()] == [("f", "{}")]
    assert turn.finish_reason == "tool_calls"
    function = {"description": None, "name": "f", "arguments": {"a": 1.0}}
    (call,) = wire.decode({"tool_calls": [{"id": 0, "type": "function", "function": function}]}, "eos_token").parts()
    assert call == ToolCall("0", "f", '{"a":1.0}')


def test_calls_with_the_same_id_get_ids_of_their_own(wire):
    calls = [{"id": "null", "function": {"name": name, "arguments": "{}"}} for name in "fg"]
    parts = wire.decode({"tool_calls": calls}, "tool_calls").parts()
    assert [part.name for part in parts] == ["f", "g"]
    assert parts[0].id == "null" != parts[1].id
    _, turn = wire.deltas({"tool_calls": [{"index": n, **call} for n, call in enumerate(calls)]}, finish="tool_calls")
    assert turn.parts() == parts
    tails = [{"index": n, "id": "null", "function": {"arguments": a}} for n, a in ((0, "{}"), (1, "[1]"))]
    heads = [{"index": n, "id": "null", "function": {"name": name}} for n, name in enumerate("fg")]
    _, turn = wire.deltas({"tool_calls": heads}, {"tool_calls": tails}, finish="tool_calls")
    assert [part.arguments for part in turn.parts()] == ["{}", "[1]"]


def test_custom_calls(wire):
    _, turn = wire.deltas(
        {"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": "sel"}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "ect"}}]},
    )
    complete = wire.decode(
        {"tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "select"}}]}
    )
    assert turn.parts() == complete.parts()
    assert calls(turn) == [("a", "sql", "select")]


def test_an_incomplete_call_is_not_a_part(wire):
    _, turn = wire.stream(piece(0, "a", "f", '{"x'), done=False)
    assert turn.parts() == ()


BLANK = {"name": "", "arguments": ""}


@pytest.mark.parametrize(
    "members",
    [
        {"function_call": {}},
        {"function_call": BLANK},
        {"tool_calls": [{"index": 0, "id": "", "type": "function", "function": BLANK}]},
        {"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": None}}]},
        {"tool_calls": {}},
        {"tool_calls": [{}]},
    ],
    ids=str,
)
def test_a_blank_entry_is_no_call(wire, members):
    _, streamed = wire.deltas({"content": "hi", **members})
    for turn in (wire.decode({"content": "hi", **members}), streamed):
        assert [part.text for part in turn.parts()] == ["hi"]
        assert turn.finish_reason == "stop"


def test_a_blank_entry_beside_a_call(wire):
    _, turn = wire.deltas(piece(0, "", "", ""), piece(0, "a", "f", "{}"), piece(0, "", "", ""), finish="tool_calls")
    assert calls(turn) == [("a", "f", "{}")]


@pytest.mark.parametrize("name", ["f", None, ""])
@pytest.mark.parametrize("parts", [['{"x": 1}'], ["", '{"x"', ": 1}"]], ids=["whole", "pieces"])
def test_a_call_that_comes_again_under_its_index_and_id_is_the_same_call(wire, parts, name):
    first, *rest = parts
    deltas = [piece(0, "a", "f", first), *(piece(0, None, None, text) for text in rest)]
    _, turn = wire.deltas(*deltas, piece(0, "a", name, '{"x": 1}'), piece(0, "a", name, '{"x": 1}'))
    assert calls(turn) == [("a", "f", '{"x": 1}')]


@pytest.mark.parametrize("name", ["f", None])
def test_a_call_that_comes_again_with_its_arguments_encoded_twice_is_the_same_call(wire, name):
    pieces = [piece(0, "a", "f", '{"x"'), piece(0, "a", None, ": 1}")]
    _, turn = wire.deltas(*pieces, piece(0, "a", name, json.dumps('{"x": 1}')))
    assert calls(turn) == [("a", "f", '{"x": 1}')]


@pytest.mark.parametrize("again", ['{"x": 2}', '"', '{"x": 1}"'])
def test_other_arguments_encoded_twice_are_not_dropped(wire, again):
    _, turn = wire.deltas(piece(0, "a", "f", '{"x": 1}'), piece(0, "a", "f", json.dumps(again, ensure_ascii=False)))
    assert [arguments for _, _, arguments in calls(turn)] == ['{"x": 1}', json.dumps(again)]


def test_the_same_call_under_another_index_is_another_call(wire):
    _, turn = wire.deltas(piece(0, "a", "f", '{"x": 1}'), piece(1, "a", "f", '{"x": 1}'))
    assert [arguments for _, _, arguments in calls(turn)] == ['{"x": 1}'] * 2
