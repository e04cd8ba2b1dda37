"""Whole responses, and the parts that content blocks become."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.part import ProviderPart, ReasoningPart, ServerToolCall, ServerToolResult, TextPart, ToolCall
from ratatoskr.types.usage import Usage
from ratatoskr.wire.anthropic import StreamDecoder, decode_response
from ratatoskr.wire.failure import FailureReported
from unit.wire.anthropic.samples import TARGET, block_values, dump, json_values


def test_every_block_becomes_a_part_in_order(target, every_block, response_body):
    parts = decode_response(response_body(every_block), target).parts()
    assert [type(part) for part in parts] == [
        *[ReasoningPart] * 3,
        ServerToolCall,
        ServerToolResult,
        TextPart,
        TextPart,
        *[ServerToolCall, ServerToolResult] * 2,
        *[ProviderPart] * 3,
        *[ToolCall] * 2,
    ]
    thinking, signed, redacted, call, result, _, cited, _, failed, mcp, mcp_result, _, compaction, _, tool, bare = parts
    assert thinking.text == "Let me see … 🤔"
    assert thinking.state[0].data == b'{"signature":"c2lnbmF0dXJl+/=="}'
    assert thinking.state[0].issuer == target.issuer
    assert (signed.text, signed.state[0].data) == ("", b'{"signature":"b25seSBzaWduZWQ="}')
    assert json.loads(redacted.state[0].data) == every_block[2]
    assert (call.id, call.name, call.arguments) == ("srvtoolu_1", "web_search", '{"query":"weather in Paris"}')
    assert (result.tool_call_id, result.name, result.is_error) == ("srvtoolu_1", "web_search", False)
    assert json.loads(result.content) == every_block[4]["content"]
    assert [(c.url, c.title, c.text) for c in cited.citations] == [
        ("https://a.example", "A", "Sun."),
        (None, "Doc", "Sun"),
    ]
    assert json.loads(cited.citations[1].data) == every_block[6]["citations"][1]
    assert (failed.name, failed.is_error) == ("bash_code_execution", True)
    assert (mcp.name, mcp.arguments) == ("ask", '{"q":1.5}')
    assert (mcp_result.name, mcp_result.is_error) == ("ask", True)
    assert json.loads(compaction.data) == every_block[12]
    assert (tool.id, tool.name, tool.arguments) == ("toolu_1", "get", '{"z":1.0,"a":["é"]}')
    assert bare.arguments == "{}"


def test_arguments_keep_key_order_numbers_and_spaces_of_the_wire(target):
    body = (
        b'{"type":"message","content":[{"type":"tool_use","id":"t","name":"f",'
        b'"input":{ "b" : 1.50, "a":12345678901234567890123, "b": 2e400 }}],"stop_reason":"tool_use"}'
    )
    (call,) = decode_response(body, target).parts()
    assert call.arguments == '{ "b" : 1.50, "a":12345678901234567890123, "b": 2e400 }'


@pytest.mark.parametrize(
    ("native", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "paused"),
        ("refusal", "refusal"),
        ("tomorrow", "unknown"),
    ],
)
def test_stop_reasons_are_converted_and_the_native_one_is_kept(target, response_body, events, read, native, ours):
    for turn in (
        decode_response(response_body([], stop_reason=native), target),
        read(events([], stop_reason=native))[0].turn,
    ):
        assert (turn.finish_reason, turn.native_finish_reason) == (ours, native)


def test_a_refusal_keeps_the_providers_explanation(target, response_body, events, read):
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    blocks = [{"type": "text", "text": "I cannot"}]
    streamed = read(events(blocks, stop_reason="refusal", stop_details=details))[0].turn
    at_once = decode_response(response_body(blocks, stop_reason="refusal", stop_details=details), target)
    assert streamed.detail == at_once.detail == "Not this."
    assert at_once.parts() == (TextPart("I cannot"),)


def test_usage_that_was_not_reported_is_unknown(target):
    turn = decode_response(b'{"type":"message","content":[],"usage":{"output_tokens":-3,"input_tokens":null}}', target)
    assert turn.usage == Usage()
    assert [notice.field for notice in turn.notices] == ["usage.output_tokens"]
    assert decode_response(b'{"type":"message","content":[]}', target).usage == Usage()


@pytest.mark.parametrize(
    ("iterations", "usage"),
    [
        (None, Usage.of_provider(input_tokens=220, cache_read=0, output_tokens=8)),
        ([], Usage.of_provider(input_tokens=220, cache_read=0, output_tokens=8)),
        (
            [{"type": "message", "input_tokens": 220, "output_tokens": 8}],
            Usage.of_provider(input_tokens=220, cache_read=0, output_tokens=8),
        ),
        (
            [
                {"type": "compaction", "input_tokens": 100, "cache_creation_input_tokens": 5096, "output_tokens": 82},
                {"type": "message", "input_tokens": 220, "output_tokens": 8},
            ],
            Usage.of_provider(input_tokens=5416, cache_read=0, cache_write=5096, output_tokens=90),
        ),
        (
            [
                {"type": "message", "input_tokens": 100, "output_tokens": 3},
                {"type": "advisor_message", "model": "b", "input_tokens": 2518, "output_tokens": 22},
                {"type": "message", "input_tokens": 120, "output_tokens": 5},
                {"type": "advisor_message", "model": "b", "input_tokens": 10, "cache_read_input_tokens": 7},
            ],
            Usage.of_provider(input_tokens=2755, cache_read=7, output_tokens=30),
        ),
    ],
)
def test_iterations_that_the_counts_do_not_include_are_added(target, iterations, usage):
    counts = {"input_tokens": 220, "cache_read_input_tokens": 0, "output_tokens": 8, "iterations": iterations}
    body = {"type": "message", "content": [], "stop_reason": "end_turn", "usage": counts}
    assert decode_response(json.dumps(body).encode(), target).usage == usage
    decoder = StreamDecoder(target)
    start = {"input_tokens": 60385, "output_tokens": 5}
    for event in (
        {"type": "message_start", "message": {"type": "message", "id": "m", "usage": start}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 1, "iterations": None},
        },
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": counts},
        {"type": "message_stop"},
    ):
        decoder.feed("", json.dumps(event).encode())
    assert decoder.turn.usage == usage


def test_odd_iterations_cost_neither_the_answer_nor_the_other_counts(target):
    for iterations, field in (
        ({}, "usage.iterations"),
        ([{"type": "compaction", "input_tokens": 1.5}], "usage.iterations.input_tokens"),
    ):
        usage = {"input_tokens": 3, "output_tokens": 2, "iterations": iterations}
        body = {
            "type": "message",
            "content": [{"type": "text", "text": "hi"}],
            "stop_reason": "end_turn",
            "usage": usage,
        }
        turn = decode_response(json.dumps(body).encode(), target)
        assert turn.usage == Usage.of_provider(input_tokens=3, output_tokens=2)
        assert [notice.field for notice in turn.notices] == [field]


def test_an_error_in_a_whole_response_is_raised(target):
    with pytest.raises(FailureReported) as told:
        decode_response(b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}}', target)
    assert told.value.failure.status == 429


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"content":"text"}',
        b'{"content":[1]}',
        b'{"content":[{}]}',
        b'{"content":[{"type":1}]}',
        b'{"content":[{"type":"text","text":7}]}',
        b'{"content":[{"type":"tool_use","id":"t"}]}',
        b'{"content":[{"type":"text","text":"a',
        b'{"content":' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
def test_a_body_of_another_shape_is_malformed(target, body):
    with pytest.raises(MalformedResponse):
        decode_response(body, target)


def test_a_call_without_an_id_gets_a_stable_one(target, response_body):
    body = response_body([{"type": "tool_use", "name": "f", "input": {}}])
    first, second = (decode_response(body, target).parts()[0] for _ in range(2))
    assert first.id
    assert first.id == second.id


def test_thinking_that_was_never_signed_has_no_state(target, response_body):
    parts = decode_response(response_body([{"type": "thinking", "thinking": "hm", "signature": ""}]), target).parts()
    assert parts == (ReasoningPart("hm"),)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(block_values, max_size=4), json_values, json_values)
def test_bodies_of_any_kind_give_a_turn_or_a_typed_error(blocks, usage, extra):
    body = {"content": blocks, "usage": usage, "stop_details": extra, "container": extra}
    with contextlib.suppress(FailureReported, MalformedResponse):
        turn = decode_response(dump(body), TARGET)
        assert turn.done
        turn.parts()
