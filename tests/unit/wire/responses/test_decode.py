"""Whole responses become turns."""

import json
from decimal import Decimal

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types import (
    Citation,
    ImagePart,
    ProviderPart,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    TokenLogprob,
    ToolCall,
    Usage,
)
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.responses import decode_response


def decoded(wire, output, **fields):
    return decode_response(wire.spell(wire.whole(output, **fields)), wire.target)


def test_every_item_becomes_a_part_in_its_place_with_its_state(wire):
    turn = decoded(wire, wire.output)
    kinds = [type(part) for part in turn.parts()]
    assert kinds == [ReasoningPart, ServerToolCall, TextPart, TextPart, ToolCall, ProviderPart]
    thinking, search, text, refusal, call, novelty = turn.parts()
    assert thinking.text == "First.\n\nSecond."
    assert thinking.state[0].data == wire.spell(wire.output[0])
    assert thinking.state[0].issuer == "openai/responses/gpt-5.5"
    assert (search.id, search.name, search.arguments) == ("ws_1", "web_search", '{"type":"search","query":"q"}')
    note = wire.spell(wire.output[2]["content"][0]["annotations"][0])
    assert text.citations == (Citation("https://a.example/", "A", None, 0, 2, note),)
    assert json.loads(text.state[0].data) == {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "phase": "final_answer",
    }
    assert refusal.text == "No more."
    assert (call.id, call.name, call.arguments) == ("call_1", "add", '{"b": 2.0, "a":1}')
    assert novelty == ProviderPart("novelty_call", wire.spell(wire.output[4]), "openai/responses/gpt-5.5")


def test_usage_is_disjoint_and_model_and_id_are_those_answered(wire):
    turn = decoded(wire, [wire.output[2]])
    assert turn.usage == Usage(30, 60, 10, 30, 20, "provider")
    assert (turn.model, turn.response_id, turn.cost) == ("gpt-5.5-2026-04-23", "resp_1", None)


def test_what_openrouter_billed_is_the_cost_to_the_last_digit(wire):
    turn = decoded(wire, [wire.output[2]], usage={"input_tokens": 1, "cost": 1.8e-05})
    assert turn.cost.amount == Decimal("0.000018")
    assert turn.usage == Usage(1, None, None, None, None, "provider")


@pytest.mark.parametrize(
    ("fields", "reason", "native"),
    [
        ({}, "stop", "completed"),
        ({"status": None}, "stop", None),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
            "max_output_tokens",
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
            "content_filter",
        ),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "unknown", "steered"),
        ({"status": "incomplete"}, "unknown", "incomplete"),
        ({"status": "novel"}, "unknown", "novel"),
    ],
)
def test_the_status_gives_the_finish_reason(wire, fields, reason, native):
    text = {**wire.output[2], "content": wire.output[2]["content"][:1]}
    turn = decoded(wire, [text], **fields)
    assert (turn.finish_reason, turn.native_finish_reason, turn.done) == (reason, native, True)


def test_a_call_and_a_refusal_end_with_a_reason_of_their_own(wire):
    assert decoded(wire, wire.output).finish_reason == "tool_calls"
    turn = decoded(wire, [wire.output[2]])
    assert (turn.finish_reason, turn.detail) == ("refusal", "No more.")


def test_a_service_tier_other_than_the_usual_is_noticed(wire):
    assert [n.code for n in decoded(wire, [wire.output[2]], service_tier="flex").notices] == ["service_tier"]
    assert decoded(wire, [wire.output[2]], service_tier="default").notices == []


def test_log_probabilities_keep_bytes_and_runners_up(wire):
    top = {"token": "H", "logprob": -1.5, "bytes": [72]}
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [top]}
    content = [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [token]}]
    (part,) = decoded(wire, [{**wire.output[2], "content": content}]).parts()
    assert part.logprobs == (TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("H", -1.5, (72,)),)),)


def test_a_picture_that_was_generated_is_an_image(wire):
    item = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "AAEC"}
    (part,) = decoded(wire, [{**item, "output_format": "webp"}]).parts()
    assert (part.data, part.media_type) == (b"\x00\x01\x02", "image/webp")
    (part,) = decoded(wire, [{**item, "result": "data:image/jpeg;base64,AAEC"}]).parts()
    assert isinstance(part, ImagePart)
    assert (part.data, part.media_type) == (b"\x00\x01\x02", "image/jpeg")
    (part,) = decoded(wire, [{**item, "result": None}]).parts()
    assert isinstance(part, ProviderPart)


