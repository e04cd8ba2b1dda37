"""Complete responses: every item becomes a part in its place."""

import json

import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.types import (
    Citation,
    ProviderPart,
    ReasoningPart,
    ServerToolCall,
    TextPart,
    TokenLogprob,
    ToolCall,
)
from ratatoskr.wire.failure import FailureReported
from ratatoskr.wire.responses import decode_response


def test_every_item_becomes_a_part_in_its_place_with_its_state(wire):
    turn = wire.decode(wire.output)
    kinds = [type(part) for part in turn.parts()]
    assert kinds == [ReasoningPart, ServerToolCall, TextPart, TextPart, ToolCall, ProviderPart]
    thinking, search, text, refusal, call, novelty = turn.parts()
    assert thinking.text == "First.\n\nSecond."
    assert thinking.state[0].data == wire.to_json(wire.output[0])
    assert thinking.state[0].issuer == "openai/responses/gpt-5.5"
    assert (search.id, search.name, search.arguments) == ("ws_1", "web_search", '{"type":"search","query":"q"}')
    note = wire.to_json(wire.output[2]["content"][0]["annotations"][0])
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
    assert novelty == ProviderPart("novelty_call", wire.to_json(wire.output[4]), "openai/responses/gpt-5.5")


def test_another_service_tier_gives_a_notice(wire):
    assert [n.code for n in wire.decode([wire.output[2]], service_tier="flex").notices] == ["service_tier"]
    assert wire.decode([wire.output[2]], service_tier="default").notices == []


def test_log_probabilities_keep_bytes_and_alternatives(wire):
    top = {"token": "H", "logprob": -1.5, "bytes": [72]}
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [top]}
    content = [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [token]}]
    (part,) = wire.decode([{**wire.output[2], "content": content}]).parts()
    assert part.logprobs == (TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("H", -1.5, (72,)),)),)


def test_an_unknown_content_part_is_kept_inside_its_message(wire):
    content = [{"type": "hologram", "shape": {"sides": 4}}]
    (part,) = wire.decode([{**wire.output[2], "content": content}]).parts()
    assert (part.kind, part.data) == ("hologram", b'{"type":"hologram","shape":{"sides":4}}')
    assert len(part.state) == 1


def test_a_lone_surrogate_becomes_a_replacement_character(wire):
    body = wire.to_json(wire.response_body([wire.output[2]])).replace("Hi 🌍".encode(), rb"Hi \ud83d!")
    assert decode_response(body, wire.target).parts()[0].text == "Hi \ufffd!"


def test_invalid_utf8_becomes_a_replacement_character(wire):
    body = wire.to_json(wire.response_body([wire.output[2]])).replace("🌍".encode(), b"\xff")
    assert decode_response(body, wire.target).parts()[0].text == "Hi \ufffd"


def test_an_error_with_status_200_is_raised(wire):
    with pytest.raises(FailureReported) as caught:
        decode_response(b'{"error":{"code":502,"message":"Provider returned error"}}', wire.target)
    assert (caught.value.failure.status, caught.value.failure.message) == (502, "Provider returned error")
    with pytest.raises(FailureReported) as caught:
        wire.decode([], status="failed", error={"code": "server_error", "message": "Sorry."})
    assert caught.value.failure.code == "server_error"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"output":{}}', b'{"id":1}', b"{", b"[" * 100])
def test_anything_else_is_malformed(wire, body):
    with pytest.raises(MalformedResponse):
        decode_response(body, wire.target)
