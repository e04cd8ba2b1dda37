"""Complete responses: every item becomes a part in its place."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.failure import FailureReported, ReportedFailure
from ratatoskr.wire.responses import StreamDecoder, decode_error, decode_response
from unit.wire.responses import conftest as story


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


def test_a_service_tier_other_than_the_usual_is_noticed(wire):
    assert [n.code for n in decoded(wire, [wire.output[2]], service_tier="flex").notices] == ["service_tier"]
    assert decoded(wire, [wire.output[2]], service_tier="default").notices == []


def test_log_probabilities_keep_bytes_and_runners_up(wire):
    top = {"token": "H", "logprob": -1.5, "bytes": [72]}
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [top]}
    content = [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": [token]}]
    (part,) = decoded(wire, [{**wire.output[2], "content": content}]).parts()
    assert part.logprobs == (TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("H", -1.5, (72,)),)),)


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


TARGET = Target("openai", "gpt-5.5", "responses")

EVENTS = story.told(story.OUTPUT)

KEYS = st.sampled_from(sorted({key for event in EVENTS for key in event} | set(story.CALL) | set(story.MESSAGE)))

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4) | st.just("\ud83d")

VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))

TYPES = st.sampled_from([event["type"] for event in EVENTS] + ["error", "response.failed", "response.novelty"])


def fed(decoder, name, data):
    try:
        return decoder.feed(name, data)
    except (FailureReported, MalformedResponse):
        return []


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200, deadline=None)
def test_random_bytes_never_break_a_decoder(body):
    fed(StreamDecoder(TARGET), "response.completed", body)
    assert isinstance(decode_error(body), ReportedFailure)
    with contextlib.suppress(FailureReported, MalformedResponse):
        decode_response(body, TARGET)


@given(st.integers(0, 4000), st.binary(max_size=3))
@settings(max_examples=200, deadline=None)
def test_broken_bodies_never_break_the_decoder(at, put):
    body = story.spell(story.whole(story.OUTPUT))
    broken = body[: at % len(body)] + put + body[at % len(body) + len(put) :]
    with contextlib.suppress(FailureReported, MalformedResponse):
        assert decode_response(broken, TARGET).done