def test_tools_run_by_the_provider_give_a_call_and_a_result(wire):
    code = {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "code": "1+1", "container_id": "c"}
    outputs = [{"type": "logs", "logs": "2"}]
    mcp = {"id": "mcp_1", "type": "mcp_call", "name": "ask", "arguments": '{"q":1}', "server_label": "s"}
    found = {"id": "so", "type": "tool_search_output", "call_id": None, "execution": "server", "tools": []}
    search = {"id": "sc", "type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {"p": 1}}
    failed = {**mcp, "id": "mcp_2", "output": None, "error": "gone"}
    parts = decoded(wire, [{**code, "outputs": outputs}, {**mcp, "output": "yes"}, failed, search, found]).parts()
    assert [(p.id, p.name, p.arguments) for p in parts if isinstance(p, ServerToolCall)] == [
        ("ci_1", "code_interpreter", '{"code":"1+1"}'),
        ("mcp_1", "ask", '{"q":1}'),
        ("mcp_2", "ask", '{"q":1}'),
        ("sc", "tool_search", '{"p":1}'),
    ]
    assert [(p.tool_call_id, p.content, p.is_error) for p in parts if isinstance(p, ServerToolResult)] == [
        ("ci_1", '[{"type":"logs","logs":"2"}]', False),
        ("mcp_1", '"yes"', False),
        ("mcp_2", '"gone"', True),
        ("sc", "[]", False),
    ]
    assert decoded(wire, [mcp]).finish_reason == "stop"


@pytest.mark.parametrize(
    ("item", "name", "arguments"),
    [
        ({"type": "custom_tool_call", "name": "math", "input": "4 + 4"}, "math", "4 + 4"),
        ({"type": "computer_call", "action": {"type": "click"}}, "computer", '{"type":"click"}'),
        ({"type": "local_shell_call", "action": {"type": "exec"}}, "local_shell", '{"type":"exec"}'),
        (
            {"type": "shell_call", "action": {"commands": []}, "environment": {"type": "local"}},
            "shell",
            '{"commands":[]}',
        ),
        ({"type": "apply_patch_call", "operation": {"path": "a"}}, "apply_patch", '{"path":"a"}'),
    ],
)
def test_tools_that_the_caller_runs_are_calls(wire, item, name, arguments):
    turn = decoded(wire, [{"id": "x_1", "call_id": "call_9", **item}])
    (part,) = turn.parts()
    assert (part.id, part.name, part.arguments) == ("call_9", name, arguments)
    assert turn.finish_reason == "tool_calls"


def test_a_shell_in_a_container_is_run_by_the_provider(wire):
    shell = {"id": "sh", "type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}
    (part,) = decoded(wire, [{**shell, "environment": {"type": "container_reference", "container_id": "c"}}]).parts()
    assert isinstance(part, ServerToolCall)


def test_a_content_part_without_a_word_is_kept_inside_its_message(wire):
    content = [{"type": "hologram", "shape": {"sides": 4}}]
    (part,) = decoded(wire, [{**wire.output[2], "content": content}]).parts()
    assert (part.kind, part.data) == ("hologram", b'{"type":"hologram","shape":{"sides":4}}')
    assert len(part.state) == 1


def test_a_lone_surrogate_becomes_a_replacement_character(wire):
    body = wire.spell(wire.whole([wire.output[2]])).replace("Hi 🌍".encode(), rb"Hi \ud83d!")
    assert decode_response(body, wire.target).parts()[0].text == "Hi \ufffd!"


def test_invalid_utf8_becomes_a_replacement_character(wire):
    body = wire.spell(wire.whole([wire.output[2]])).replace("🌍".encode(), b"\xff")
    assert decode_response(body, wire.target).parts()[0].text == "Hi \ufffd"


@pytest.mark.parametrize("status", ["failed", "cancelled", "queued", "in_progress"])
def test_a_response_without_an_answer_is_told(wire, status):
    with pytest.raises(FailureReported) as told:
        decoded(wire, [], status=status)
    assert told.value.failure.kind == status


def test_an_error_inside_a_200_is_told(wire):
    with pytest.raises(FailureReported) as told:
        decode_response(b'{"error":{"code":502,"message":"Provider returned error"}}', wire.target)
    assert (told.value.failure.status, told.value.failure.message) == (502, "Provider returned error")
    with pytest.raises(FailureReported) as told:
        decoded(wire, [], status="failed", error={"code": "server_error", "message": "Sorry."})
    assert told.value.failure.code == "server_error"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"output":{}}', b'{"id":1}', b"{", b"[" * 100])
def test_anything_else_is_malformed(wire, body):
    with pytest.raises(MalformedResponse):
        decode_response(body, wire.target)
