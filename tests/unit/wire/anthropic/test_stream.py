"""Streams, event by event."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratatoskr.errors import MalformedResponse
from ratatoskr.types.event import (
    CitationDelta,
    ContentDelta,
    Done,
    ProviderEvent,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)
from ratatoskr.types.part import TextPart, ToolCall
from ratatoskr.types.usage import Usage
from ratatoskr.wire.anthropic import StreamDecoder, decode_response
from ratatoskr.wire.failure import FailureReported
from unit.wire.anthropic.samples import TARGET, dump, event_values


def test_a_stream_and_its_whole_form_give_the_same_message(target, every_block, response_body, events, read):
    container = {"id": "container_1", "expires_at": "2026-11-30T00:00:00Z"}
    at_once = decode_response(response_body(every_block, container=container), target)
    streamed = read(events(every_block, container=container))[0].turn
    assert streamed.parts() == at_once.parts()
    assert streamed.usage == at_once.usage == Usage(15, 9, 3, 2, None, "provider")
    for name in ("finish_reason", "native_finish_reason", "model", "response_id", "detail", "done"):
        assert getattr(streamed, name) == getattr(at_once, name)
    assert at_once.done


def test_a_stream_gives_its_events_in_order(every_block, events, read):
    blocks = [every_block[0], every_block[6], every_block[14]]
    _, out = read(events(blocks, stop_reason="tool_use"))
    kinds = [type(event) for event in out]
    assert kinds == [
        *[ReasoningDelta] * 5,
        *[CitationDelta] * 2,
        *[ContentDelta] * 3,
        ToolCallStart,
        *[ToolCallDelta] * 7,
        ToolCallEnd,
        UsageEvent,
        Done,
    ]
    assert "".join(e.text for e in out if isinstance(e, ContentDelta)) == every_block[6]["text"]
    assert {e.part for e in out if isinstance(e, (ContentDelta, CitationDelta))} == {1}
    (end,) = (e for e in out if isinstance(e, ToolCallEnd))
    assert end.call == ToolCall("toolu_1", "get", '{"z":1.0,"a":["é"]}', state=end.call.state)
    assert end.call.state[0].data == b'{"caller":{"type":"direct"}}'
    assert out[-1] == Done("tool_calls")


def test_blocks_without_events_of_their_own_are_provider_events(every_block, events, read):
    _, out = read(events(every_block))
    told = [(e.kind, json.loads(e.data)) for e in out if isinstance(e, ProviderEvent)]
    assert told == [
        (b["type"], b) for b in every_block if b["type"] not in ("text", "thinking", "tool_use", "redacted_thinking")
    ]


def test_later_usage_overwrites_and_what_is_absent_is_kept(read, events):
    given = events([])
    usage = b'{"output_tokens":40,"output_tokens_details":{"thinking_tokens":30}}'
    given.insert(-1, ("message_delta", b'{"type":"message_delta","delta":{},"usage":' + usage + b"}"))
    turn = read(given)[0].turn
    assert turn.usage == Usage(15, 40, 3, 2, 30, "provider")


def test_a_stream_is_complete_with_message_stop_only(read, events):
    given = events([{"type": "text", "text": "Hello"}])
    for cut in range(len(given)):
        decoder, out = read(given[:cut])
        assert not decoder.turn.done
        assert not any(isinstance(event, Done) for event in out)
    decoder, out = read(given)
    assert decoder.turn.done
    assert [type(e) for e in out].count(Done) == 1
    assert isinstance(out[-1], Done)


def test_after_the_end_everything_is_ignored(read, events):
    given = events([{"type": "text", "text": "Hello"}])
    _, once = read(given)
    _, twice = read([*given, *given, ("error", b'{"type":"error","error":{"type":"api_error"}}'), ("", b"[DONE]")])
    assert twice == once


def test_an_error_event_is_raised_with_the_status_of_its_type(read, events):
    given = [*events([{"type": "text", "text": "Hel"}])[:3]]
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'
    with pytest.raises(FailureReported) as told:
        read([*given, ("error", error)])
    failure = told.value.failure
    assert (failure.kind, failure.message, failure.status) == ("overloaded_error", "Overloaded", 529)


@pytest.mark.parametrize("name", ["error", ""])
def test_an_error_without_a_type_is_raised(read, name):
    with pytest.raises(FailureReported) as told:
        read([(name, b'{"error":{"message":"boom"}}')])
    assert (told.value.failure.message, told.value.failure.status) == ("boom", 500)


@pytest.mark.parametrize(
    "data",
    [
        b"[DONE]",
        b"3",
        b'{"type":"content_block_delta","index":0}',
        b'{"type":"content_block_delta","index":"0","delta":{"type":"text_delta","text":"a"}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":1}}',
        b'{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}',
        b'{"type":"content_block_start","index":0}',
        b'{"type":"message_start"}',
    ],
)
def test_an_event_of_another_shape_is_malformed(target, data):
    with pytest.raises(MalformedResponse):
        StreamDecoder(target).feed("", data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"content_block_novelty","index":"x","delta":[],"message":"hello"}',
        b'{"type":"ping"}',
        b'{"type":"future","usage":3}',
    ],
)
def test_unknown_events_are_ignored(target, data):
    assert StreamDecoder(target).feed("", data) == []


def _start(index: int, block: str) -> tuple[str, bytes]:
    return "", f'{{"type":"content_block_start","index":{index},"content_block":{block}}}'.encode()


def _delta(index: int, delta: str) -> tuple[str, bytes]:
    return "", f'{{"type":"content_block_delta","index":{index},"delta":{delta}}}'.encode()


_END = ("", b'{"type":"message_stop"}')


def test_fragments_of_two_calls_are_separated_by_index(read):
    given = [
        _start(0, '{"type":"tool_use","id":"a","name":"f","input":{}}'),
        _start(1, '{"type":"tool_use","id":"b","name":"g","input":{}}'),
        _delta(1, '{"type":"input_json_delta","partial_json":"{\\"y\\":"}'),
        _delta(0, '{"type":"input_json_delta","partial_json":"{\\"x\\":1}"}'),
        _delta(1, '{"type":"input_json_delta","partial_json":"2}"}'),
        _END,
    ]
    decoder, _ = read(given)
    assert decoder.turn.parts() == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"y":2}'))


def test_a_call_that_begins_under_a_used_index_is_a_new_call(read):
    given = [
        _start(0, '{"type":"tool_use","id":"a","name":"f","input":{}}'),
        _delta(0, '{"type":"input_json_delta","partial_json":"{\\"x\\":1}"}'),
        _start(0, '{"type":"tool_use","id":"b","name":"g","input":{"whole":true}}'),
        _END,
    ]
    decoder, out = read(given)
    assert decoder.turn.parts() == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"whole":true}'))
    assert [e.index for e in out if isinstance(e, ToolCallEnd)] == [0, 1]


def test_input_after_a_call_has_ended_is_malformed(read):
    given = [
        _start(0, '{"type":"tool_use","id":"a","name":"f","input":{}}'),
        ("", b'{"type":"content_block_stop","index":0}'),
        _delta(0, '{"type":"input_json_delta","partial_json":"{}"}'),
    ]
    with pytest.raises(MalformedResponse):
        read(given)


def test_text_in_a_tool_call_is_malformed(read):
    given = [
        _start(0, '{"type":"tool_use","id":"a","name":"f","input":{}}'),
        _delta(0, '{"type":"text_delta","text":"hm"}'),
    ]
    with pytest.raises(MalformedResponse):
        read(given)


def test_the_last_signature_replaces(read):
    given = [
        _start(0, '{"type":"thinking","thinking":"","signature":""}'),
        _delta(0, '{"type":"signature_delta","signature":"one"}'),
        _delta(0, '{"type":"signature_delta","signature":"two"}'),
        _END,
    ]
    (part,) = read(given)[0].turn.parts()
    assert [state.data for state in part.state] == [b'{"signature":"two"}']


def test_halves_of_a_pair_are_joined_and_a_lone_half_is_replaced(read, target):
    given = [
        _start(0, '{"type":"text","text":""}'),
        _delta(0, '{"type":"text_delta","text":"a\\ud83c"}'),
        _delta(0, '{"type":"text_delta","text":"\\udf1e b\\ud83c"}'),
        ("", b'{"type":"content_block_stop","index":0}'),
        _END,
    ]
    decoder, _ = read(given)
    assert decoder.turn.parts() == (TextPart("a\U0001f31e b\ufffd"),)
    body = b'{"content":[{"type":"text","text":"x\\ud83c y"},{"type":"text","text":"\\ud83c"}]}'
    assert decode_response(body, target).parts() == (TextPart("x\ufffd y"), TextPart("\ufffd"))


def test_deltas_of_unknown_blocks_are_merged_into_them(read):
    given = [
        _start(0, '{"type":"poem","lines":"","n":1}'),
        _delta(0, '{"type":"poem_delta","lines":"roses ","n":2}'),
        _delta(0, '{"type":"poem_delta","lines":"are red","title":"T"}'),
        _delta(0, '{"type":"text_delta","text":"!"}'),
        ("", b'{"type":"content_block_stop","index":0}'),
        _END,
    ]
    (part,) = read(given)[0].turn.parts()
    assert json.loads(part.data) == {"type": "poem", "lines": "roses are red", "n": 2, "title": "T", "text": "!"}


def test_unknown_deltas_of_known_blocks_are_provider_events(read):
    given = [_start(0, '{"type":"text","text":"a"}'), _delta(0, '{"type":"shade_delta","shade":"blue"}'), _END]
    _, out = read(given)
    assert [e.kind for e in out if isinstance(e, ProviderEvent)] == ["shade_delta"]


def test_changes_to_the_request_are_provider_events(read):
    changed = (
        b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"context_management":{"applied_edits":[]},'
        b'"input_transformations":[]}'
    )
    _, out = read([("message_delta", changed), _END])
    assert [e.kind for e in out if isinstance(e, ProviderEvent)] == ["context_management", "input_transformations"]


def test_a_server_call_cut_in_its_input_keeps_the_text_so_far(read):
    given = [
        _start(0, '{"type":"server_tool_use","id":"s","name":"web_search","input":{}}'),
        _delta(0, '{"type":"input_json_delta","partial_json":"{\\"query\\": \\"wea"}'),
        _END,
    ]
    decoder, out = read(given)
    (part,) = decoder.turn.parts()
    assert part.arguments == '{"query": "wea'
    (told,) = (e for e in out if isinstance(e, ProviderEvent))
    assert json.loads(told.data)["input"] == '{"query": "wea'


def test_a_second_message_inside_the_first_is_malformed(read, events):
    given = events([{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}])
    again = given[0][1].replace(b"msg_1", b"msg_2")
    assert read([given[0], *given])[0].turn.done
    with pytest.raises(MalformedResponse, match="a second message"):
        read([*given[:4], ("message_start", again), *given[1:]])


@pytest.mark.parametrize(
    "data", [b"upstream connect error", b'{"error":{"message":"upstream connect error"},"index":"x"}']
)
def test_an_error_event_in_another_form_is_raised(read, data):
    with pytest.raises(FailureReported) as told:
        read([("error", data)])
    assert (told.value.failure.message, told.value.failure.status) == ("upstream connect error", 500)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(event_values, max_size=8))
def test_events_of_any_kind_give_events_or_a_typed_error(events):
    decoder = StreamDecoder(TARGET)
    out = []
    with contextlib.suppress(FailureReported, MalformedResponse):
        for event in events:
            out += decoder.feed(event["type"], dump(event))
    assert [e for e in out if isinstance(e, Done)] == ([out[-1]] if decoder.turn.done else [])
    calls = [part for part in decoder.turn.parts() if part.type == "tool_call"]
    assert [e.call for e in out if isinstance(e, ToolCallEnd)][: len(calls)] == calls
    for part in decoder.turn.parts():
        assert type(part).from_json(part.to_json()) == part


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_event_gives_events_or_a_typed_error(every_block, events, data):
    given_events = events(every_block)
    at = data.draw(st.integers(0, len(given_events) - 1))
    name, body = given_events[at]
    start = data.draw(st.integers(0, len(body)))
    damage = data.draw(st.binary(max_size=4))
    given_events[at] = (name, body[:start] + damage + body[start + data.draw(st.integers(0, 4)) :])
    decoder = StreamDecoder(TARGET)
    with contextlib.suppress(FailureReported, MalformedResponse):
        for event, body in given_events:
            decoder.feed(event, body)


@given(st.binary(max_size=200), st.sampled_from(["", "error", "content_block_delta"]))
def test_any_bytes_give_events_or_a_typed_error(body, name):
    with contextlib.suppress(FailureReported, MalformedResponse):
        StreamDecoder(TARGET).feed(name, body)
    with contextlib.suppress(FailureReported, MalformedResponse):
        decode_response(body, TARGET)
